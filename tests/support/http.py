"""Ask an app as a client would, through httpx: bodies, hosts, and exceptions that the server gets to see too."""

import asyncio
from typing import Any

import httpx


def fetch(app: Any, url: str, *, method: str = "GET", **content: Any) -> httpx.Response:
    """Return the answer to one request; `url` may name a host."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, url, **content)

    return asyncio.run(main())
