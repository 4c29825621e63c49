"""Routers that know of clients: one profile's for another app, and what is said where a path is another client's."""

from http import HTTPStatus
from typing import Any

from fastapi.routing import APIRouter
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from bff.rest._choice import Choice
from bff.rest._route import NOT_CHOSEN

__all__ = ["ProfileRouter", "absent"]


class ProfileRouter(APIRouter):
    """The pages of one profile for another app, which sees those requests alone that are the profile's."""

    def __init__(self, choice: Choice | None, **options: Any) -> None:
        super().__init__(**options)
        self._choice = choice

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request is for this router."""
        if self._choice is not None and scope["type"] == "http" and self._choice.of(scope) is None:
            return Match.NONE, {}
        return super().matches(scope)


def absent(default: ASGIApp) -> ASGIApp:
    """Return what answers where no route does: as `default`, but for a path that another client would have."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        names = scope.get(NOT_CHOSEN)
        if names:
            raise HTTPException(HTTPStatus.NOT_FOUND, headers={"vary": ", ".join(names)})
        await default(scope, receive, send)

    return answer
