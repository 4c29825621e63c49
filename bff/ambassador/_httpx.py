"""Any httpx transport as a wire: httpx's own, a mock, an ASGI application, or one of another engine."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import httpx

from bff.ambassador._core import Context, Layer, Request, Response, Send, Watch
from bff.ambassador._decoding import decoded
from bff.ambassador._library import Library, library_of
from bff.ambassador._message import (
    ACCEPT_ENCODING,
    ENTITY,
    FRAMING,
    LONGEST_HEADER,
    MOST_HEADERS,
    check_target,
    declared_length,
    head,
    unquoted,
)
from bff.ambassador._stream import Stream, Upload, Whole
from bff.errors import BFFError, ContractViolation, Overloaded, UpstreamTimeout, UpstreamUnreachable

__all__ = ["HttpxWire", "content_of", "from_httpx", "httpx_auth", "is_the_same_for_all"]


class HttpxWire:
    """
    Send requests through an `httpx.AsyncBaseTransport`, or one of httpx2.

    What httpx's client adds (redirects, cookies, proxies, decompression without a limit) is not in a transport.
    `connect` is the time for making a connection in seconds (`None`: no limit), `max_body` the most decoded
    bytes an answer may have. The transport is closed with the wire.

    httpx 0.28's own transport loses connections when calls are cancelled under load (encode/httpcore#1093), and
    takes bytes that an upstream sent unasked for the answer to the next request: prefer `LeanWire` where there
    is a choice.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, *, connect: float | None = 1.0, max_body: int = 10_000_000
    ) -> None:
        self._transport = transport
        self._library = library_of(transport)
        self._is_traced = isinstance(transport, self._library.AsyncHTTPTransport)
        # Waiting in httpx's own pool is our own congestion: as soon given up as connecting is.
        self._timeout = {"connect": connect, "pool": connect, "read": None, "write": None}
        self._max_body = max_body

    async def send(self, request: Request, context: Context, /) -> Response:
        """Send one request; raises what `Wire` says, and `UnsafePath` for a target that is none."""
        library, watch = self._library, context.watch
        message = self._message(request, context)
        extensions = message.extensions
        if watch is not None and self._is_traced:
            message.extensions = {**extensions, "trace": _tracing(watch, extensions.get("trace"))}
        try:
            response = await self._transport.handle_async_request(message)
            if context.is_streamed and (message is request.original or not _has_long_head(response)):
                stream = Stream(_Incoming(response, context, library, is_theirs=request.original is not None))
                return Response(response.status_code, response.headers, b"", stream, response.extensions)
            try:
                content = await self._body(response, context)
            finally:
                await response.aclose()
        except (library.LocalProtocolError, library.UnsupportedProtocol):
            raise  # the request's own fault: it says nothing about the upstream
        except library.TransportError as error:
            failed = _translated(error, context, library)
            if request.original is not None or not isinstance(error, library.RemoteProtocolError):
                raise failed from error
        else:
            return self._decoded(response, content, context)
        finally:
            message.extensions = extensions
        # No cause: these quote what came. (Whoever brought the transport along gets its own errors.)
        raise failed

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    def _decoded(self, response: httpx.Response, content: bytes, context: Context) -> Response:
        try:
            content = decoded(content, response.headers, max_size=self._max_body)
        except ValueError as error:
            raise _violation(str(error), context) from error
        return Response(response.status_code, response.headers, content)

    def _message(self, request: Request, context: Context) -> httpx.Request:
        original = request.original
        if isinstance(original, self._library.Request):
            # What the layers tell the upstream stands behind its own headers.
            told = request.headers[len(original.headers.raw) :]
            return _told(original, told, self._library) if told else original
        check_target(request, context)
        message = to_httpx(request, self._library, is_raw=context.is_streamed)
        message.extensions["timeout"] = self._timeout
        return message

    async def _body(self, response: httpx.Response, context: Context) -> bytes:
        if _has_long_head(response):
            raise _violation("more or longer headers than any answer needs", context)
        parts: list[bytes] = []
        size = 0
        # The stream as the transport left it: `aiter_raw` refuses one of a mock, which has been read already.
        async for part in cast("httpx.AsyncByteStream", response.stream):
            size += len(part)
            if size > self._max_body:
                raise _violation(f"more than the {self._max_body} bytes of `max_body`", context)
            parts.append(part)
        return b"".join(parts)


class _Incoming:
    """The rest of an answer. One that is never closed holds its connection until the transport is closed."""

    __slots__ = ("_context", "_is_theirs", "_library", "_parts", "_response")

    def __init__(self, response: httpx.Response, context: Context, library: Library, *, is_theirs: bool) -> None:
        self._response = response
        self._parts = aiter(cast("httpx.AsyncByteStream", response.stream))
        self._context = context
        self._library = library
        self._is_theirs = is_theirs

    async def read(self) -> bytes:
        """Return the next part, empty at the end."""
        try:
            while (part := await anext(self._parts, None)) is not None:
                if part:
                    return part
            await self._response.aclose()
        except self._library.TransportError as error:
            failed = _translated(error, self._context, self._library)
            if self._is_theirs or not isinstance(error, self._library.RemoteProtocolError):
                raise failed from error
        else:
            return b""
        raise failed  # as above

    async def aclose(self) -> None:
        """Leave the rest."""
        await self._response.aclose()

    def abandon(self) -> None:
        """Do nothing: without waiting, nothing can be done."""


def _has_long_head(response: httpx.Response) -> bool:
    raw = response.headers.raw
    return len(raw) > MOST_HEADERS or any(len(name) + len(value) > LONGEST_HEADER for name, value in raw)


def _tracing(watch: Watch, theirs: Callable[..., Any] | None) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """Return httpcore's `trace`: a try's time does not pass while a connection is made."""

    async def trace(name: str, info: Mapping[str, Any]) -> None:
        if name.endswith("connect_tcp.started"):
            watch.hold()
        elif name.endswith("send_request_headers.started"):
            watch.resume()
        if theirs is not None:
            await theirs(name, info)

    return trace


def to_httpx(request: Request, library: Library, *, is_raw: bool = False) -> httpx.Request:
    """Return `request` as the library has it, with the target as it stands; `is_raw` as in `head`."""
    url = library.URL(request.origin)
    head(request, "")  # raises where a header holds what would begin another line
    headers = [(name, value) for name, value in request.headers if name.lower() not in FRAMING]
    extensions: dict[str, Any] = {"target": request.target.encode("ascii")}
    if request.host:
        # httpcore's word for the name that TLS asks for, and that a certificate has to have.
        extensions["sni_hostname"] = library.URL(f"{url.scheme}://{request.host}").host
        if not any(name.lower() == "host" for name, _ in headers):
            headers.append(("host", request.host))
    codings = [value for name, value in request.headers if is_raw and name.lower() == "accept-encoding"]
    headers.append(("accept-encoding", codings[-1] if codings else ACCEPT_ENCODING))
    if not isinstance(request.content, bytes) and (length := declared_length(request)) is not None:
        headers.append(("content-length", str(length)))
    return library.Request(
        request.method,
        url.copy_with(raw_path=request.target.encode("ascii")),
        headers=headers,
        content=request.content or None,
        extensions=extensions,
    )


def _told(message: httpx.Request, told: Sequence[tuple[str, str]], library: Library) -> httpx.Request:
    """Return a copy of `message` with more headers."""
    headers = [*message.headers.raw, *((name.encode(), value.encode()) for name, value in told)]
    return library.Request(
        message.method, message.url, headers=headers, stream=message.stream, extensions=message.extensions
    )


def httpx_auth(auth: httpx.Auth) -> Layer:
    """
    Drive `auth` around each try: it may send requests of its own, and look at answers.

    Of what it does to a request, its headers, URL and body go on. A streamed body is left alone unless it has to be
    read for that.
    """
    library = library_of(auth)

    def layer(send: Send) -> Send:
        async def authenticated(request: Request, context: Context) -> Response:
            flow = auth.async_auth_flow(to_httpx(request, library))
            try:
                message = await anext(flow)
                while True:
                    response = await send(from_httpx(message, await content_of(message, library)), context)
                    shown = await _shown(response, message, library, is_whole=auth.requires_response_body)
                    try:
                        message = await flow.asend(shown)
                    except StopAsyncIteration:
                        return response
                    if response.stream is not None:
                        await response.stream.aclose()
            finally:
                await flow.aclose()

        return authenticated

    return layer


def is_the_same_for_all(auth: httpx.Auth) -> bool:
    """
    Say whether `auth` gives the same credential whoever is calling.

    Of one by somebody else, and be it a subclass of these, nobody knows.
    """
    return type(auth) in {httpx.BasicAuth, httpx.DigestAuth, httpx.NetRCAuth}


async def content_of(message: httpx.Request, library: Library) -> bytes | AsyncIterable[bytes]:
    """Return the body of a request of the library's: bytes where it is there, or what it is read from, once."""
    if isinstance(message.stream, library.ByteStream):
        return await message.aread()
    return Upload(cast("httpx.AsyncByteStream", message.stream))


def from_httpx(message: httpx.Request, content: bytes | AsyncIterable[bytes]) -> Request:
    """Return a request of the library's as ours."""
    url = message.url
    netloc = url.netloc.decode("ascii")
    target: bytes = message.extensions.get("target", url.raw_path)
    # httpx names the host in every request; it says something only where it is another than the URL's.
    headers = [pair for pair in message.headers.multi_items() if pair != ("host", netloc)]
    host: str = message.headers.get("host", "") if "sni_hostname" in message.extensions else ""
    return Request(message.method, f"{url.scheme}://{netloc}", target.decode("ascii"), headers, content, host)


async def _shown(response: Response, request: httpx.Request, library: Library, *, is_whole: bool) -> httpx.Response:
    """Return an answer as the library has it; of a streamed one the body only where `is_whole` asks for it."""
    headers, content = response.headers, response.content
    # Line by line, where the mapping can say it: joined, some say something else.
    pairs: list[tuple[str, str]] = [*getattr(headers, "multi_items", headers.items)()]
    if response.stream is not None and is_whole:
        content = b"".join([part async for part in response.stream])
        response.stream = Stream(Whole(content))
    else:
        # What is decoded already, or not there, has no header that says how it is coded.
        pairs = [(name, value) for name, value in pairs if name.lower() not in ENTITY]
    return library.Response(response.status, headers=pairs, content=content, request=request)


def _translated(error: httpx.TransportError, context: Context, library: Library) -> BFFError:
    upstream, operation = context.upstream, context.operation
    if isinstance(error, library.PoolTimeout):
        what = "no connection to be had from the transport's pool"
        return Overloaded(what, upstream=upstream, operation=operation, retry_after=1.0)
    if isinstance(error, library.TimeoutException):
        timeout = UpstreamTimeout(f"no answer in time: {error}", upstream=upstream, operation=operation)
        timeout.sent = not isinstance(error, library.ConnectTimeout)
        return timeout
    if isinstance(error, library.RemoteProtocolError) and not _is_cut_short(error):
        return _violation(f"what came is no HTTP: {unquoted(str(error))}", context)
    is_unconnected = isinstance(error, library.ConnectError)
    what = "no connection" if is_unconnected else "the connection broke"
    why = unquoted(str(error)) if isinstance(error, library.RemoteProtocolError) else str(error)
    unreachable = UpstreamUnreachable(f"{what}: {why}", upstream=upstream, operation=operation)
    unreachable.sent = not is_unconnected
    return unreachable


def _is_cut_short(error: httpx.RemoteProtocolError) -> bool:
    # h11's words; it has no class of its own for a connection that ends within a message.
    return any(words in str(error) for words in ("without sending complete message body", "without sending a response"))


def _violation(what: str, context: Context) -> ContractViolation:
    return ContractViolation(what, upstream=context.upstream, operation=context.operation)
