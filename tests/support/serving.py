"""An app behind a real uvicorn, in the running loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import uvicorn

__all__ = ["served"]

_PATIENCE = 20.0


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncGenerator[int]:
    """Serve `app`, its lifespan included, on a free port, which is given."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
    serving = asyncio.create_task(server._serve())
    async with asyncio.timeout(_PATIENCE):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving
