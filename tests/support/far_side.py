"""The far side of the soak, a process of its own: upstreams that cost little, each behind a proxy of faults."""

import argparse
import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from httptools import HttpRequestParser

from tests.support.proxy import Fault, FaultProxy, seeded

__all__ = ["Counts", "FarSide", "body_of"]

ADDRESSES: Final = 3
CALM: Final[dict[Fault, float]] = {fault: 0.003 for fault in Fault if fault is not Fault.NONE}
STORM: Final[dict[Fault, float]] = {Fault.RESET: 0.4, Fault.SERVER_ERROR: 0.4}
CHUNKED, LARGE, SLOW = 7, 97, 5  # every so many targets


def body_of(target: str) -> bytes:
    """Return what an upstream answers to a GET of `/<number>`: it belongs to no other target."""
    return b'{"target":"%s"}' % target.encode() * (1000 if int(target[1:]) % LARGE == 0 else 1)


@dataclass(frozen=True)
class Counts:
    """
    What the far side has counted, all addresses together.

    `connections` are open now at the upstreams, `clients` at the proxies; `repeated` are bodies that came twice and
    must not, `errors` what went wrong over there and must not either.
    """

    connections: int
    clients: int
    accepts: int
    requests: int
    repeated: int
    errors: int
    faults: dict[str, int]


class FarSide:
    """Start that process, and ask it."""

    def __init__(self, seed: int) -> None:
        command = [sys.executable, "-m", "tests.support.far_side", str(seed)]
        self._process = subprocess.Popen(
            command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.origins: list[str] = self._ask("origins")

    def counts(self) -> Counts:
        """Return what it has counted."""
        return Counts(**self._ask("counts"))

    def calm(self) -> None:
        """Have no more faults."""
        self._ask("calm")

    def _ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{question}\n".encode())
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without a standard input it ends by itself.
        self._process.communicate()


class Upstream:
    """An honest HTTP server, and what it counts."""

    def __init__(self) -> None:
        self.open = self.requests = 0
        self.bodies: Counter[bytes] = Counter()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[int]:
        """Serve on a port, which is given."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        async with server:
            yield server.sockets[0].getsockname()[1]


class _Connection(asyncio.Protocol):
    """A connection to it; httptools calls `on_...`."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._parser = HttpRequestParser(self)
        self._target = ""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._upstream.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.open -= 1

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._target = url.decode()

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        self._upstream.requests += 1
        if body:
            self._upstream.bodies[body] += 1
        number = int(self._target[1:])
        answer = _answer(body or body_of(self._target), is_chunked=number % CHUNKED == 0)
        if self._parser.get_method() == b"HEAD":
            answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        if number % SLOW == 0:
            asyncio.get_running_loop().call_later(number % 8 / 1000, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _answer(body: bytes, *, is_chunked: bool) -> bytes:
    if is_chunked:
        return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def weather(seed: int) -> Iterator[Fault]:
    """Draw now and then a fault of any kind, and sometimes one after the other."""
    calm, storm = seeded(seed, CALM), seeded(seed, STORM)
    while True:
        yield from itertools.islice(calm, 1000)
        yield from itertools.islice(storm, 60)


async def serve(seed: int) -> None:
    """Serve until standard input ends; answer each line of it with one of JSON."""
    errors: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["message"]))
    upstreams = [Upstream() for _ in range(ADDRESSES)]
    proxies: list[FaultProxy] = []
    async with contextlib.AsyncExitStack() as stack:
        for number, upstream in enumerate(upstreams):
            port = await stack.enter_async_context(upstream.serving())
            proxy = FaultProxy(port, weather(seed + number), interval=0.005, slow=0.03)
            proxies.append(await stack.enter_async_context(proxy))
        async for question in _lines():
            if question == "calm":
                for proxy in proxies:
                    proxy.faults = iter(())
            asked = (
                [proxy.origin for proxy in proxies] if question == "origins" else _counts(upstreams, proxies, errors)
            )
            sys.stdout.write(json.dumps(asked) + "\n")
            sys.stdout.flush()


async def _lines() -> AsyncGenerator[str]:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    with contextlib.closing(transport):
        async for line in reader:
            yield line.decode().strip()


def _counts(upstreams: list[Upstream], proxies: list[FaultProxy], errors: list[str]) -> dict[str, Any]:
    drawn = sum((proxy.drawn for proxy in proxies), Counter[Fault]())
    bodies = sum((upstream.bodies for upstream in upstreams), Counter[bytes]())
    return asdict(
        Counts(
            connections=sum(upstream.open for upstream in upstreams),
            clients=sum(proxy.open for proxy in proxies),
            accepts=sum(proxy.accepts for proxy in proxies),
            requests=sum(upstream.requests for upstream in upstreams),
            repeated=sum(1 for body, times in bodies.items() if times > 1 and body.startswith(b"once")),
            errors=len(errors),
            faults={str(fault): count for fault, count in drawn.items()},
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    asyncio.run(serve(parser.parse_args().seed))
