"""By hand with FastAPI and aiohttp."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from os import environ
from typing import TypeVar
from urllib.parse import urlencode

import aiohttp
from fastapi import FastAPI, HTTPException
from pydantic import TypeAdapter

from benchmarks.contenders.more._contracts import Box, Fan, Item, Joined, Shelf, Stock

Model = TypeVar("Model")
ITEMS = environ.get("BFF_ITEMS__BASE_URL", "http://127.0.0.1:9001")
SHELF = environ.get("BFF_SHELF__BASE_URL", "http://127.0.0.1:9001")

sessions: list[aiohttp.ClientSession] = []
an_item, a_box, a_shelf, a_stock = TypeAdapter(Item), TypeAdapter(Box), TypeAdapter(Shelf), TypeAdapter(Stock)
many_stocks = TypeAdapter(list[Stock])


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """Keep one session for all requests."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        sessions.append(session)
        yield


async def fetch(url: str, adapter: TypeAdapter[Model]) -> Model:
    """Return what a 200 holds."""
    try:
        async with sessions[0].get(url) as response:
            response.raise_for_status()
            return adapter.validate_json(await response.read())
    except aiohttp.ClientError:
        raise HTTPException(502) from None


async def fan(parts: int, item_id: int) -> Fan:
    """Answer with small things, asked for beside one another."""
    calls = (fetch(f"{ITEMS}/items/{item_id}/{part}", an_item) for part in range(parts))
    return Fan(items=await asyncio.gather(*calls))


async def box(size: int, box_id: int) -> Box:
    """Answer with something large."""
    return await fetch(f"{ITEMS}/boxes/{size}/{box_id}", a_box)


async def joined(shelf_id: int) -> list[Joined]:
    """Answer with a hundred things, and ask once how many there are of each."""
    shelf = await fetch(f"{SHELF}/shelves/{shelf_id}", a_shelf)
    query = urlencode([("skus", line.sku) for line in shelf.lines])
    stocks = {stock.sku: stock for stock in await fetch(f"{SHELF}/stock?{query}", many_stocks)}
    return [Joined(sku=line.sku, quantity=line.quantity, available=stocks[line.sku].available) for line in shelf.lines]


async def joined_singly(shelf_id: int) -> list[Joined]:
    """Answer with a hundred things, and ask for each how many there are."""
    shelf = await fetch(f"{SHELF}/shelves/{shelf_id}", a_shelf)
    stocks = await asyncio.gather(*(fetch(f"{SHELF}/stock/{line.sku}", a_stock) for line in shelf.lines))
    return [
        Joined(sku=line.sku, quantity=line.quantity, available=stock.available)
        for line, stock in zip(shelf.lines, stocks, strict=True)
    ]


async def small(item_id: int) -> Item:
    """Answer with something small."""
    return await fetch(f"{ITEMS}/items/{item_id}/0", an_item)


app = FastAPI(lifespan=lifespan)
app.add_api_route("/fan/{parts}/{item_id}", fan)
app.add_api_route("/boxes/{size}/{box_id}", box)
app.add_api_route("/joined/{shelf_id}", joined)
app.add_api_route("/joined-singly/{shelf_id}", joined_singly)
for number in range(int(environ.get("BENCH_ENDPOINTS", "0"))):
    app.add_api_route(f"/small/{number}/{{item_id}}", small)
