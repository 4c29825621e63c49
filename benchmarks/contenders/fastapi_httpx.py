"""By hand with FastAPI and httpx: one client, calls gathered, no resilience."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException

from benchmarks.contenders._by_hand import add_pages

client = httpx.AsyncClient()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """Keep one client for all requests."""
    async with client:
        yield


async def fetch(url: str) -> bytes:
    """Return the body of a 200."""
    response = await client.get(url)
    if not response.is_success:
        raise HTTPException(502)
    return response.content


app = FastAPI(lifespan=lifespan)
add_pages(app, fetch)
