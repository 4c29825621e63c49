"""What a GET costs over each wire that was thought of, against nginx: microseconds of CPU, on both loops."""

import argparse
import asyncio
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import uvloop
from aiohttp import ClientSession, TCPConnector
from aiohttp.client_proto import ResponseHandler
from httptools import HttpResponseParser

from benchmarks._documents import PRODUCTS
from benchmarks._upstream import upstreams
from bff.ambassador import Context, LeanWire, Request
from bff.ambassador._fields import Fields, Part

HEADERS: Final = [
    ("accept", "application/json"),
    ("user-agent", "bff"),
    ("accept-language", "en"),
    ("x-request-id", "0123456789abcdef"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x-deadline-ms", "900"),
    ("bff-attempt", "1"),
]
OWN: Final = frozenset({"accept-language", "x-request-id", "traceparent"})
PATHS: Final = [f"/products/{number}" for number in PRODUCTS]
CALLS: Final = 2_000
ROUNDS: Final = 9
AT_ONCE: Final = (1, 48)
OK: Final = 200


class Wire(ABC):
    """A way to get what is at a path; a request and its context are there already, they are the layers' affair."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        url = urlsplit(origin)
        self.host, self.port = url.hostname or "", url.port or 80
        fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS)
        self.rest = f" HTTP/1.1\r\nhost: {url.netloc}\r\naccept-encoding: gzip, deflate\r\n{fields}\r\n"

    @abstractmethod
    async def get(self, path: str) -> bytes:
        """Return the body."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections."""


class _Bare(asyncio.Protocol):
    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.headers: list[tuple[bytes, bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, part: bytes) -> None:
        self.body = part

    def on_message_complete(self) -> None:
        self.answer.set_result((self.parser.get_status_code(), self.headers, self.body))
        self.headers = []

    def ask(self, message: bytes) -> asyncio.Future[tuple[int, list[tuple[bytes, bytes]], bytes]]:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return self.answer


class BareProtocol(Wire):
    """The floor: no checks, no limits, one piece of a body, nothing that could go wrong."""

    idle: list[_Bare]

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.idle = []

    async def get(self, path: str) -> bytes:
        """Return the body."""
        loop = asyncio.get_running_loop()
        bare = self.idle.pop() if self.idle else (await loop.create_connection(_Bare, self.host, self.port))[1]
        status, _, body = await bare.ask(f"GET {path}{self.rest}".encode())
        assert status == OK
        self.idle.append(bare)
        return body

    async def aclose(self) -> None:
        """Close all connections."""
        for bare in self.idle:
            bare.transport.abort()


class Lean(Wire):
    """The default wire."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.wire = LeanWire()
        self.context = Context("nginx")
        # As a page's call has them: most are the same every time.
        own = [pair for pair in HEADERS if pair[0] in OWN]
        fixed = Part([pair for pair in HEADERS if pair[0] not in OWN])
        self.requests = {path: Request("GET", origin, path, Fields(fixed, own)) for path in PATHS}

    async def get(self, path: str) -> bytes:
        """Return the body."""
        response = await self.wire.send(self.requests[path], self.context)
        assert response.status == OK
        return response.content

    async def aclose(self) -> None:
        """Close all connections."""
        await self.wire.aclose()


class OwnPool(Wire):
    """A list of connections of aiohttp's, without its connector: its parser and readers alone."""

    idle: list[ResponseHandler]

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.idle = []

    async def get(self, path: str) -> bytes:
        """Return the body."""
        loop = asyncio.get_running_loop()
        handler = self.idle.pop() if self.idle else await self._connect(loop)
        handler.set_response_params(read_until_eof=True, auto_decompress=False)
        assert handler.transport is not None
        handler.transport.write(f"GET {path}{self.rest}".encode())
        message, reader = await handler.read()
        body = reader.read_nowait() if reader.is_eof() else await reader.read()
        assert message.code == OK
        self.idle.append(handler)
        return body

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> ResponseHandler:
        _, handler = await loop.create_connection(lambda: ResponseHandler(loop), self.host, self.port)
        return handler

    async def aclose(self) -> None:
        """Close all connections."""
        for handler in self.idle:
            handler.abort()


class Session(Wire):
    """aiohttp as its users have it."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.session = ClientSession(connector=TCPConnector(limit=0))
        self.headers = dict(HEADERS)

    async def get(self, path: str) -> bytes:
        """Return the body."""
        async with self.session.get(self.origin + path, headers=self.headers) as response:
            assert response.status == OK
            return await response.read()

    async def aclose(self) -> None:
        """Close all connections."""
        await self.session.close()


WIRES: Final[dict[str, type[Wire]]] = {
    "bare protocol": BareProtocol,
    "lean wire": Lean,
    "own pool, aiohttp's connections": OwnPool,
    "aiohttp session": Session,
}
LOOPS: Final[dict[str, Callable[[Coroutine[Any, Any, Any]], Any]]] = {"uvloop": uvloop.run, "asyncio": asyncio.run}


async def cost(wire: Wire, *, calls: int, at_once: int) -> float:
    """Return microseconds of CPU time a GET."""

    async def work(numbers: Iterator[int]) -> None:
        for number in numbers:
            await wire.get(PATHS[number % len(PATHS)])

    numbers = iter(range(calls))
    start = time.process_time()
    await asyncio.gather(*(work(numbers) for _ in range(at_once)))
    return (time.process_time() - start) / calls * 1e6


async def measure(origin: str, *, calls: int, rounds: int) -> dict[tuple[str, int], float]:
    """Return the best of all rounds for each wire and number of calls at once, in turn."""
    wires = {name: wire(origin) for name, wire in WIRES.items()}
    best: dict[tuple[str, int], float] = {}
    for _ in range(rounds):
        for at_once in AT_ONCE:
            for name, wire in wires.items():
                found = await cost(wire, calls=calls, at_once=at_once)
                best[name, at_once] = min(found, best.get((name, at_once), found))
    for wire in wires.values():
        await wire.aclose()
    return best


def main() -> None:
    """Print what each costs, and how often the floor that is."""
    parser = argparse.ArgumentParser(prog="wires", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, best of {options.rounds} x {options.calls} calls, CPU time")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # nginx may give up its rights
        with upstreams(Path(folder)) as upstream:
            for loop, run in LOOPS.items():
                found = run(measure(upstream.address, calls=options.calls, rounds=options.rounds))
                for (name, at_once), microseconds in found.items():
                    times = f"{microseconds / found['bare protocol', at_once]:5.2f} times the floor"
                    print(f"{loop:8} {at_once:3} at once  {name:32} {microseconds:6.1f} us  {times}")


if __name__ == "__main__":
    main()
