"""What the edge costs: a page that calls nothing, in uvicorn over a socket that is none, against a bare ASGI app."""

import asyncio
import logging
import os
import sys
import time
from typing import Any

import uvicorn
import uvloop
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from benchmarks._transport import Detached
from bff import BFF, ClientProfile, Upstream, call, endpoint

HEADERS = b"host: localhost:8000\r\nuser-agent: bench/1\r\naccept: */*\r\naccept-encoding: gzip\r\n"
REQUESTS = 2_000
ROUNDS = 7
COUNTS = (10, 100, 1000)


class Catalog(Upstream):
    """An upstream that nobody asks: it makes a page one that stops when its client leaves."""

    base_url = "http://127.0.0.1:9"

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> int: ...  # noqa: D102 - it is never called


def page(path: str) -> Any:
    """Return a page that answers with a part of its path."""

    def constant(self: ClientProfile, product_id: int) -> int:  # noqa: ARG001 - as methods have it
        return product_id

    return endpoint.get(path)(constant)


def profile(endpoints: int) -> type[ClientProfile]:
    """Return a client with so many endpoints, the ones that are asked for being the last."""
    filler: dict[str, Any] = {f"page{n}": page(f"/pages{n}/{{product_id}}") for n in range(endpoints - 2)}

    class Web(type("Filler", (ClientProfile,), filler)):  # type: ignore[misc]
        constant = page("/products/{product_id}")

        @endpoint.get("/watched/{product_id}")
        async def watched(self, product_id: int, catalog: Catalog) -> int:  # noqa: ARG002 - it may be called
            return product_id

    return Web


class Bare:
    """The least that an ASGI app can do: it sends what it was given, over and over."""

    def __init__(self, messages: list[Any]) -> None:
        self.messages = messages

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        """Answer."""
        for message in self.messages:
            await send(message)


async def recorded(app: Any, path: str) -> list[Any]:
    """Return the messages with which an app answers."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return sent


class Socket(Detached):
    """Takes what is written, and says when an answer is complete."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4000), "sockname": ("127.0.0.1", 8000)})
        self.writes = 0

    @override
    def write(self, data: Any) -> None:
        """Take data."""
        self.writes += 1


async def measure(app: Any, path: str) -> float:
    """Return microseconds of CPU time a request, the best of some rounds."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    protocol, socket = HttpToolsProtocol(config, ServerState(), {}), Socket()
    protocol.connection_made(socket)
    request = b"GET " + path.encode() + b" HTTP/1.1\r\n" + HEADERS + b"\r\n"
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(REQUESTS):
            wanted = socket.writes + 2
            protocol.data_received(request)
            while socket.writes < wanted:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0)
        best = min(best, time.process_time() - start)
    protocol.connection_lost(None)
    return best / REQUESTS * 1e6


async def main() -> None:
    """Print what a bare app costs, and what pages cost over it."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS} x {REQUESTS} requests, CPU time")
    apps = {count: BFF(profile(count)) for count in COUNTS}
    silent = BFF(profile(COUNTS[0]), observers=())
    bare = await measure(Bare(await recorded(apps[COUNTS[0]], "/products/7")), "/products/7")
    print(f"{'bare ASGI app':28} {bare:6.1f} us")
    cases = [("no access log", silent, "constant"), ("no access log, watched", silent, "watched")]
    cases += [(f"{count} endpoints", app, "constant") for count, app in apps.items()]
    cases += [(f"{count} endpoints, watched", app, "watched") for count, app in apps.items()]
    for name, app, page in cases:
        cost = await measure(app, "/watched/7" if page == "watched" else "/products/7")
        print(f"{name:28} {cost:6.1f} us   {cost - bare:+6.1f} us")


if __name__ == "__main__":
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - it is no path
        logging.basicConfig(stream=nowhere, level="INFO", format="%(asctime)s %(levelname)-7s %(name)s  %(message)s")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
