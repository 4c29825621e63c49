"""Bodies that go part by part over a connection: a request's out, an answer's in."""

import asyncio
from collections.abc import AsyncIterable
from typing import Final

from bff.ambassador._channel import Channel, Refused
from bff.ambassador._core import Context
from bff.ambassador._headers import Headers, StatusLine
from bff.errors import ContractViolation, UpstreamError, UpstreamUnreachable

__all__ = ["Inflow", "send_body", "translated", "violation"]

_HIGH: Final = 1 << 17  # bytes that nobody has read yet, at which a peer has to wait


class Inflow:
    """The body of an answer on its way: its peer waits where nobody reads, and a connection that is left is closed."""

    __slots__ = ("_channel", "_context", "_fault", "_is_over", "_is_paused", "_parts", "_size", "_waiter", "head")

    def __init__(self, channel: Channel, context: Context) -> None:
        self._channel = channel
        self._context = context
        self._parts: list[bytes] = []
        self._size = 0
        self._is_over = self._is_paused = False
        self._fault: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.head: tuple[StatusLine, Headers] | None = None

    # What the connection says.

    def begin(self, line: StatusLine, headers: Headers) -> None:
        """Take the head."""
        self.head = line, headers

    def feed(self, part: bytes) -> None:
        """Take the next part."""
        self._parts.append(part)
        self._size += len(part)
        if self._size > _HIGH and not self._is_paused:
            self._is_paused = True
            self._channel.pause()
        self._wake()

    def end(self, fault: Exception | None) -> None:
        """Take note that it is whole, or what broke it: the connection is no more this one's."""
        self._is_over = True
        self._fault = fault
        if self._is_paused:
            self._is_paused = False
            self._channel.resume()
        self._wake()

    # What who reads asks.

    async def read(self) -> bytes:
        """Return the next part, empty at the end."""
        while not self._parts:
            if self._fault is not None:
                raise translated(self._fault, self._context)
            if self._is_over:
                return b""
            self._waiter = self._context.loop.create_future()
            await self._waiter
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        if self._is_paused:
            self._is_paused = False
            self._channel.resume()
        return part

    async def aclose(self) -> None:
        """Leave the rest."""
        self.abandon()

    def abandon(self) -> None:
        """Leave the rest; closing takes no waiting here."""
        self._parts.clear()
        if not self._is_over:
            self._is_over = True
            self._channel.abort()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


async def send_body(parts: AsyncIterable[bytes], channel: Channel, *, length: int | None) -> bool:
    """
    Send a body as fast as its peer takes it; say whether it is whole.

    It is not where the peer has answered before, or is gone: nobody reads the rest. Raises `ValueError` where the
    body is not as long as was declared.
    """
    left = length
    body = aiter(parts)
    try:
        async for part in body:
            if left is not None:
                left -= len(part)
                if left < 0:
                    raise ValueError(f"the body is longer than the {length} bytes that its content-length declares")
            if not channel.is_awaited:
                return False
            # An empty chunk would be the last one.
            if part:
                await channel.write(*((part,) if left is not None else (b"%x\r\n" % len(part), part, b"\r\n")))
        if left:
            raise ValueError(f"the body is shorter than the {length} bytes that its content-length declares")
    finally:
        # An iterator need not have it; a generator that was left has something to clean up.
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    if channel.is_awaited and left is None:
        await channel.write(b"0\r\n\r\n")
    return channel.is_awaited


def translated(fault: Exception, context: Context) -> UpstreamError:
    """Return our error for what went wrong after the request had been sent."""
    if isinstance(fault, Refused):
        return violation(str(fault), context)
    error = UpstreamUnreachable(
        f"the connection broke: {fault}", upstream=context.upstream, operation=context.operation
    )
    error.__cause__ = fault
    return error


def violation(what: str, context: Context) -> ContractViolation:
    """Return the error for an answer that cannot be taken."""
    return ContractViolation(what, upstream=context.upstream, operation=context.operation)
