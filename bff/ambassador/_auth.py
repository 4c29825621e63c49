"""Add to every try what proves who is calling."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from bff.ambassador._core import Context, Layer, Request, Response, Send

if TYPE_CHECKING:
    import httpx

__all__ = ["Auth", "authenticating"]

Auth: TypeAlias = "httpx.Auth | Callable[[Request], Mapping[str, str] | Awaitable[Mapping[str, str]]]"
"""An `httpx.Auth`, or a function that returns the headers to add to a request; it may be asynchronous."""


def authenticating(auth: Auth) -> Layer:
    """
    Ask `auth` at each try, so that one that is repeated carries a credential that is still good.

    The innermost layer: what it takes counts against the try's own time.
    """
    if not callable(auth):
        from bff.ambassador._httpx import httpx_auth

        return httpx_auth(auth)

    def layer(send: Send) -> Send:
        async def authenticated(request: Request, context: Context) -> Response:
            added = auth(request)
            if inspect.isawaitable(added):
                added = await added
            names = {name.lower() for name in added}
            kept = [pair for pair in request.headers if pair[0] not in names]
            return await send(replace(request, headers=[*kept, *_lowered(added)]), context)

        return authenticated

    return layer


def _lowered(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]
