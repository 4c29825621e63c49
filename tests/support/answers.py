"""Answers as bytes, right and wrong, and what our wire and h11 make of them."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import h11

from bff.ambassador._channel import Channel

__all__ = ["Case", "Outcome", "case", "disagreement", "read_by_h11", "read_by_us"]

LIMIT: Final = 1_000_000
_STATUSES: Final = (200, 200, 200, 201, 204, 301, 304, 404, 500, 503, 599)
_NAMES: Final = (b"x-a", b"Content-Type", b"ETag", b"Set-Cookie", b"Vary", b"Age", b"X-A", b"Date")
_VALUES: Final = (b"", b"1", b"a, b", b"text/plain; charset=utf-8", b'"q\xc3\xbc"', b"a:b", b"\xff", b"  padded\t")
_CONNECTIONS: Final = (b"close", b"keep-alive", b"Keep-Alive, x", b"x, Close", b"upgrade")
# What request smuggling and broken servers are made of.
_POISON: Final = (
    b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b" ", b"\t", b"\0", b":", b",", b";", b"0", b"1", b"-1", b"+1", b"0x1",
    b"\x0b", b"\x7f", b"\xff", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 ", b"HTTP/2.0 ", b"content-length: 3\r\n",
    b"Content-Length: 0\r\n", b"content-length: 3, 3\r\n", b"transfer-encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"transfer-encoding: chunked, gzip\r\n",
    b"transfer-encoding: identity\r\n",
    b"transfer-encoding:\x0bchunked\r\n", b"transfer-encoding : chunked\r\n", b"connection: close\r\n",
    b"upgrade: x\r\nconnection: upgrade\r\n", b"x: y\r\n folded\r\n", b"0\r\n\r\n", b"5\r\nchunk\r\n", b"5;a=b\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of an answer; `is_reusable` says that the next request may go over the same connection."""

    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes
    is_reusable: bool


@dataclass(frozen=True)
class Case:
    """What comes, piece by piece, for a request; `expected` where it is well-formed, and then the connection ends."""

    pieces: Sequence[bytes]
    is_head: bool
    expected: Outcome | None


def case(seed: int) -> Case:
    """Return the case of a number: every third is well-formed, the others are spoilt."""
    chance = random.Random(seed)
    data, is_head, written = _well_formed(chance)
    expected = None if seed % 3 else written
    if expected is None:
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            data = _spoilt(data, chance)
    cuts = sorted(chance.sample(range(1, len(data)), min(chance.choice((0, 0, 1, 2, 7, len(data))), len(data) - 1)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return Case([piece for piece in pieces if piece], is_head, expected)


def read_by_us(case: Case) -> Outcome | None:
    """Return what our wire makes of it, `None` where it refuses."""
    loop = asyncio.new_event_loop()
    try:
        transport: Any = _Transport()
        channel = Channel(loop, release=lambda _: None, forget=lambda _: None)
        channel.connection_made(transport)
        waiter = channel.begin(b"", case.is_head, LIMIT, None)
        for piece in case.pieces:
            channel.data_received(piece)
        is_reusable = channel.is_reusable()
        if not waiter.done():
            channel.eof_received()
            channel.connection_lost(None)
        assert waiter.done()
        outcome = _taken(channel, is_reusable=is_reusable)
        if is_reusable:
            # Nothing is left of the one that could spoil the next.
            channel.begin(b"", False, LIMIT, None)
            channel.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext")
            following = Outcome(200, [(b"content-length", b"4")], b"next", is_reusable=True)
            assert following == _taken(channel, is_reusable=channel.is_reusable())
        return outcome
    finally:
        loop.close()


def _taken(channel: Channel, *, is_reusable: bool) -> Outcome | None:
    if channel.fault is not None:
        return None
    assert channel.line is not None
    assert channel.headers is not None
    fields = [_shown(name, value) for name, value in channel.headers.raw]
    return Outcome(channel.line.status, fields, channel.body(), is_reusable)


def read_by_h11(case: Case) -> Outcome | None:
    """Return what h11 makes of it, `None` where it refuses."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT)
    connection.send(h11.Request(method="HEAD" if case.is_head else "GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = b""
    try:
        for piece in (*case.pieces, b""):
            connection.receive_data(piece)
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    head = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    assert head is not None
                    return _outcome(connection, head, body, is_last=piece is case.pieces[-1])
                elif isinstance(event, h11.ConnectionClosed):
                    return None
    except h11.RemoteProtocolError as error:
        # Of trailers, which we leave unread, it reads the framing of a message: that is there already.
        if head is not None and "Transfer-Encoding" in str(error):
            return _outcome(connection, head, body, is_last=True, is_kept=True)
    return None


def disagreement(case: Case) -> str | None:
    """Say what is wrong with what our wire made of a case: it may refuse more than h11, and accept nothing else."""
    ours = read_by_us(case)
    if case.expected is not None and ours != case.expected:
        return f"not as it was written: {ours}, and not {case.expected}"
    if ours is None:
        return None
    theirs = read_by_h11(case)
    if theirs is None:
        return f"h11 refuses it: {ours}"
    if (ours.status, ours.fields, ours.body) != (theirs.status, theirs.fields, theirs.body):
        return f"h11 reads something else: {ours}, and {theirs}"
    if ours.is_reusable and not theirs.is_reusable:
        return f"h11 would close the connection: {ours}"
    return None


def _shown(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    # As h11 writes it.
    name = name.lower()
    return name, value.lower() if name == b"transfer-encoding" else value


def _outcome(
    connection: h11.Connection, head: h11.Response, body: bytes, *, is_last: bool, is_kept: bool = False
) -> Outcome:
    fields = [(bytes(name), bytes(value)) for name, value in head.headers]
    # h11 keeps no connection of HTTP/1.0, which says itself that it may be kept.
    lasts = (b"connection", b"keep-alive") in [(name, value.lower().partition(b",")[0]) for name, value in fields]
    is_kept = is_kept or connection.our_state is h11.DONE or (head.http_version == b"1.0" and lasts)
    # Empty lines are no part of any answer, and our parser passes over them.
    surplus = connection.trailing_data[0].strip(b"\r\n")
    return Outcome(head.status_code, fields, body, is_kept and is_last and not surplus)


def _well_formed(chance: random.Random) -> tuple[bytes, bool, Outcome]:
    is_head, minor, status = chance.random() < 0.1, chance.choice((1, 1, 1, 0)), chance.choice(_STATUSES)
    body = chance.choice((b"", b"x", b'{"a":1}', b"HTTP/1.1 200 OK\r\n\r\n", chance.randbytes(chance.randrange(3000))))
    has_no_body = is_head or status in {204, 304}
    fields = [(chance.choice(_NAMES), chance.choice(_VALUES)) for _ in range(chance.randrange(6))]
    lasts = minor == 1
    if chance.random() < 0.3:
        word = chance.choice(_CONNECTIONS)
        fields.append((b"Connection", word))
        lasts = b"lose" not in word and (minor == 1 or b"alive" in word.lower())
    framing = chance.choice(("length", "chunked", "eof") if minor else ("length", "eof"))
    coded = body
    if framing == "length":
        fields.append((chance.choice((b"Content-Length", b"content-length")), b"%d" % len(body)))
    elif framing == "chunked":
        fields.append((b"Transfer-Encoding", chance.choice((b"chunked", b"Chunked"))))
        coded = _chunked(body, chance)
    # A parser is not told that there was a HEAD: without a length it takes the end of the connection for the body's.
    lasts = lasts and (framing != "eof" or status in {204, 304})
    chance.shuffle(fields)
    early = b"".join(
        chance.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"))
        for _ in range(chance.choice((0, 0, 0, 1, 2)) if minor else 0)
    )
    reason = chance.choice((b" OK", b" ", b" Not \xc3\xbc", b""))
    lines = b"".join(name + chance.choice((b": ", b":", b":\t ")) + value + b"\r\n" for name, value in fields)
    data = b"%bHTTP/1.%d %d%b\r\n%b\r\n" % (early, minor, status, reason, lines)
    shown = [_shown(name, value.strip()) for name, value in fields]
    if has_no_body:
        return data, is_head, Outcome(status, shown, b"", lasts)
    return data + coded, is_head, Outcome(status, shown, body, lasts)


def _chunked(body: bytes, chance: random.Random) -> bytes:
    parts: list[bytes] = []
    while body:
        size = chance.randrange(1, len(body) + 1)
        extension = chance.choice((b"", b"", b";a", b";a=b", b';a="b c"'))
        parts.append(b"%x%b\r\n%b\r\n" % (size, extension, body[:size]))
        body = body[size:]
    trailer = chance.choice((b"", b"", b"x-t: 1\r\n"))
    return b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


def _spoilt(data: bytes, chance: random.Random) -> bytes:
    # Mostly in the head: of a body every byte is right.
    end = data.find(b"\r\n\r\n") + 4 if chance.random() < 0.8 else len(data)
    at, length = chance.randrange(end), chance.choice((0, 0, 1, 2, 10))
    kind = chance.randrange(5)
    if kind == 0:
        return data[:at] + data[at + length + 1 :] or b"\r\n"
    if kind == 1:
        return data[:at] + data[at : at + length] + data[at:]
    if kind == 2:
        # At the beginning of a line: what is inserted there is a line.
        lines = data.split(b"\r\n")
        at = len(b"\r\n".join(lines[: chance.randrange(1, min(len(lines), 9) + 1)])) + 2
    if kind == 3:
        return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
    return data[:at] + chance.choice(_POISON) + data[at + (length if kind == 4 else 0) :]


class _Transport:
    """A transport that goes nowhere."""

    def write(self, data: bytes) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        pass
