"""What stands around a case: upstreams that answer from memory, and a client that asks an app."""

import asyncio
import json
import re
from collections.abc import Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final
from unittest.mock import patch

from multidict import CIMultiDict, CIMultiDictProxy
from starlette.types import ASGIApp

from bff import BFF, ClientProfile
from bff.ambassador import Context, Request, Response
from bff.declare import _connection
from examples.upstreams import catalog, inventory, reviews

PRODUCTS: Final = range(1, 11)
LIMITS: Final = {"web": 10, "mobile": 3}

_HEADERS: Final = {
    "server": "nginx",
    "date": "Mon, 02 Mar 2026 10:00:00 GMT",
    "content-type": "application/json",
    "connection": "keep-alive",
    "cache-control": "max-age=60",
}
_BROWSER: Final = [
    (b"host", b"localhost:8000"),
    (b"user-agent", b"a browser"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip"),
]


class NullWire:
    """Answers from memory after one turn of the loop, which no call of a real upstream can do without."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        headers = CIMultiDictProxy(CIMultiDict(_HEADERS))
        self._answers = {target: Response(200, headers, content) for target, content in documents.items()}

    async def send(self, request: Request, _context: Context, /) -> Response:
        """Return the answer that there is for a target."""
        await asyncio.sleep(0)
        return self._answers[request.target]

    async def aclose(self) -> None:
        """Have nothing to close."""


async def fetched() -> Mapping[str, bytes]:
    """Return what the example services answer about the first products, by the target of a request."""
    found: dict[str, bytes] = {}
    for product_id in PRODUCTS:
        target = product_target(product_id)
        found[target] = await asked(catalog.app, target)
        stock = stock_target(found[target])
        found[stock] = await asked(inventory.app, stock)
        for page in LIMITS:
            target = reviews_target(product_id, page)
            found[target] = await asked(reviews.app, target)
    return found


def product_target(product_id: int) -> str:
    """Return where a product is."""
    return f"/products/{product_id}"


def reviews_target(product_id: int, page: str) -> str:
    """Return where the reviews are that a page shows."""
    return f"/products/{product_id}/reviews?limit={LIMITS[page]}"


def stock_target(product: bytes) -> str:
    """Return where it stands how many there are of a product."""
    sku = re.search(rb'"sku": ?"([^"]+)"', product)
    assert sku is not None
    return f"/stock/{sku[1].decode()}"


async def staged(*profiles: type[ClientProfile], documents: Mapping[str, bytes] | None = None, **options: Any) -> BFF:
    """Return an app as it comes, but for its wires, which have the documents of the example services or others."""
    wire = NullWire(await fetched() if documents is None else documents)

    def new_wire(*_: object, **__: object) -> NullWire:
        return wire

    with patch.object(_connection, "new_wire", new_wire):
        return BFF(*profiles, **options)


def shelved() -> Mapping[str, bytes]:
    """Return small things, and shelves of a hundred with what is in stock of them, by the target of a request."""
    found: dict[str, object] = {}
    for number in PRODUCTS:
        skus = [f"T-{number:05}-{at}" for at in range(100)]
        stocks = {sku: {"sku": sku, "available": at % 50} for at, sku in enumerate(skus)}
        found[f"/shelves/{number}"] = {"id": number, "lines": [{"sku": sku, "quantity": 1} for sku in skus]}
        found["/stock?" + "&".join(f"skus={sku}" for sku in skus)] = [*stocks.values()]
        found |= {f"/stock/{sku}": stock for sku, stock in stocks.items()}
        item = {"id": number, "name": f"Item No. {number}", "value": number * 7}
        found |= {f"/items/{number}/{part}": item for part in range(30)}
    return {target: json.dumps(content).encode() for target, content in found.items()}


async def asked(app: ASGIApp, target: str) -> bytes:
    """Ask an app for something as a server does, by a client that stays; raises where the answer is no success."""
    path, _, query = target.partition("?")
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": _BROWSER,
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 40000),
        "state": {},
    }
    client = _Client()
    await app(scope, client.receive, client.send)
    assert client.status == HTTPStatus.OK, f"{target}: {client.status} {client.body!r}"
    return client.body


class _Client:
    """A client with one request to make."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self._has_asked = False

    async def receive(self) -> MutableMapping[str, Any]:
        """Give the request, and then nothing more."""
        if self._has_asked:
            await asyncio.get_running_loop().create_future()
        self._has_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
