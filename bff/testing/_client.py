"""A client on an app in this process, for which an app starts and stops as it does for a server."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

__all__ = ["asking", "living"]

Active = Callable[[], AbstractContextManager[None]]
"""Returns what the app has to run in."""


@asynccontextmanager
async def living(app: Starlette, active: Active) -> AsyncGenerator[Mapping[str, Any]]:
    """Start an app and stop it in the end; the value is what its lifespan hands to requests."""
    lifespan = app.router.lifespan_context(app)

    async def leave(
        kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with active():
            return await lifespan.__aexit__(kind, error, trace)

    async with AsyncExitStack() as stack:
        with active():
            state = await lifespan.__aenter__()
        stack.push_async_exit(leave)
        yield state or {}


def asking(
    app: Starlette,
    active: Active,
    *,
    state: Mapping[str, Any],
    base_url: str = "http://test",
    headers: Mapping[str, str] | None = None,
    raise_app_exceptions: bool = True,
) -> httpx.AsyncClient:
    """Return a client of an app that is running."""

    async def stated(scope: Scope, receive: Receive, send: Send) -> None:
        # For each request alone: what else happens in the same task is not to notice.
        with active():
            await app({**scope, "state": dict(state)}, receive, send)

    transport = httpx.ASGITransport(stated, raise_app_exceptions=raise_app_exceptions)
    return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)
