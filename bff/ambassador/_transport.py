"""The layers for any code that uses httpx: a transport around a transport."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, Literal, Self, Unpack

import httpx

from bff.ambassador._core import Context, Request, Response
from bff.ambassador._httpx import content_of, from_httpx
from bff.ambassador._library import HTTPX, Library
from bff.ambassador._message import ENTITY
from bff.ambassador._onion import Onion, build_onion
from bff.ambassador._parts import OnionStatistics
from bff.ambassador._policies import Policies, PolicyOptions
from bff.ambassador._stream import Stream, UploadFailed, Whole
from bff.ambassador._wires import Transport, Verify, new_wire
from bff.errors import (
    BFFError,
    CircuitOpen,
    ContractViolation,
    DeadlineExceeded,
    Overloaded,
    RateLimited,
    UnsafePath,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.events import Emitter, Observer

__all__ = ["AmbassadorTransport", "IncomingBody", "LayeredTransport"]

_READS: Final = frozenset({"GET", "HEAD"})
_UNSAID: Final = 5.0  # httpx's default timeout

# The library's word for each of ours; the first that fits counts, and ours is its `__cause__`.
_AS_THEIRS: Final[tuple[tuple[type[BFFError], Callable[[Library], type[httpx.TransportError]]], ...]] = (
    (UpstreamTimeout, lambda library: library.ReadTimeout),
    (DeadlineExceeded, lambda library: library.ReadTimeout),
    (Overloaded, lambda library: library.PoolTimeout),
    (RateLimited, lambda library: library.PoolTimeout),
    (CircuitOpen, lambda library: library.ConnectError),
    (UpstreamUnreachable, lambda library: library.ReadError),
    (ContractViolation, lambda library: library.RemoteProtocolError),
    (UnsafePath, lambda library: library.LocalProtocolError),
)


class LayeredTransport:
    """What there is of an `AmbassadorTransport` whichever library it is for."""

    _library: ClassVar[Library]

    def __init__(
        self,
        transport: "Transport | None" = None,
        *,
        verify: "Verify" = True,
        observers: Iterable[Observer] = (),
        **policies: Unpack[PolicyOptions],
    ) -> None:
        # An httpx client may call anyone: what travels upstream besides is what it says.
        policies.setdefault("deadline_header", None)
        self._inner = transport
        self._policies = Policies(**policies)
        timeout = self._policies.timeout
        self._wire = new_wire(transport, connect=timeout.connect if timeout else None, verify=verify)
        self._is_theirs = transport is not None
        self._emitter = Emitter(observers)
        self._onions: dict[str, Onion] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        self._close_onions()
        await self._wire.aclose()

    async def __aenter__(self) -> Self:
        if self._inner is not None:
            await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._inner is None:
            await self.aclose()
        else:
            self._close_onions()
            await self._inner.__aexit__(exc_type, exc_value, traceback)

    def _close_onions(self) -> None:
        for onion in self._onions.values():
            onion.close()

    def force_breaker(self, state: Literal["open", "closed"] | None, *, origin: str) -> None:
        """Hold the circuit breaker of one origin open or closed, whatever happens; `None` lets it judge again."""
        self._onion(origin).force_breaker(state)

    def statistics(self) -> dict[str, OnionStatistics]:
        """Return what the layers know now, by origin."""
        return {origin: onion.statistics() for origin, onion in self._onions.items()}

    def __repr__(self) -> str:
        layers = build_onion(self._policies, send=self._wire.send, name="").layers
        return f"<AmbassadorTransport to {len(self._onions)} origins: {' > '.join(layers)}>"

    async def _head(self, request: httpx.Request) -> tuple[Response, "IncomingBody"]:
        """Send one request through the layers; return the head of the answer, and its body to come."""
        _check_loop()
        # Who shares an answer waits for all of it.
        is_streamed = self._policies.coalescing is None or request.method not in _READS
        message = await self._message(request, is_streamed=is_streamed)
        patience = _patience(request)
        context = Context(request.url.netloc.decode("ascii"), is_streamed=is_streamed)
        if patience is not None:
            context.deadline = asyncio.get_running_loop().time() + patience
        try:
            response = await self._onion(message.origin).send(message, context)
        except BFFError as error:
            raise _theirs(error, request, self._library)  # noqa: B904 - it says itself what caused it
        except UploadFailed as failed:
            raise failed.error from None
        stream = Stream(Whole(response.content)) if response.stream is None else response.stream
        return response, IncomingBody(stream, request, context, patience, self._library)

    async def _message(self, request: httpx.Request, *, is_streamed: bool) -> Request:
        """Return a request of the library's as ours; a transport of its own gets to see the very same, if streamed."""
        content = await content_of(request, self._library)
        message = from_httpx(request, content)
        if self._is_theirs and is_streamed:
            message.headers = request.headers.multi_items()
            message.original = request
        elif request.url.scheme not in {"http", "https"}:
            what = f"Request URL has an unsupported protocol '{request.url.scheme}://'."
            raise self._library.UnsupportedProtocol(what, request=request)
        return message

    def _onion(self, origin: str) -> Onion:
        onion = self._onions.get(origin)
        if onion is None:
            name = origin.partition("://")[2]
            onion = build_onion(self._policies, send=self._wire.send, name=name, emitter=self._emitter)
            self._onions[origin] = onion
        return onion


class IncomingBody:
    """The body of an answer as the library reads it, with the library's own errors."""

    def __init__(
        self,
        stream: Stream,
        request: httpx.Request,
        context: Context,
        patience: float | None,
        library: Library,
    ) -> None:
        self._stream = stream
        self._request = request
        self._context = context
        self._patience = patience
        self._library = library

    async def parts(self) -> AsyncIterator[bytes]:
        """Give the parts as they came; the client's read timeout holds for each of them."""
        try:
            while True:
                if self._patience is not None:
                    self._context.deadline = asyncio.get_running_loop().time() + self._patience
                part = await anext(self._stream, None)
                if part is None:
                    return
                yield part
        except BFFError as error:
            raise _theirs(error, self._request, self._library)  # noqa: B904 - as above

    async def aclose(self) -> None:
        """Leave what has not been read."""
        await self._stream.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: IncomingBody) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.parts()

    async def aclose(self) -> None:
        await self._body.aclose()


class AmbassadorTransport(LayeredTransport, httpx.AsyncBaseTransport):
    """
    Make any `httpx.AsyncClient` resilient: `httpx.AsyncClient(transport=AmbassadorTransport(retry=Retry()))`.

    Each origin has a breaker, slots and a budget of its own. Bodies are streamed both ways. Without a `transport` to
    speak through it uses the default wire; a `transport` of httpx gets requests as they are, its answers and errors
    come back as they are. A read timeout given to httpx is the caller's deadline for the head of an answer, and for
    each part of its body: it can only shorten a call. (5 seconds, which httpx says where nobody said anything, is
    none.) With `coalescing`, reads are buffered, 10 MB at the most. It needs asyncio, and raises `RuntimeError` under
    trio.
    """

    _library = HTTPX

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request through the layers; raises `httpx.TransportError`s."""
        response, body = await self._head(request)
        return httpx.Response(
            response.status, headers=raw_headers(response), stream=_Body(body), extensions=extensions_of(response)
        )


def raw_headers(response: Response) -> list[tuple[bytes, bytes]]:
    """Return the headers line by line, as they came; a whole body is decoded, and none says otherwise."""
    if response.stream is None:
        return [(name, value) for name, value in _lines(response) if name.lower().decode() not in ENTITY]
    return _lines(response)


def _lines(response: Response) -> list[tuple[bytes, bytes]]:
    raw: list[tuple[bytes, bytes]] | None = getattr(response.headers, "raw", None)
    if raw is not None:
        return raw
    return [(name.encode(), value.encode()) for name, value in response.headers.items()]


def extensions_of(response: Response) -> dict[str, Any]:
    """Return what the wire says of an answer besides."""
    return dict(response.extensions or {})


def _check_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        what = "AmbassadorTransport needs asyncio: its timers and queues do not run under trio"
        raise RuntimeError(what) from None


def _patience(request: httpx.Request) -> float | None:
    """Return how long the client waits for the next bytes, where somebody has said so."""
    timeout: Mapping[str, float | None] = request.extensions.get("timeout", {})
    read = timeout.get("read")
    return None if read == _UNSAID else read


def _theirs(error: BFFError, request: httpx.Request, library: Library) -> Exception:
    """Return the library's error for ours: the one of its transport where there was one, else one that ours caused."""
    cause = error.__cause__
    if isinstance(cause, library.TransportError):
        # It is what happened: ours was only its name among the layers.
        error.__cause__ = None
        return cause
    kind = next((theirs(library) for ours, theirs in _AS_THEIRS if isinstance(error, ours)), library.TransportError)
    if isinstance(error, UpstreamTimeout | UpstreamUnreachable) and not error.sent:
        kind = library.ConnectTimeout if isinstance(error, UpstreamTimeout) else library.ConnectError
    theirs = kind(str(error), request=request)
    theirs.__cause__ = error
    return theirs
