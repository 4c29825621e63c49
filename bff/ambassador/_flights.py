"""Which reads are under way, and who waits for one that is equal."""

import asyncio
from collections import deque
from collections.abc import Hashable
from enum import Enum
from typing import Final, TypeAlias

from bff.ambassador._core import Context, Request, Response
from bff.errors import RejectedError, UpstreamError

__all__ = ["PER_REQUEST", "Flight", "Flights", "Told", "Turn"]

PER_REQUEST: Final = frozenset(
    {
        "b3",
        "traceparent",
        "tracestate",
        "x-b3-flags",
        "x-b3-parentspanid",
        "x-b3-sampled",
        "x-b3-spanid",
        "x-b3-traceid",
        "x-request-id",
    }
)
"""
Headers that differ with every request, and name it and nothing else.

`baggage` is none of these: what an application puts into it, a tenant or an experiment, may well change an answer.
"""


_MOST_APART: Final = 1000  # targets; of one that is forgotten the next two reads find it out again


class Turn(Enum):
    """What a waiting call is told where it is given no outcome."""

    LEAD = "ask again, for those behind you too"
    ALONE = "ask for yourself"


Told: TypeAlias = Response | UpstreamError | RejectedError | Turn
"""What those that wait are told: the outcome, or what to do instead."""


class Flight:
    """A read that is under way, and those that wait for it; `context` is that of the call that leads."""

    __slots__ = ("_key", "context", "mark", "request", "waiting")

    def __init__(self, request: Request, mark: Hashable, context: Context) -> None:
        self.request = request
        self.mark = mark
        self.context = context
        self.waiting: deque[asyncio.Future[Told]] | None = None
        self._key: Hashable = None

    def is_like(self, request: Request, mark: Hashable) -> bool:
        """Say whether a read of the same target is equal to this one."""
        own = self.request
        if self.mark != mark or own.method != request.method or own.origin != request.origin:
            return False
        return own.host == request.host and _kept(own) == _kept(request)

    @property
    def key(self) -> Hashable:
        """What equal reads of one target have in common: all headers but those that name the request, and the rest."""
        if self._key is None:
            request = self.request
            self._key = (self.mark, request.method, request.origin, request.host, *_kept(request))
        return self._key

    def tell(self, told: Told) -> None:
        """Tell all that wait."""
        waiting, self.waiting = self.waiting, None
        for turn in waiting or ():
            if _is_open(turn):
                turn.set_result(told)

    def pass_on(self) -> bool:
        """Let the first that waits ask again; say whether there is one."""
        while self.waiting:
            turn = self.waiting.popleft()
            if _is_open(turn):
                turn.set_result(Turn.LEAD)
                return True
        return False


class Flights:
    """
    The reads that are under way.

    Nearly always there is one at most of a target, with which those that come are compared; only where two differ do
    they get keys. Reads of a target whose last answer was for one alone wait for nobody, until an answer is for
    everyone again.
    """

    __slots__ = ("_apart", "_by_target", "flown", "shared")

    def __init__(self) -> None:
        self._by_target: dict[str, Flight | dict[Hashable, Flight]] = {}
        self._apart: dict[str, None] = {}
        self.flown = 0
        self.shared = 0

    def lead(self, request: Request, mark: Hashable, context: Context) -> Flight | None:
        """Begin a flight, unless there may be an equal one: `find` tells then."""
        target = request.target
        if target in self._by_target or target in self._apart:
            return None
        flight = self._by_target[target] = Flight(request, mark, context)
        return flight

    def find(self, request: Request, mark: Hashable, context: Context) -> tuple[Flight, bool] | None:
        """Return the flight of reads equal to this one, and whether it begins with it; `None` for one to go alone."""
        if request.target in self._apart:
            return None
        flights = self._by_target[request.target]
        if isinstance(flights, Flight) and not _is_lost(flights, context) and flights.is_like(request, mark):
            return flights, False
        new = Flight(request, mark, context)
        if isinstance(flights, Flight):
            flights = self._by_target[request.target] = {flights.key: flights}
        flight = flights.get(new.key)
        if flight is None or _is_lost(flight, context):
            flights[new.key] = new
            return new, True
        return flight, False

    def end(self, flight: Flight) -> None:
        """Forget a flight: whoever comes now asks anew."""
        target = flight.request.target
        flights = self._by_target.get(target)
        if flights is flight:
            del self._by_target[target]
        elif isinstance(flights, dict) and flights.get(flight.key) is flight:
            del flights[flight.key]
            if not flights:
                del self._by_target[target]

    def part(self, target: str) -> None:
        """Keep in mind that the answer to reads of a target is for one alone: waiting for it would be in vain."""
        self._apart[target] = None
        if len(self._apart) > _MOST_APART:
            del self._apart[next(iter(self._apart))]

    def rejoin(self, target: str) -> None:
        """Let reads of a target wait for one another again."""
        self._apart.pop(target, None)

    def forget(self) -> None:
        """Let nobody join the flights that are under way: they may tell of a time before something was written."""
        self._by_target = {}

    def settle(self, flight: Flight, told: Told) -> None:
        """End a flight; with `LEAD` it goes on under whoever has waited longest, if anybody waits."""
        if told is Turn.LEAD and flight.pass_on():
            return
        self.end(flight)
        flight.tell(told)

    async def wait(self, flight: Flight) -> Told:
        """Wait until a flight lands; a cancellation is the waiter's own, and costs nobody else anything."""
        turn: asyncio.Future[Told] = flight.context.loop.create_future()
        if flight.waiting is None:
            flight.waiting = deque()
        flight.waiting.append(turn)
        try:
            return await turn
        except BaseException:
            if not turn.done():
                turn.cancel()  # it was not a task that ended, but a coroutine that was closed
            elif not turn.cancelled() and turn.result() is Turn.LEAD:
                self.settle(flight, Turn.LEAD)
            raise


def _is_open(turn: asyncio.Future[Told]) -> bool:
    """Say whether anybody is still there to be told."""
    return not turn.done() and not turn.get_loop().is_closed()


def _is_lost(flight: Flight, context: Context) -> bool:
    """Say whether a flight will never land, for its loop is not that of a call that begins: it has ended under it."""
    return flight.context.loop is not context.loop


def _kept(request: Request) -> list[tuple[str, str]]:
    """Return the headers that do not just name the request."""
    return [pair for pair in request.headers if pair[0] not in PER_REQUEST]
