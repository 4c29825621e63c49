"""Any httpx transport as a wire: httpx's own, a mock, an ASGI application, or one of another engine."""

from typing import Any

import httpx

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._decoding import decoded
from bff.ambassador._message import ACCEPT_ENCODING, ENTITY, FRAMING, LONGEST_HEADER, MOST_HEADERS, check_target, head
from bff.errors import BFFError, ContractViolation, Overloaded, UpstreamTimeout, UpstreamUnreachable

__all__ = ["HttpxWire", "as_httpx", "from_httpx", "httpx_auth", "to_httpx"]


class HttpxWire:
    """
    Send requests through an `httpx.AsyncBaseTransport`.

    What httpx's client adds (redirects, cookies, proxies, decompression without a limit) is not in a transport.
    `connect` is the time for making a connection in seconds (`None`: no limit), `max_body` the most decoded
    bytes an answer may have. The transport is closed with the wire.

    httpx 0.28's own transport loses connections when calls are cancelled under load (encode/httpcore#1093), and
    takes bytes that an upstream sent unasked for the answer to the next request: prefer `AiohttpWire` where there
    is a choice.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, *, connect: float | None = 1.0, max_body: int = 10_000_000
    ) -> None:
        self._transport = transport
        # Waiting in httpx's own pool is our own congestion: as soon given up as connecting is.
        self._timeout = {"connect": connect, "pool": connect, "read": None, "write": None}
        self._max_body = max_body

    async def send(self, request: Request, context: Context, /) -> Response:
        """Send one request; raises what `Wire` says, and `UnsafePath` for a target that is none."""
        check_target(request, context)
        message = to_httpx(request)
        message.extensions["timeout"] = self._timeout
        try:
            response = await self._transport.handle_async_request(message)
            try:
                content = await self._body(response, context)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise _translated(error, context) from error
        try:
            content = decoded(content, response.headers, max_size=self._max_body)
        except ValueError as error:
            raise _violation(str(error), context) from error
        return Response(response.status_code, response.headers, content)

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _body(self, response: httpx.Response, context: Context) -> bytes:
        raw = response.headers.raw
        if len(raw) > MOST_HEADERS or any(len(name) + len(value) > LONGEST_HEADER for name, value in raw):
            raise _violation("more or longer headers than any answer needs", context)
        parts: list[bytes] = []
        size = 0
        # The stream as the transport left it: `aiter_raw` refuses one of a mock, which has been read already.
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for part in response.stream:
            size += len(part)
            if size > self._max_body:
                raise _violation(f"more than the {self._max_body} bytes of `max_body`", context)
            parts.append(part)
        return b"".join(parts)


def to_httpx(request: Request) -> httpx.Request:
    """Return `request` as httpx has it, with the target as it stands."""
    url = httpx.URL(request.origin)
    head(request, "")  # raises where a header holds what would begin another line
    headers = [(name, value) for name, value in request.headers if name.lower() not in FRAMING]
    extensions: dict[str, Any] = {"target": request.target.encode("ascii")}
    if request.host:
        # httpcore's word for the name that TLS asks for, and that a certificate has to have.
        extensions["sni_hostname"] = httpx.URL(f"{url.scheme}://{request.host}").host
        if not any(name.lower() == "host" for name, _ in headers):
            headers.append(("host", request.host))
    return httpx.Request(
        request.method,
        url.copy_with(raw_path=request.target.encode("ascii")),
        headers=[*headers, ("accept-encoding", ACCEPT_ENCODING)],
        content=request.content or None,
        extensions=extensions,
    )


def httpx_auth(auth: httpx.Auth) -> Layer:
    """
    Drive `auth` around each try: it may send requests of its own, and look at answers.

    Of what it does to a request, its headers, URL and body go on.
    """

    def layer(send: Send) -> Send:
        async def authenticated(request: Request, context: Context) -> Response:
            flow = auth.async_auth_flow(to_httpx(request))
            try:
                message = await anext(flow)
                while True:
                    await message.aread()
                    response = await send(from_httpx(message), context)
                    try:
                        message = await flow.asend(as_httpx(response, message))
                    except StopAsyncIteration:
                        return response
            finally:
                await flow.aclose()

        return authenticated

    return layer


def from_httpx(message: httpx.Request) -> Request:
    """Return a request of httpx's, its body read, as ours."""
    url = message.url
    netloc = url.netloc.decode("ascii")
    target: bytes = message.extensions.get("target", url.raw_path)
    # httpx names the host in every request; it says something only where it is another than the URL's.
    headers = [pair for pair in message.headers.multi_items() if pair != ("host", netloc)]
    host: str = message.headers.get("host", "") if "sni_hostname" in message.extensions else ""
    return Request(message.method, f"{url.scheme}://{netloc}", target.decode("ascii"), headers, message.content, host)


def as_httpx(response: Response, request: httpx.Request) -> httpx.Response:
    """Return an answer as httpx has it; its content is decoded, and so no header says otherwise."""
    headers = response.headers
    # aiohttp's mapping gives each line of a header, httpx's joins them.
    pairs = headers.multi_items() if isinstance(headers, httpx.Headers) else headers.items()
    kept = [(name, value) for name, value in pairs if name.lower() not in ENTITY]
    return httpx.Response(response.status, headers=kept, content=response.content, request=request)


def _translated(error: httpx.TransportError, context: Context) -> BFFError:
    upstream, operation = context.upstream, context.operation
    if isinstance(error, httpx.PoolTimeout):
        what = "no connection to be had from the transport's pool"
        return Overloaded(what, upstream=upstream, operation=operation, retry_after=1.0)
    if isinstance(error, httpx.TimeoutException):
        timeout = UpstreamTimeout(f"no answer in time: {error}", upstream=upstream, operation=operation)
        timeout.sent = not isinstance(error, httpx.ConnectTimeout)
        return timeout
    if isinstance(error, httpx.RemoteProtocolError) and not _is_cut_short(error):
        return _violation(f"what came is no HTTP: {error}", context)
    unreachable = UpstreamUnreachable(f"{_what(error)}: {error}", upstream=upstream, operation=operation)
    unreachable.sent = not isinstance(error, httpx.ConnectError)
    return unreachable


def _is_cut_short(error: httpx.RemoteProtocolError) -> bool:
    # h11's words; it has no class of its own for a connection that ends within a message.
    return any(words in str(error) for words in ("without sending complete message body", "without sending a response"))


def _what(error: httpx.TransportError) -> str:
    return "no connection" if isinstance(error, httpx.ConnectError) else "the connection broke"


def _violation(what: str, context: Context) -> ContractViolation:
    return ContractViolation(what, upstream=context.upstream, operation=context.operation)
