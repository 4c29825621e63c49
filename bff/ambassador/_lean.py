"""The default wire: HTTP/1.1 over connections of our own, read by the parser that uvicorn trusts."""

import asyncio
import errno
from collections.abc import AsyncIterable
from typing import Final

from bff.ambassador._channel import Channel
from bff.ambassador._core import Context, Request, Response
from bff.ambassador._decoding import decoded
from bff.ambassador._headers import Headers, StatusLine
from bff.ambassador._message import check_target, declared_length, head
from bff.ambassador._pool import Pool, Site, Verify
from bff.ambassador._repeatable import IDEMPOTENT
from bff.ambassador._stream import Stream
from bff.ambassador._transfer import Inflow, send_body, translated, violation
from bff.errors import Overloaded, UpstreamError, UpstreamTimeout, UpstreamUnreachable

__all__ = ["LeanWire"]

_OUR_OWN_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})


class LeanWire:
    """
    Send requests over plain or TLS connections of asyncio's, kept and used again.

    `connect` is the time for making a connection in seconds (`None`: no limit), `verify` a CA bundle's path, an
    `SSLContext`, or `False` to check no certificate, `max_body` the most bytes an answer may have, also once decoded.

    A framing that not all understand alike is refused (RFC 9112 section 6). Several onions may share one wire, on
    several loops one after the other.
    """

    def __init__(self, *, connect: float | None = 1.0, verify: Verify = True, max_body: int = 10_000_000) -> None:
        self._connect_within = connect
        self._verify = verify
        self._max_body = max_body
        self._pool: Pool | None = None

    async def send(self, request: Request, context: Context, /) -> Response:
        """Send one request; raises what `Wire` says, and `UnsafePath` for a target that is none."""
        check_target(request, context)
        pool = self._pool
        if pool is None or pool.loop is not context.loop:
            pool = await self._new_pool(context)
        site = pool.sites.get((request.origin, request.host)) or pool.site(request.origin, request.host)
        content, is_streamed = request.content, context.is_streamed
        message = head(request, site.host, is_raw=is_streamed)
        if content and isinstance(content, bytes):
            message += content
        channel = site.take() or await self._connect(site, context)
        while True:
            inflow = Inflow(channel, context) if is_streamed else None
            waiter = channel.begin(message, request.method == "HEAD", self._max_body, inflow)
            try:
                if not isinstance(content, bytes):
                    await _upload(request, content, channel)
                await waiter
            except BaseException:
                # A streamed answer that has come whole has given its connection to others.
                (channel.abort if inflow is None else inflow.abandon)()
                raise
            if inflow is not None and inflow.head is not None:
                return _streamed(*inflow.head, inflow)
            if channel.fault is None:
                return self._answer(channel, site, context)
            if not _is_stale(channel, request):
                raise translated(channel.fault, context)
            channel = await self._connect(site, context)

    async def aclose(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _new_pool(self, context: Context) -> Pool:
        # The new one stands before anything is awaited: whoever comes meanwhile shares it.
        old, self._pool = self._pool, (pool := Pool(context.loop, self._verify))
        # On a loop that still runs, what has idled for long enough is closed all the same.
        if old is not None and old.loop.is_closed():
            await old.aclose()
        return pool

    async def _connect(self, site: Site, context: Context) -> Channel:
        watch = context.watch
        if watch is not None:
            watch.hold()
        patience = asyncio.timeout(self._connect_within)
        try:
            async with patience:
                channel = await site.connect()
        except OSError as error:  # `TimeoutError` among them, which may be the kernel's
            if not patience.expired():
                raise _unconnected(error, context) from error
            timeout = UpstreamTimeout(
                f"no connection within {self._connect_within:g} s",
                upstream=context.upstream,
                operation=context.operation,
            )
            timeout.sent = False
            raise timeout from error
        if watch is not None:
            watch.resume()
        return channel

    def _answer(self, channel: Channel, site: Site, context: Context) -> Response:
        line, headers, content = channel.line, channel.headers, channel.body()
        assert line is not None
        assert headers is not None
        site.give(channel)
        if headers.is_coded:
            try:
                content = decoded(content, headers, max_size=self._max_body)
            except ValueError as error:
                raise violation(str(error), context) from error
        return Response(line.status, headers, content)


async def _upload(request: Request, content: AsyncIterable[bytes], channel: Channel) -> None:
    channel.is_sending = True
    if await send_body(content, channel, length=declared_length(request)):
        channel.is_sending = False


def _is_stale(channel: Channel, request: Request) -> bool:
    """Say whether a request may be repeated because the server closed an idle connection under our hands."""
    return (
        channel.is_used
        and not channel.has_come
        and isinstance(channel.fault, OSError)
        and request.method in IDEMPOTENT
        and request.is_replayable
    )


def _streamed(line: StatusLine, headers: Headers, inflow: Inflow) -> Response:
    """Return an answer whose body is still to come, with what httpx says of one besides."""
    extensions = {"http_version": b"HTTP/1.%d" % line.minor, "reason_phrase": line.reason}
    return Response(line.status, headers, b"", Stream(inflow), extensions)


def _unconnected(error: OSError, context: Context) -> UpstreamError | Overloaded:
    upstream, operation = context.upstream, context.operation
    if error.errno in _OUR_OWN_LIMITS:
        what = "no connection could be made, our own limit is reached"
        return Overloaded(what, upstream=upstream, operation=operation, retry_after=1.0)
    unreachable = UpstreamUnreachable(
        f"no connection: {error.strerror or error}", upstream=upstream, operation=operation
    )
    unreachable.sent = False
    return unreachable
