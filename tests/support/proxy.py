"""A proxy before a real HTTP upstream that spoils connections and answers, by a schedule or by seeded chance."""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from enum import StrEnum
from types import TracebackType
from typing import Final, Self, cast

from httptools import HttpParserError, HttpRequestParser, HttpResponseParser

from tests.support.faults import Counting, reset

__all__ = ["Fault", "FaultProxy", "seeded"]

GARBAGE: Final = b"SSH-2.0-OpenSSH_9.6\r\n\r\n"
UNAVAILABLE: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nboom"
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class Fault(StrEnum):
    """What happens to one request and its answer."""

    NONE = "none"
    SLOW_ACCEPT = "slow-accept"
    """The connection waits in the kernel's queue, and so do those behind it; no other than a new one can."""

    # These never reach the upstream.
    RESET = "reset"
    BLACK_HOLE = "black-hole"
    CLOSE_UNANSWERED = "close-unanswered"
    GARBAGE = "garbage"
    SERVER_ERROR = "server-error"

    # These spoil its answer.
    RESET_LATE = "reset-late"
    """The upstream has done its work, and not a byte of its answer arrives."""
    RESET_MIDWAY = "reset-midway"
    CLOSE_AFTER_HEAD = "close-after-head"
    CLOSE_IDLE = "close-idle"
    """The answer is whole and promises more, and right after it the connection closes."""
    CUT_CHUNKS = "cut-chunks"
    LONG_LENGTH = "long-length"
    SHORT_LENGTH = "short-length"
    DRIP = "drip"


def seeded(seed: int, rates: Mapping[Fault, float]) -> Generator[Fault]:
    """Draw faults for ever, each at its rate (0 to 1), and none with what is left."""
    chance = random.Random(seed)
    shares = {**rates, Fault.NONE: 1 - sum(rates.values())}
    while True:
        yield from chance.choices([*shares], [*shares.values()], k=1)


class FaultProxy(Counting):
    """
    Pass requests on to a port of this machine, and spoil what `faults` says; after its end, nothing.

    A fault is taken when a connection is made, for its first request, and at every further request. `interval` is
    the seconds between the bytes of a drip, `slow` those before a slow accept. `accepts`, `drawn` (requests by
    their fault) and `dripped` (bytes) say what happened, `open` and `upstream_open` what is there now.
    """

    def __init__(
        self, upstream: int, faults: Iterable[Fault] = (), *, interval: float = 0.005, slow: float = 0.05
    ) -> None:
        super().__init__()
        self.upstream = upstream
        self.interval = interval
        self.slow = slow
        self.accepts = self.upstream_open = self.dripped = 0
        self.drawn: Counter[Fault] = Counter()
        self.faults = iter(faults)
        self._links: set[_Near] = set()
        self._unmade = 0
        self._joining: set[asyncio.Task[None]] = set()
        self._late: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """How many clients are connected."""
        return len(self._links) + self._unmade

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listening.setblocking(False)
        self.port: int = self._listening.getsockname()[1]
        self._loop.add_reader(self._listening, self._knocked)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.remove_reader(self._listening)
        if self._late is not None:
            self._late.cancel()
        self._listening.close()
        for task in self._joining:
            task.cancel()
        await asyncio.gather(*self._joining, return_exceptions=True)
        for link in self._links:
            link.transport.abort()
        await self.until(lambda: self.open == self.upstream_open == 0)

    def draw(self) -> Fault:
        """Take the next fault."""
        return next(self.faults, Fault.NONE)

    def _knocked(self) -> None:
        fault = self.draw()
        if fault is Fault.SLOW_ACCEPT:
            self._loop.remove_reader(self._listening)
            self._late = self._loop.call_later(self.slow, self._accept_late)
        else:
            self._accept(fault)

    def _accept_late(self) -> None:
        self._accept(Fault.SLOW_ACCEPT)
        self._loop.add_reader(self._listening, self._knocked)

    def _accept(self, fault: Fault) -> None:
        peer, _ = self._listening.accept()
        self.accepts += 1
        self._unmade += 1
        task = self._loop.create_task(self._join(peer, fault))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)
        self.notify()

    async def _join(self, peer: socket.socket, fault: Fault) -> None:
        far = _Far(self)
        near = _Near(self, far, fault)
        try:
            await self._loop.create_connection(lambda: far, "127.0.0.1", self.upstream)
            await self._loop.connect_accepted_socket(lambda: near, peer)
        except (OSError, asyncio.CancelledError):
            far.close()
            if near.is_made:
                near.transport.abort()
            else:
                peer.close()
                self._unmade -= 1
                self.notify()

    def joined(self, near: "_Near") -> None:
        """Count a connection that is made."""
        self._unmade -= 1
        self._links.add(near)

    def parted(self, near: "_Near") -> None:
        """Count a connection that is gone."""
        self._links.discard(near)
        self.notify()


class _Near(asyncio.Protocol):
    """The client's side of a connection; it takes whole requests."""

    transport: asyncio.Transport

    def __init__(self, proxy: FaultProxy, far: "_Far", first: Fault) -> None:
        self.is_made = False
        self._proxy = proxy
        self._far = far
        far.near = self
        self._next: Fault | None = first
        self._fault = first
        self._request = bytearray()
        self._parser = HttpRequestParser(self)
        self._answer: _Answer | None = None
        self._dripping: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.is_made = True
        self._proxy.joined(self)
        if not self._far.is_open:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self._request += data
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._dripping is not None:
            self._dripping.cancel()
        self._far.close()
        self._proxy.parted(self)

    def on_message_complete(self) -> None:
        """Do with a request what its fault says (httptools calls this)."""
        request = bytes(self._request)
        self._request.clear()
        self._fault, self._next = self._next or self._proxy.draw(), None
        self._proxy.drawn[self._fault] += 1
        if self._fault in {Fault.NONE, Fault.SLOW_ACCEPT}:
            self._answer = None
            self._far.transport.write(request)
        elif not self._is_refused():
            self._answer = _Answer(is_bare=self._parser.get_method() == b"HEAD")
            self._far.transport.write(request)
        self._proxy.notify()

    def answered(self, data: bytes) -> None:
        """Pass on what comes from upstream, or keep it until there is enough of it to spoil."""
        if self._answer is None:
            self.transport.write(data)
        elif self._answer.is_whole_with(data):
            self._spoil(self._answer)

    def _is_refused(self) -> bool:
        match self._fault:
            case Fault.RESET:
                reset(self.transport)
            case Fault.CLOSE_UNANSWERED:
                self.transport.close()
            case Fault.GARBAGE:
                self.transport.write(GARBAGE)
            case Fault.SERVER_ERROR:
                self.transport.write(UNAVAILABLE)
            case _:
                return self._fault is Fault.BLACK_HOLE
        return True

    def _spoil(self, answer: "_Answer") -> None:
        body, half, write = answer.body, answer.body[: len(answer.body) // 2], self.transport.write
        match self._fault:
            case Fault.RESET_LATE:
                reset(self.transport)
            case Fault.RESET_MIDWAY:
                write(answer.head(b"content-length: %d" % len(body)) + half)
                reset(self.transport)
            case Fault.CLOSE_AFTER_HEAD:
                write(answer.head(b"content-length: %d" % (len(body) or 1)))
                self.transport.close()
            case Fault.CLOSE_IDLE:
                write(answer.raw)
                self.transport.close()
            case Fault.CUT_CHUNKS:
                write(answer.head(b"transfer-encoding: chunked") + b"%x\r\n" % (len(body) or 1) + half)
                self.transport.close()
            case Fault.LONG_LENGTH:
                write(answer.head(b"content-length: %d" % (len(body) + 10)) + body)
            case Fault.SHORT_LENGTH:
                write(answer.head(b"content-length: %d" % len(half)) + body)
            case _:
                self._drip(iter(answer.raw))

    def _drip(self, rest: Iterator[int]) -> None:
        byte = next(rest, None)
        if byte is not None:
            self.transport.write(bytes((byte,)))
            self._proxy.dripped += 1
            self._dripping = asyncio.get_running_loop().call_later(self._proxy.interval, self._drip, rest)
        self._proxy.notify()


class _Far(asyncio.Protocol):
    """The upstream's side of a connection."""

    near: _Near
    transport: asyncio.Transport

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.is_open = True
        self._proxy.upstream_open += 1

    def data_received(self, data: bytes) -> None:
        self.near.answered(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._proxy.upstream_open -= 1
        self._proxy.notify()
        if self.near.is_made:
            self.near.transport.close()

    def close(self) -> None:
        """Leave the upstream alone, at once."""
        if self.is_open:
            self.transport.abort()


class _Answer:
    """An answer as it comes: `raw` as it is on the wire, `body` without its framing."""

    def __init__(self, *, is_bare: bool) -> None:
        self.raw = bytearray()
        self.body = bytearray()
        self._is_bare = is_bare
        self._is_whole = False
        self._headers: list[bytes] = []
        self._parser = HttpResponseParser(self)

    def is_whole_with(self, data: bytes) -> bool:
        """Add `data`, and say whether nothing is missing any more."""
        self.raw += data
        self._parser.feed_data(data)
        return self._is_whole

    def head(self, framing: bytes) -> bytes:
        """Return the status line and headers, with another framing."""
        lines = [b"HTTP/1.1 %d Spoiled" % self._parser.get_status_code(), *self._headers, framing]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in FRAMING:
            self._headers.append(name + b": " + value)

    def on_headers_complete(self) -> None:
        self._is_whole = self._is_bare

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self._is_whole = True
