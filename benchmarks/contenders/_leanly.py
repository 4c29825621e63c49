"""What the pages on Starlette, pyreqwest and msgspec share: one client, and JSON by msgspec on both sides."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from pyreqwest.client import Client, ClientBuilder
from starlette.applications import Starlette
from starlette.responses import Response

Decoded = TypeVar("Decoded")

clients: list[Client] = []


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    """Keep one client for all requests."""
    async with ClientBuilder().error_for_status().build() as client:
        clients.append(client)
        yield


async def fetch(url: str, decoder: msgspec.json.Decoder[Decoded]) -> Decoded:
    """Return what a 200 holds."""
    response = await clients[0].get(url).build().send()
    return decoder.decode(await response.bytes())


def answer(page: Any) -> Response:
    """Return a page as JSON."""
    return Response(msgspec.json.encode(page), media_type="application/json")
