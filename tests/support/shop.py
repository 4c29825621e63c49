"""A small shop for tests: three upstreams whose answers, delays and failures a test says, in virtual time."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import BaseModel

from bff import Upstream, call


class Image(BaseModel):
    url: str
    width: int


class Product(BaseModel):
    id: int
    sku: str
    name: str
    brand: str | None = None
    images: list[Image]


class Stock(BaseModel):
    sku: str
    available: int


class Review(BaseModel):
    rating: int
    title: str


class Catalog(Upstream):
    base_url = "http://catalog.test"

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...


class Inventory(Upstream):
    base_url = "http://inventory.test"

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...


class Reviews(Upstream):
    base_url = "http://reviews.test"

    @call.get("/products/{product_id}/reviews")
    def of_product(self, product_id: int, limit: int = 10) -> list[Review]: ...


PRODUCT = {
    "id": 7,
    "sku": "sku-7",
    "name": "Lamp",
    "brand": "Nordwind",
    "images": [{"url": "http://images.test/7.webp", "width": 640}],
}
ANSWERS: Mapping[str, Any] = {
    "catalog.test": PRODUCT,
    "inventory.test": {"sku": "sku-7", "available": 3},
    "reviews.test": [{"rating": 5, "title": "Bright"}],
}

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """
    Answers as the shop does, each after a delay.

    `delays` are seconds by host, `failures` what a host answers instead: a status, an exception, or a body. It counts
    what it was asked (`requests`), and what was cut off while it waited (`cancelled`).
    """

    delays: dict[str, float] = field(default_factory=dict[str, float])
    failures: dict[str, int | Exception | bytes] = field(default_factory=dict[str, int | Exception | bytes])
    headers: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])
    cancelled: list[str] = field(default_factory=list[str])

    @property
    def paths(self) -> list[str]:
        return sorted(f"{request.url.host}{request.url.raw_path.decode()}" for request in self.requests)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        self.requests.append(request)
        try:
            await asyncio.sleep(self.delays.get(host, 0.0))
        except asyncio.CancelledError:
            self.cancelled.append(host)
            raise
        failure = self.failures.get(host)
        if isinstance(failure, Exception):
            raise failure
        if isinstance(failure, int):
            return httpx.Response(failure, json={"secret": "what the upstream said"})
        headers = {"content-type": "application/json", **self.headers.get(host, {})}
        content = failure if isinstance(failure, bytes) else json.dumps(ANSWERS[host]).encode()
        return httpx.Response(200, content=content, headers=headers)


def on(wire: Wire, *upstreams: type[Upstream], **settings: object) -> dict[type[Upstream], dict[str, object]]:
    """Return what `BFF(upstreams=...)` takes to put upstreams on a wire, with no retries unless a test wants them."""
    chosen = upstreams or (Catalog, Inventory, Reviews)
    return {upstream: {"transport": wire, "retry": None, **settings} for upstream in chosen}


@dataclass
class Reply:
    """What a client got, and when: seconds after it asked."""

    status: int
    headers: dict[str, str]
    body: bytes
    after: float

    def json(self) -> Any:
        return json.loads(self.body)


async def get(
    app: Any,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    leave: float | None = None,
) -> Reply | None:
    """
    Ask an ASGI app, as a server would; `None` where it said nothing.

    With `leave` the client goes away after so many seconds.
    """
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": httpx.URL(f"http://test{target}").path,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"test"), *raw],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }
    sent: list[Any] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def receive() -> Any:
        message = next(asked, None)
        if message is not None:
            return message
        if leave is None:
            await done.wait()
        else:
            await asyncio.sleep(started + leave - loop.time())
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    done.set()
    if not sent:
        return None
    start, *bodies = sent
    received = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], received, b"".join(body["body"] for body in bodies), loop.time() - started)
