"""Frozen records of what happened, and the means to hand them to whoever subscribed."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

__all__ = [
    "AttemptFailed",
    "AttemptFinished",
    "AttemptStarted",
    "BreakerChanged",
    "CallCancelled",
    "CallFailed",
    "CallFinished",
    "CallStarted",
    "Emitter",
    "Event",
    "Observer",
    "RequestFinished",
]

_log = logging.getLogger("bff")


@dataclass(frozen=True, slots=True)
class Event:
    """
    Anything that happened; durations are float seconds.

    `call` is a number that the events of one call have in common, and no other call of the process has. No event holds
    a header, a body or the value of a query parameter: credentials and what belongs to a user are in these.
    """


@dataclass(frozen=True, slots=True)
class CallStarted(Event):
    """A call to an upstream began; `CallFinished`, `CallFailed` or `CallCancelled` says how it ended."""

    upstream: str
    operation: str
    method: str
    request_id: str
    call: int


@dataclass(frozen=True, slots=True)
class CallFinished(Event):
    """A call to an upstream was answered, whatever the status; `attempts` counts all tries."""

    upstream: str
    operation: str
    status: int
    duration: float
    attempts: int
    request_id: str
    call: int = 0


@dataclass(frozen=True, slots=True)
class CallFailed(Event):
    """
    A call to an upstream gave no usable answer; `cause` is the token that clients see too.

    `status` is that of the answer, where there was one. One below 500 has been told of as `CallFinished` before: only
    then was its content found to be other than its contract says.
    """

    upstream: str
    operation: str
    cause: str
    detail: str
    duration: float
    attempts: int
    request_id: str
    call: int = 0
    status: int | None = None


@dataclass(frozen=True, slots=True)
class CallCancelled(Event):
    """Whoever made a call gave it up before it had ended: no failure of the upstream's."""

    upstream: str
    operation: str
    duration: float
    attempts: int
    request_id: str
    call: int


@dataclass(frozen=True, slots=True)
class _Attempt(Event):
    """
    One request on the wire.

    `attempt` counts the call's tries from 1; `kind` is `"first"`, `"retry"` or `"hedge"`. `url` is what is asked for,
    with the query's values masked, `address` the origin that it is asked of, which is another where the upstream's
    name was resolved.
    """

    upstream: str
    operation: str
    attempt: int
    kind: str
    method: str
    url: str
    address: str
    request_id: str
    call: int


@dataclass(frozen=True, slots=True)
class AttemptStarted(_Attempt):
    """A request goes out; `AttemptFinished` says what became of it."""


@dataclass(frozen=True, slots=True)
class AttemptFinished(_Attempt):
    """
    A request ended: with an answer of some `status`, or for a `cause`.

    The cause is `"cancelled"` where nobody waited for it any more, which a hedge that lost is too.
    """

    status: int | None
    cause: str
    duration: float


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """
    One try failed; `retry_in` is the pause before the next, `None` where there is no next one.

    `refused` says why there is none: `"attempts"` are used up, the request is `"unrepeatable"`, another try would
    be `"futile"`, there is not enough `"time"`, the `"budget"` is empty (which may be found only after the pause: then
    the try is told of twice), or the `"caller"` repeats it already.
    """

    upstream: str
    operation: str
    attempt: int
    cause: str
    retry_in: float | None
    refused: str = ""
    call: int = 0


@dataclass(frozen=True, slots=True)
class BreakerChanged(Event):
    """A circuit breaker went from one state (`"closed"`, `"open"`, `"half-open"`) to another."""

    upstream: str
    operation: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RequestFinished(Event):
    """
    A client's request was answered, or the client left first (`status` 499, as nginx has it).

    `route` is the path template, `missing` the response paths that took a default, `calls` how many
    upstream calls were started.
    """

    profile: str
    method: str
    route: str
    path: str
    status: int
    duration: float
    size: int
    calls: int
    missing: tuple[str, ...]
    cause: str
    request_id: str
    scheme: str = "http"


Observer: TypeAlias = Callable[[Event], None]
"""
Takes an event. Where it has an attribute `events`, a tuple of event classes, it gets just those.

Where it has a method `headers_for`, it is asked for headers to send along with every request that goes out: given its
`AttemptStarted`, which it may have got before, it returns them by their lower-case names. They replace what the request
has under the same names.
"""


class Emitter:
    """
    Hand events to the observers that want them.

    An observer that raises is logged and never disturbs the request. Ask `wants` before building an
    event, so that what nobody subscribed to costs nothing.
    """

    none: ClassVar["Emitter"]

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)
        self._takers: dict[type[Event], tuple[Observer, ...]] = {}
        self.has_observers = bool(self._observers)
        self.asks_for_headers = any(hasattr(observer, "headers_for") for observer in self._observers)

    def telling(self, upstream_is_told: bool) -> "Emitter":
        """Return an emitter to the same observers that asks them for headers only if the upstream is told anything."""
        if upstream_is_told or not self.asks_for_headers:
            return self
        quiet = Emitter(self._observers)
        quiet.asks_for_headers = False
        return quiet

    def wants(self, *kinds: type[Event]) -> bool:
        """Say whether anyone subscribed to events of these classes."""
        return any(self._takers_of(kind) for kind in kinds)

    def emit(self, event: Event) -> None:
        """Hand `event` to everyone who wants its class."""
        kind = type(event)
        for observer in self._takers[kind] if kind in self._takers else self._takers_of(kind):
            try:
                observer(event)
            except Exception:  # noqa: BLE001 - it is foreign code, and no request is to suffer from it
                _log.exception("observer %r failed on %s", observer, kind.__name__)

    def headers_for(self, event: AttemptStarted) -> dict[str, str]:
        """Return what observers want to send along with a request."""
        headers: dict[str, str] = {}
        for observer in self._observers:
            asked: Any = getattr(observer, "headers_for", None)
            if asked is not None:
                try:
                    headers.update(asked(event))
                except Exception:  # noqa: BLE001 - as above
                    _log.exception("observer %r failed to give headers", observer)
        return headers

    def _takers_of(self, kind: type[Event]) -> tuple[Observer, ...]:
        self._takers[kind] = takers = tuple(observer for observer in self._observers if _is_for(observer, kind))
        return takers


def _is_for(observer: Observer, kind: type[Event]) -> bool:
    events: tuple[type[Event], ...] | None = getattr(observer, "events", None)
    return events is None or issubclass(kind, events)


Emitter.none = Emitter()
