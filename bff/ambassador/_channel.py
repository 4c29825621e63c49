"""One connection to an upstream: a request goes out, `httptools` reads what comes, one future wakes who waits."""

import asyncio
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpResponseParser

from bff.ambassador._headers import Headers, StatusLine, read_fields, status_line

__all__ = ["Channel", "Refused", "Sink"]

_LONGEST_HEAD: Final = 1 << 16  # bytes: of a head with all that announces it, and of framing between two parts
_FINAL: Final = 200  # what is below only announces the answer
_END: Final = b"\r\n\r\n"
_UNLIMITED: Final = sys.maxsize
_NO_PARSER: Final = HttpResponseParser(None)


class Refused(Exception):
    """What came cannot be taken for an answer; its text quotes nothing of it."""


class Sink(Protocol):
    """Takes an answer while it comes."""

    def begin(self, line: StatusLine, headers: Headers) -> None:
        """Take the head."""
        ...

    def feed(self, part: bytes) -> None:
        """Take the next part."""
        ...

    def end(self, fault: Exception | None) -> None:
        """Take note that it is whole, or what broke it."""
        ...


class Channel(asyncio.Protocol):
    """
    A connection over which one exchange goes after another.

    `begin()` sends a request and returns what to wait for: the whole answer, or its head where a `sink` takes the body.
    Then `fault` says what went wrong (an `OSError`, or `Refused`), or the answer is in `line`, `headers` and `body()`.
    """

    __slots__ = (
        "_drained", "_forget", "_framing", "_is_busy", "_is_head", "_is_paused", "_is_whole", "_keep", "_limit",
        "_loop", "_parser", "_parts", "_raw", "_release", "_sink", "_size", "_start", "_transport", "_waiter", "fault",
        "headers", "idle_since", "is_open", "is_sending", "is_used", "line",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        release: Callable[["Channel"], None],
        forget: Callable[["Channel"], None],
    ) -> None:
        self._loop = loop
        self._release = release
        self._forget = forget
        self._parser = HttpResponseParser(self)
        self._is_busy = self._is_paused = self._keep = False
        self._drained: asyncio.Future[None] | None = None
        self._parts: list[bytes] = []
        self.is_open = self.is_used = self.is_sending = False
        self.idle_since = 0.0

    # What who sends does.

    def begin(self, message: bytes, is_head: bool, limit: int, sink: Sink | None) -> asyncio.Future[None]:
        """Send a request; the body of its answer may have `limit` bytes without a `sink`, and one to HEAD has none."""
        self._is_busy = True
        self._is_head = is_head
        self._is_whole = False
        self._limit = limit if sink is None else _UNLIMITED
        self._sink = sink
        self._raw = b""
        self._start = self._size = self._framing = 0
        self.headers: Headers | None = None
        self.line: StatusLine | None = None
        self.fault: Exception | None = None
        self._waiter = waiter = self._loop.create_future()
        self._transport.write(message)
        return waiter

    @property
    def is_awaited(self) -> bool:
        """Say whether a request's body is still wanted: nothing has come, and the connection is there."""
        return self._is_busy and self.headers is None

    @property
    def has_come(self) -> bool:
        """Say whether a single byte of an answer has."""
        return bool(self._raw) or self.headers is not None

    def is_reusable(self) -> bool:
        """Say whether the next request may go over it: an answer to what was not read whole leaves it amid that."""
        return (
            self._keep
            and self.is_open
            and not self._is_busy
            and not self.is_sending
            and not self._transport.get_write_buffer_size()
        )

    def body(self) -> bytes:
        """Return the body of a whole answer, once: a connection that idles keeps none."""
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def write(self, *pieces: bytes) -> None:
        """Send a part of a request's body, and wait as long as too much is on its way that its peer does not take."""
        if self.is_open:
            self._transport.writelines(pieces)
        if self._is_paused and self.is_awaited:
            self._drained = self._loop.create_future()
            await self._drained

    def abort(self) -> None:
        """Close at once: closing politely waits until everything is written, and a peer that hangs never reads it."""
        self._is_busy = False
        if self.is_open:
            self.is_open = False
            self._transport.abort()

    def close(self) -> None:
        """Close at once, and tell who waits for an answer."""
        if self._is_busy:
            self._end(ConnectionAbortedError("it was closed on our side"))
        self.abort()

    def pause(self) -> None:
        """Let its peer wait."""
        if self.is_open:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Let more come."""
        if self.is_open:
            self._transport.resume_reading()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if not self._is_busy:
            self.abort()  # what nobody asked for must never become the answer to the next request
            return
        if self.headers is None:
            self._raw = self._raw + data if self._raw else data
        size = self._size
        try:
            self._parser.feed_data(data)
            if self._size > self._limit or not self._is_whole:
                self._check_growth(0 if self._size > size else len(data))
        except Refused as error:
            self._end(error)
        except HttpParserError as fault:
            # What a callback raises is the context of this one.
            refused = fault.__context__
            self._end(refused if isinstance(refused, Refused) else Refused(f"what came is no HTTP: {fault}"))
        else:
            if self._is_whole:
                self._end(None)
            elif self._sink is not None and self.headers is not None and not self._waiter.done():
                self._waiter.set_result(None)

    def eof_received(self) -> None:
        headers = self.headers
        if self._is_busy and headers is not None and _ends_with_its_connection(headers):
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._is_busy:
            what = "the server closed it" if self.headers is None else "the answer is not whole"
            self._end(exc if isinstance(exc, OSError) else ConnectionResetError(what))
        self._forget(self)
        self._parser = _NO_PARSER  # they know each other

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._let_write()

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._is_whole:
            self._keep = False

    def on_headers_complete(self) -> None:
        if self._is_whole:
            return
        raw, start = self._raw, self._start
        # A strict parser has seen to it that a head ends where this is found first.
        end, line_end = raw.find(_END, start), raw.find(b"\r\n", start)
        if end > _LONGEST_HEAD:
            raise Refused(f"a head of more than {_LONGEST_HEAD} bytes")
        try:
            line = status_line(raw[start:line_end])
            headers = read_fields(raw[line_end : end + 2], minor=line.minor)
        except ValueError as error:
            raise Refused(f"what came is no HTTP: {error}") from None
        if line.status < _FINAL:
            if line.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise Refused("it switched protocols, which nobody asked for")
            self._start = end + len(_END)
            return
        self.line, self.headers = line, headers
        self._keep = self._parser.should_keep_alive()
        if self._is_head:
            self._is_whole = True
            self._keep = self._keep and len(raw) == end + len(_END)
        self._raw = b""
        if self._sink is not None:
            self._sink.begin(line, headers)

    def on_body(self, part: bytes) -> None:
        if self._is_whole:
            return
        self._size += len(part)
        if self._sink is None:
            self._parts.append(part)
        else:
            self._sink.feed(part)

    def on_message_complete(self) -> None:
        if self.headers is not None:
            self._is_whole = True

    # What follows.

    def _check_growth(self, framing: int) -> None:
        """Refuse what will be past a limit, or is without bringing a body: `framing` are bytes that brought none."""
        headers = self.headers
        if headers is None:
            if len(self._raw) > _LONGEST_HEAD:
                raise Refused(f"a head of more than {_LONGEST_HEAD} bytes")
            return
        if self._size > self._limit:
            raise Refused(f"more than the {self._limit} bytes of `max_body`")
        self._framing = self._framing + framing if framing else 0
        if self._framing > _LONGEST_HEAD:
            raise Refused(f"more than {_LONGEST_HEAD} bytes that frame a body")
        length = headers.get("content-length")
        if length is not None and int(length) > self._limit:
            raise Refused(f"{length} bytes, more than the {self._limit} of `max_body`")

    def _end(self, fault: Exception | None) -> None:
        self._is_busy = False
        self.fault = fault
        if fault is not None:
            fault.__traceback__ = fault.__context__ = None  # which know this connection
            self.abort()
        if self._drained is not None:
            self._let_write()
        if self._is_head or (self.headers is not None and self.headers.is_coded):
            # It has been told of a body that does not come, or may remember of trailers what was no header of theirs.
            self._parser = HttpResponseParser(self)
        if not self._waiter.done():
            self._waiter.set_result(None)
        sink = self._sink
        if sink is not None:
            self._sink = None
            sink.end(fault)
            self._release(self)

    def _let_write(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)


def _ends_with_its_connection(headers: Headers) -> bool:
    return "content-length" not in headers and "transfer-encoding" not in headers
