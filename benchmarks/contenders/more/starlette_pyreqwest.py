"""By hand with Starlette, pyreqwest and msgspec."""

import asyncio
from os import environ
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.contenders._leanly import answer, fetch, lifespan

ITEMS = environ.get("BFF_ITEMS__BASE_URL", "http://127.0.0.1:9001")
SHELF = environ.get("BFF_SHELF__BASE_URL", "http://127.0.0.1:9001")


class Item(msgspec.Struct):
    """Something small."""

    id: int
    name: str
    value: int


class Row(msgspec.Struct):
    """A line of something large."""

    id: int
    name: str
    text: str
    price: float
    tags: list[str]


class Box(msgspec.Struct):
    """Something large."""

    size: int
    rows: list[Row]


class Line(msgspec.Struct):
    """A thing on a shelf."""

    sku: str
    quantity: int


class Shelf(msgspec.Struct):
    """A hundred things."""

    lines: list[Line]


class Stock(msgspec.Struct):
    """How many of a thing there are."""

    sku: str
    available: int


class Available(msgspec.Struct):
    """As above, where it is known of what."""

    available: int


class Joined(msgspec.Struct):
    """A thing on a shelf, with how many there are."""

    sku: str
    quantity: int
    available: int


class Fan(msgspec.Struct):
    """Small things, side by side."""

    items: list[Item]


an_item, a_box, a_shelf = msgspec.json.Decoder(Item), msgspec.json.Decoder(Box), msgspec.json.Decoder(Shelf)
a_stock, many_stocks = msgspec.json.Decoder(Available), msgspec.json.Decoder(list[Stock])


async def fan(request: Request) -> Response:
    """Answer with small things, asked for beside one another."""
    item_id: int = request.path_params["item_id"]
    parts = range(request.path_params["parts"])
    calls = (fetch(f"{ITEMS}/items/{item_id}/{part}", an_item) for part in parts)
    return answer(Fan(await asyncio.gather(*calls)))


async def box(request: Request) -> Response:
    """Answer with something large."""
    size, box_id = request.path_params["size"], request.path_params["box_id"]
    return answer(await fetch(f"{ITEMS}/boxes/{size}/{box_id}", a_box))


async def joined(request: Request) -> Response:
    """Answer with a hundred things, and ask once how many there are of each."""
    shelf = await fetch(f"{SHELF}/shelves/{request.path_params['shelf_id']}", a_shelf)
    query = urlencode([("skus", line.sku) for line in shelf.lines])
    stocks = {stock.sku: stock for stock in await fetch(f"{SHELF}/stock?{query}", many_stocks)}
    return answer([Joined(line.sku, line.quantity, stocks[line.sku].available) for line in shelf.lines])


async def joined_singly(request: Request) -> Response:
    """Answer with a hundred things, and ask for each how many there are."""
    shelf = await fetch(f"{SHELF}/shelves/{request.path_params['shelf_id']}", a_shelf)
    stocks = await asyncio.gather(*(fetch(f"{SHELF}/stock/{line.sku}", a_stock) for line in shelf.lines))
    lines = zip(shelf.lines, stocks, strict=True)
    return answer([Joined(line.sku, line.quantity, stock.available) for line, stock in lines])


async def small(request: Request) -> Response:
    """Answer with something small."""
    return answer(await fetch(f"{ITEMS}/items/{request.path_params['item_id']}/0", an_item))


app = Starlette(
    routes=[
        Route("/fan/{parts:int}/{item_id:int}", fan),
        Route("/boxes/{size:int}/{box_id:int}", box),
        Route("/joined/{shelf_id:int}", joined),
        Route("/joined-singly/{shelf_id:int}", joined_singly),
        *(
            Route(f"/small/{number}/{{item_id:int}}", small)
            for number in range(int(environ.get("BENCH_ENDPOINTS", "0")))
        ),
    ],
    lifespan=lifespan,
)
