"""The layers for any code that uses httpx: a transport around a transport."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Literal, Unpack

import httpx

from bff.ambassador._core import Context
from bff.ambassador._httpx import as_httpx, from_httpx
from bff.ambassador._onion import Onion, OnionStatistics, Policies, PolicyOptions, build_onion
from bff.ambassador._wires import Verify, new_wire
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

__all__ = ["AmbassadorTransport"]

_UNSAID: Final = 5.0  # httpx's default timeout

# httpx's word for each of ours; the first that fits counts, and ours is its `__cause__`.
_AS_HTTPX: Final[tuple[tuple[type[BFFError], type[httpx.TransportError]], ...]] = (
    (UpstreamTimeout, httpx.ReadTimeout),
    (DeadlineExceeded, httpx.ReadTimeout),
    (Overloaded, httpx.PoolTimeout),
    (RateLimited, httpx.PoolTimeout),
    (CircuitOpen, httpx.ConnectError),
    (UpstreamUnreachable, httpx.ReadError),
    (ContractViolation, httpx.RemoteProtocolError),
    (UnsafePath, httpx.LocalProtocolError),
)


class AmbassadorTransport(httpx.AsyncBaseTransport):
    """
    Make any `httpx.AsyncClient` resilient: `httpx.AsyncClient(transport=AmbassadorTransport(retry=Retry()))`.

    Each origin has a breaker, slots and a budget of its own. Requests and answers are buffered (`max_body` decoded
    bytes). Without a `transport` to speak through it uses the default wire. A read timeout given to httpx is the
    caller's deadline: it can only shorten a call. (5 seconds, which httpx says where nobody said anything, is none.)
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        verify: "Verify" = True,
        max_body: int = 10_000_000,
        observers: Iterable[Observer] = (),
        **policies: Unpack[PolicyOptions],
    ) -> None:
        # An httpx client may call anyone: what travels upstream besides is what it says.
        policies.setdefault("deadline_header", None)
        self._policies = Policies(**policies)
        timeout = self._policies.timeout
        connect = timeout.connect if timeout else None
        self._wire = new_wire(transport, connect=connect, verify=verify, max_body=max_body)
        self._emitter = Emitter(observers)
        self._onions: dict[str, Onion] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request through the layers; raises `httpx.TransportError`s, with ours as their cause."""
        await request.aread()
        message = from_httpx(request)
        try:
            response = await self._onion(message.origin).send(message, _context(request))
        except BFFError as error:
            raise _translated(error, request) from error
        return as_httpx(response, request)

    async def aclose(self) -> None:
        """Close every connection."""
        for onion in self._onions.values():
            onion.close()
        await self._wire.aclose()

    def force_breaker(self, state: Literal["open", "closed"] | None, *, origin: str) -> None:
        """Hold the circuit breaker of one origin open or closed, whatever happens; `None` lets it judge again."""
        self._onion(origin).force_breaker(state)

    def statistics(self) -> dict[str, OnionStatistics]:
        """Return what the layers know now, by origin."""
        return {origin: onion.statistics() for origin, onion in self._onions.items()}

    def __repr__(self) -> str:
        layers = build_onion(self._policies, send=self._wire.send, name="").layers
        return f"<AmbassadorTransport to {len(self._onions)} origins: {' > '.join(layers)}>"

    def _onion(self, origin: str) -> Onion:
        onion = self._onions.get(origin)
        if onion is None:
            name = origin.partition("://")[2]
            onion = build_onion(self._policies, send=self._wire.send, name=name, emitter=self._emitter)
            self._onions[origin] = onion
        return onion


def _context(request: httpx.Request) -> Context:
    timeout: Mapping[str, float | None] = request.extensions.get("timeout", {})
    read = timeout.get("read")
    if read is None or read == _UNSAID:
        return Context(request.url.netloc.decode("ascii"))
    return Context(request.url.netloc.decode("ascii"), deadline=asyncio.get_running_loop().time() + read)


def _translated(error: BFFError, request: httpx.Request) -> httpx.TransportError:
    kind = next((theirs for ours, theirs in _AS_HTTPX if isinstance(error, ours)), httpx.TransportError)
    if isinstance(error, UpstreamTimeout | UpstreamUnreachable) and not error.sent:
        kind = httpx.ConnectTimeout if isinstance(error, UpstreamTimeout) else httpx.ConnectError
    return kind(str(error), request=request)
