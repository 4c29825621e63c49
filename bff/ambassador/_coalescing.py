"""Let equal reads that are under way at the same time share one flight, and its outcome."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias

from bff.ambassador._announcing import HOP
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._flights import PER_REQUEST, Flight, Flights, Told, Turn
from bff.ambassador._freshness import freshness_of, list_field
from bff.errors import DeadlineExceeded, RejectedError, UpstreamError
from bff.events import CallCoalesced, Emitter
from bff.policy import Coalescing

__all__ = ["Identified", "Identify", "coalescing", "everyone", "identify_of"]

Identify: TypeAlias = Callable[[Request], Awaitable[Hashable | None]]
"""Returns what will prove to the upstream who is calling; `None` where that cannot be told."""

_READS: Final = frozenset({"GET", "HEAD"})
# RFC 9110 section 9.2.1.
_SAFE: Final = frozenset({*_READS, "OPTIONS", "TRACE"})


async def everyone(_request: Request) -> Hashable | None:
    """Say that nothing tells callers apart besides the request."""
    return ()


@dataclass(frozen=True, slots=True)
class Identified:
    """
    Sends with a proof of who is calling, which stands not in the request yet, and says beforehand what it will be.

    `identify` is `None` where nobody can tell.
    """

    send: Send
    identify: Identify | None

    def __call__(self, request: Request, context: Context) -> Awaitable[Response]:
        """Send one request."""
        return self.send(request, context)


def identify_of(send: Send) -> Identify | None:
    """Return what tells apart the callers whom `send` tells apart."""
    return send.identify if isinstance(send, Identified) else everyone


def coalescing(
    policy: Coalescing, flights: Flights, *, identify: Identify, per_try: float | None, emitter: Emitter
) -> Layer:
    """
    Send one of several equal reads, inline, and let those that come meanwhile wait for its outcome.

    A read is equal to another in method, URL, all headers but those that name the request, what proves who is
    calling, and how long a try of it may take. What is asked after a write was answered is no answer from before it.
    """
    told = emitter if emitter.wants(CallCoalesced) else None

    def layer(send: Send) -> Send:
        return _Sharing(send, flights, identify, policy.max_size, per_try, told).send

    return layer


class _Sharing:
    """Sends reads, or waits for one that is equal."""

    __slots__ = ("_again", "_emitter", "_first", "_flights", "_identify", "_max_size", "_send")

    def __init__(
        self,
        send: Send,
        flights: Flights,
        identify: Identify,
        max_size: int,
        per_try: float | None,
        emitter: Emitter | None,
    ) -> None:
        self._send = send
        self._flights = flights
        self._identify = None if identify is everyone else identify
        self._max_size = max_size
        self._emitter = emitter
        # Whoever asks again himself is not tried again by us: his failure is no measure for others.
        self._first, self._again = (per_try, False), (per_try, True)

    async def send(self, request: Request, context: Context) -> Response:
        """Send one request, or return or raise the outcome of an equal one."""
        if request.method not in _READS or request.content or context.after_write or context.is_streamed:
            return await (self._send if request.method in _SAFE else self._written)(request, context)
        mark: Hashable = self._again if context.is_retry else self._first
        if self._identify is not None:
            identity = await self._identify(request)
            if identity is None:
                return await self._send(request, context)
            mark = (mark, identity)
        flights = self._flights
        flight = flights.lead(request, mark, context)
        if flight is None:
            found = await self._join(request, context, mark)
            if not isinstance(found, Flight):
                return found or await self._alone(request, context)
            flight = found
        flights.flown += 1
        try:
            response = await self._send(request, context)
        except BaseException as error:
            flights.settle(flight, _failure(error, flight.context))
            raise
        if flight.waiting:
            flights.settle(flight, self._for_others(response, request, context))
        else:
            flights.end(flight)
        return response

    async def _written(self, request: Request, context: Context) -> Response:
        try:
            return await self._send(request, context)
        finally:
            self._flights.forget()

    async def _join(self, request: Request, context: Context, mark: Hashable) -> Response | Flight | None:
        """Return the answer to an equal read, or the flight that is to be flown now, or `None` for one to go alone."""
        flights = self._flights
        place = flights.find(request, mark, context)
        if place is None:
            return None
        flight, is_leader = place
        if is_leader:
            return flight
        told = await flights.wait(flight)
        if told is Turn.ALONE:
            return None
        if told is Turn.LEAD:
            flight.context = context
            return flight
        flights.shared += 1
        if self._emitter is not None:
            self._emitter.emit(_told_of(context, flight.context))
        if isinstance(told, Response):
            return _copied(told)
        raise _twin(told)

    async def _alone(self, request: Request, context: Context) -> Response:
        """Send a read for one caller; others wait for its like again when its answer would have been theirs too."""
        self._flights.flown += 1
        response = await self._send(request, context)
        if _is_shareable(response, self._max_size):
            self._flights.rejoin(request.target)
        return response

    def _for_others(self, response: Response, request: Request, context: Context) -> Told:
        """Return what an answer is to those that wait for it."""
        if _is_hurried(response, context):
            return Turn.LEAD
        if not _is_shareable(response, self._max_size):
            self._flights.part(request.target)
            return Turn.ALONE
        # A copy: whoever led may change what is its own.
        return _copied(response)


def _told_of(context: Context, leading: Context) -> CallCoalesced:
    return CallCoalesced(
        context.upstream,
        context.operation,
        request_id=context.request_id,
        leader=leading.request_id,
        call=context.call,
        leader_call=leading.call,
    )


def _failure(error: BaseException, context: Context) -> Told:
    """Return what the error of a leader is to those that wait: a failure of the upstream is theirs, too."""
    limit = context.limit
    if not isinstance(error, Exception) or isinstance(error, DeadlineExceeded) or (limit is not None and limit.rang):
        return Turn.LEAD
    return error if isinstance(error, UpstreamError | RejectedError) else Turn.ALONE


def _copied(response: Response) -> Response:
    """Return an answer that its reader may change."""
    headers: Mapping[str, str] = response.headers
    copy: Callable[[], Mapping[str, str]] | None = getattr(headers, "copy", None)
    return Response(response.status, copy() if copy else headers, response.content)


def _is_shareable(response: Response, max_size: int) -> bool:
    """Say whether an answer is for everyone who asks the same."""
    if len(response.content) > max_size:
        return False
    headers = response.headers
    # One that is private may be so for its cookie, which `freshness_of` sees to.
    freshness = freshness_of(headers)
    vary = list_field(headers, "vary")
    return not (
        freshness.private
        or freshness.no_store
        or (vary is not None and any(_is_particular(name) for name in vary.split(",")))
    )


def _is_particular(name: str) -> bool:
    """Say whether an answer that varies by a header is for one request alone (RFC 9110 section 12.5.5)."""
    name = name.strip().lower()
    return name == "*" or name in PER_REQUEST


def _is_hurried(response: Response, context: Context) -> bool:
    """
    Say whether an upstream, or a proxy before it, gave up because the leader had no more time.

    It was told how much there was, less the way back.
    """
    limit = context.limit
    if response.status != HTTPStatus.GATEWAY_TIMEOUT or limit is None:
        return False
    return limit.end - asyncio.get_running_loop().time() <= 2 * HOP


def _twin(error: UpstreamError | RejectedError) -> UpstreamError | RejectedError:
    """
    Return an error like another one, to be raised by somebody else.

    An exception that several tasks raise gathers all their frames, and ties them to one another.
    """
    kind = type(error)
    twin = kind.__new__(kind, *error.args)
    twin.__dict__.update(error.__dict__)
    twin.__cause__, twin.__suppress_context__ = error.__cause__, error.__suppress_context__
    return twin
