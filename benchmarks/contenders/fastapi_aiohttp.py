"""By hand with FastAPI and aiohttp: one session, calls gathered, no resilience."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from fastapi import FastAPI, HTTPException

from benchmarks.contenders._by_hand import add_pages

sessions: list[aiohttp.ClientSession] = []


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """Keep one session for all requests."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        sessions.append(session)
        yield


async def fetch(url: str) -> bytes:
    """Return the body of a 200."""
    try:
        async with sessions[0].get(url) as response:
            response.raise_for_status()
            return await response.read()
    except aiohttp.ClientError:
        raise HTTPException(502) from None


app = FastAPI(lifespan=lifespan)
add_pages(app, fetch)
