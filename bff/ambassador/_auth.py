"""Add to every try what proves who is calling."""

import inspect
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from bff.ambassador._coalescing import Identified, everyone
from bff.ambassador._core import Context, Layer, Request, Response, Send

if TYPE_CHECKING:
    import httpx

__all__ = ["Auth", "authenticating"]

Auth: TypeAlias = "httpx.Auth | Callable[[Request], Mapping[str, str] | Awaitable[Mapping[str, str]]]"
"""An `httpx.Auth`, or a function that returns the headers to add to a request; it may be asynchronous."""


def authenticating(auth: Auth) -> Layer:
    """
    Ask `auth` at each try, so that one that is repeated carries a credential that is still good.

    The innermost layer: what it takes counts against the try's own time. A function is asked for the credential also
    before a read is shared with others; whose credentials an `httpx.Auth` gives is known only of httpx's own.
    """
    if not callable(auth):
        from bff.ambassador._httpx import httpx_auth, is_the_same_for_all

        by_httpx, identify = httpx_auth(auth), everyone if is_the_same_for_all(auth) else None
        return lambda send: Identified(by_httpx(send), identify)

    async def identify_by(request: Request) -> Hashable | None:
        # One that fails is asked again when its time comes, and its error is a try's.
        with suppress(Exception):
            return tuple((await asked(request)).items())
        return None

    async def asked(request: Request) -> Mapping[str, str]:
        added = auth(request)
        return await added if inspect.isawaitable(added) else added

    def layer(send: Send) -> Send:
        async def authenticated(request: Request, context: Context) -> Response:
            added = await asked(request)
            names = {name.lower() for name in added}
            kept = [pair for pair in request.headers if pair[0] not in names]
            return await send(replace(request, headers=[*kept, *_lowered(added)]), context)

        return Identified(authenticated, identify_by)

    return layer


def _lowered(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]
