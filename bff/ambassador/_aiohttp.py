"""The default wire: aiohttp's connections and parser, without its session."""

import asyncio
import errno
import ssl
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Final
from weakref import WeakSet

from aiohttp import (
    ClientOSError,
    ClientRequest,
    ClientTimeout,
    ServerDisconnectedError,
    StreamReader,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from yarl import URL

from bff.ambassador._core import Context, Request, Response
from bff.ambassador._decoding import decoded
from bff.ambassador._message import LONGEST_HEADER, MOST_HEADERS, check_target, declared_length, head
from bff.ambassador._repeatable import IDEMPOTENT
from bff.ambassador._stream import Stream
from bff.ambassador._transfer import FAULTS, Incoming, drop, send_body, translated, violation
from bff.errors import Overloaded, UpstreamError, UpstreamTimeout, UpstreamUnreachable

__all__ = ["AiohttpWire"]

_KEEP_ALIVE: Final = 4.0  # seconds; below the 5 of uvicorn and others, so that we rarely use what they just closed
_OUR_OWN_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})
_INFORMATIONAL: Final = frozenset({100, *range(102, 200)})  # 101 would end HTTP


class _StaleError(Exception):
    """A connection that had idled broke before the first byte of an answer."""


class AiohttpWire:
    """
    Send requests over connections that aiohttp makes, keeps and reads from.

    `connect` is the time for making a connection in seconds (`None`: no limit), `verify` a CA bundle's path, an
    `SSLContext`, or `False` to check no certificate, `max_body` the most decoded bytes an answer may have.

    aiohttp's `ClientSession` is left out: what it adds (redirects, cookies, proxies, retries of its own) is what
    a wire must not do, and half of the time of a request. Several onions may share one wire, on several loops one
    after the other.
    """

    def __init__(
        self, *, connect: float | None = 1.0, verify: str | ssl.SSLContext | bool = True, max_body: int = 10_000_000
    ) -> None:
        self._timeout = ClientTimeout(total=None, connect=connect, sock_connect=connect)
        self._ssl = _context(verify) if isinstance(verify, str) else verify
        self._max_body = max_body
        self._pool: _Pool | None = None

    async def send(self, request: Request, context: Context, /) -> Response:
        """Send one request; raises what `Wire` says, and `UnsafePath` for a target that is none."""
        check_target(request, context)
        pool = self._pool
        if pool is None or pool.loop is not asyncio.get_running_loop():
            pool = await self._new_pool()
        site = pool.site(request.origin, request.host)
        message = head(request, site.host, is_raw=context.is_streamed)
        if isinstance(request.content, bytes):
            message += request.content
        try:
            connection = await self._connect(pool, site, context)
            try:
                return await self._exchange(pool, connection, message, request, context)
            except _StaleError:
                connection = await self._connect(pool, site, context, is_fresh=True)
                return await self._exchange(pool, connection, message, request, context)
        except OSError as error:
            raise translated(error, context) from error
        except (*FAULTS, _StaleError) as error:
            failed = translated(error, context)
        # Raised out here, with no cause: aiohttp's errors quote what came, and a chain gets into logs.
        raise failed

    async def aclose(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await _close(pool)

    async def _new_pool(self) -> "_Pool":
        # The new one stands before anything is awaited: whoever comes meanwhile shares it.
        connector = TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE, ssl=self._ssl)
        old, self._pool = self._pool, (pool := _Pool(asyncio.get_running_loop(), connector))
        # On a loop that still runs, aiohttp itself closes what has idled for long enough.
        if old is not None and old.loop.is_closed():
            await _close(old)
        return pool

    async def _connect(self, pool: "_Pool", site: "_Site", context: Context, *, is_fresh: bool = False) -> Connection:
        watch = context.watch
        if watch is not None:
            watch.hold()
        while True:
            try:
                connection = await pool.connector.connect(site.address, [], self._timeout)
            except TimeoutError as error:
                timeout = UpstreamTimeout(
                    f"no connection within {self._timeout.connect:g} s",
                    upstream=context.upstream,
                    operation=context.operation,
                )
                timeout.sent = False
                raise timeout from error
            except OSError as error:
                raise _unconnected(error, context) from error
            protocol = connection.protocol
            assert protocol is not None
            # What an upstream sent unasked on an idle connection must never become the answer to this request.
            if protocol.should_close or (is_fresh and protocol in pool.used):
                drop(connection)
                continue
            if watch is not None:
                watch.resume()
            return connection

    async def _exchange(
        self, pool: "_Pool", connection: Connection, message: bytes, request: Request, context: Context
    ) -> Response:
        protocol, transport = connection.protocol, connection.transport
        assert protocol is not None
        assert transport is not None
        is_used = protocol in pool.used
        try:
            protocol.set_response_params(
                skip_payload=request.method == "HEAD",
                read_until_eof=True,
                auto_decompress=False,
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
                max_headers=MOST_HEADERS,
            )
            transport.write(message)
            if not isinstance(request.content, bytes) and not await send_body(
                request.content, protocol, length=declared_length(request)
            ):
                protocol.force_close()
            try:
                header, body = await _final_head(protocol, context)
            except (ServerDisconnectedError, ClientOSError) as error:
                # Repeated on a fresh connection where the server closed an idle one under our hands.
                if is_used and request.method in IDEMPOTENT and request.is_replayable:
                    raise _StaleError from error
                raise
            if context.is_streamed:
                return _streamed(header, Stream(Incoming(connection, body, context, pool.release)))
            content = await self._body(body, header.headers.get("content-length"), context)
        except BaseException:
            drop(connection)
            raise
        pool.release(connection, is_used=is_used)
        try:
            content = decoded(content, header.headers, max_size=self._max_body)
        except ValueError as error:
            raise violation(str(error), context) from error
        return Response(header.code, header.headers, content)

    async def _body(self, body: StreamReader, length: str | None, context: Context) -> bytes:
        limit = self._max_body
        if length is not None and length.isdigit() and int(length) > limit and not body.is_eof():
            raise violation(f"{length} bytes, more than the {limit} of `max_body`", context)
        if body.is_eof() and body.exception() is None:
            content = body.read_nowait()
            size = len(content)
        else:
            parts: list[bytes] = []
            size = 0
            while size <= limit and (part := await body.readany()):
                parts.append(part)
                size += len(part)
            content = b"".join(parts)
        if size > limit:
            raise violation(f"more than the {limit} bytes of `max_body`", context)
        return content


@dataclass(frozen=True, slots=True)
class _Site:
    """An origin: where aiohttp connects to, and the `Host` that a request there names."""

    address: ClientRequest
    host: str


@dataclass(slots=True)
class _Pool:
    """The connections on one event loop; `used` are those that have answered before."""

    loop: asyncio.AbstractEventLoop
    connector: TCPConnector
    used: WeakSet[ResponseHandler] = field(default_factory=WeakSet[ResponseHandler])
    _sites: dict[tuple[str, str], _Site] = field(default_factory=dict[tuple[str, str], _Site])

    def release(self, connection: Connection, *, is_used: bool = False) -> None:
        """Keep a connection that has brought a whole answer for the next request."""
        protocol = connection.protocol
        assert protocol is not None
        # An answer that came before the request was read whole leaves the connection in the middle of it.
        if protocol.transport is not None and protocol.transport.get_write_buffer_size():
            protocol.force_close()
        if not is_used:
            self.used.add(protocol)
        connection.release()

    def site(self, origin: str, host: str) -> _Site:
        site = self._sites.get((origin, host))
        if site is None:
            url = URL(origin)
            named = URL.build(scheme=url.scheme, authority=host).raw_host if host else None
            # aiohttp's connector wants a request; of this one it reads the address and nothing else.
            address = ClientRequest("GET", url, loop=self.loop, server_hostname=named)
            site = self._sites[origin, host] = _Site(address, host or url.raw_authority)
        return site


@cache
def _context(bundle: str) -> ssl.SSLContext:
    # Building one takes milliseconds: upstreams with the same bundle share it.
    return ssl.create_default_context(cafile=bundle)


async def _final_head(protocol: ResponseHandler, context: Context) -> tuple[RawResponseMessage, StreamReader]:
    """Return the head of the answer and its body to come, past what only announces it."""
    header, body = await protocol.read()
    while header.code in _INFORMATIONAL:
        header, body = await protocol.read()
    if header.code == HTTPStatus.SWITCHING_PROTOCOLS:
        raise violation("it switched protocols, which nobody asked for", context)
    return header, body


def _streamed(header: RawResponseMessage, stream: Stream) -> Response:
    """Return an answer whose body is still to come, with what httpx says of one besides."""
    version = f"HTTP/{header.version.major}.{header.version.minor}".encode()
    extensions = {"http_version": version, "reason_phrase": header.reason.encode("utf-8", "surrogateescape")}
    return Response(header.code, header.headers, b"", stream, extensions)


async def _close(pool: _Pool) -> None:
    # Where the loop is gone, so are its connections: what aiohttp has left of them cannot be told.
    with suppress(RuntimeError) if pool.loop.is_closed() else nullcontext():
        await pool.connector.close()


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
