"""Frozen records of what happened, and the means to hand them to whoever subscribed."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

__all__ = [
    "AddressEjected",
    "AddressParked",
    "AddressReturned",
    "AddressesChanged",
    "AttemptFailed",
    "AttemptRejected",
    "BreakerChanged",
    "BudgetExhausted",
    "CallFailed",
    "CallFinished",
    "Emitter",
    "Event",
    "FaultInjected",
    "HedgeStarted",
    "HedgeWon",
    "Observer",
    "PanicChanged",
    "RequestFinished",
    "ResolutionFailed",
]

_log = logging.getLogger("bff")


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happened; durations are float seconds."""


@dataclass(frozen=True, slots=True)
class CallFinished(Event):
    """A call to an upstream was answered, whatever the status; `attempts` counts all tries."""

    upstream: str
    operation: str
    status: int
    duration: float
    attempts: int
    request_id: str


@dataclass(frozen=True, slots=True)
class CallFailed(Event):
    """A call to an upstream gave no usable answer; `cause` is the token that clients see too."""

    upstream: str
    operation: str
    cause: str
    detail: str
    duration: float
    attempts: int
    request_id: str


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """One try failed; `retry_in` is the pause before the next, `None` where there is no next one."""

    upstream: str
    operation: str
    attempt: int
    cause: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class AttemptRejected(Event):
    """
    A layer of ours refused to send a try; `cause` says which.

    It is `"open"` (the breaker), `"overloaded"` (the bulkhead, or our own limit of connections), `"rate-limited"`, or
    the cause of another `RejectedError`. `retry_after` is when it would be sent, in seconds, where that is known.
    """

    upstream: str
    operation: str
    cause: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class BudgetExhausted(Event):
    """There was reason for another try and no token left for it; `wanted` is `"retry"` or `"hedge"`."""

    upstream: str
    operation: str
    wanted: str


@dataclass(frozen=True, slots=True)
class HedgeStarted(Event):
    """A try was late, `delay` seconds after it began, and another was sent beside it; `attempt` is its number."""

    upstream: str
    operation: str
    attempt: int
    delay: float


@dataclass(frozen=True, slots=True)
class HedgeWon(Event):
    """A hedge, try number `attempt`, gave the answer; the tries that were still under way have been cancelled."""

    upstream: str
    operation: str
    attempt: int


@dataclass(frozen=True, slots=True)
class FaultInjected(Event):
    """`FaultInjection` struck: a try was held up for `delay` seconds, answered with `status`, or both."""

    upstream: str
    operation: str
    delay: float
    status: int | None


@dataclass(frozen=True, slots=True)
class BreakerChanged(Event):
    """A circuit breaker went from one state (`"closed"`, `"open"`, `"half-open"`) to another."""

    upstream: str
    operation: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AddressEjected(Event):
    """
    An address of several gets no tries for `seconds`, for the time `ejections` in a row.

    `cause` is what it had too many of: `"5xx"`, `"gateway"`, `"local"` (no answer) or `"failure-rate"`.
    """

    upstream: str
    address: str
    cause: str
    seconds: float
    ejections: int


@dataclass(frozen=True, slots=True)
class AddressReturned(Event):
    """An address that was ejected gets tries again; told with the first one after its time."""

    upstream: str
    address: str


@dataclass(frozen=True, slots=True)
class AddressParked(Event):
    """An address gets no tries for `seconds`, as it asked with a `Retry-After`."""

    upstream: str
    address: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AddressesChanged(Event):
    """The name of an upstream resolved to other addresses than before; `addresses` are all of them now."""

    upstream: str
    addresses: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolutionFailed(Event):
    """The name of an upstream could not be resolved; `kept` addresses stay in use."""

    upstream: str
    name: str
    detail: str
    kept: int


@dataclass(frozen=True, slots=True)
class PanicChanged(Event):
    """So few addresses are left, `healthy` not ejected, that all are used whatever their health; or no longer."""

    upstream: str
    is_panic: bool
    healthy: int


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


Observer: TypeAlias = Callable[[Event], None]
"""Takes an event. Where it has an attribute `events`, a tuple of event classes, it gets just those."""


class Emitter:
    """
    Hand events to the observers that want them.

    An observer that raises is logged and never disturbs the request. Ask `wants` before building an
    event, so that what nobody subscribed to costs nothing.
    """

    none: ClassVar["Emitter"]

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def wants(self, kind: type[Event]) -> bool:
        """Say whether anyone subscribed to events of this class."""
        return any(_is_for(observer, kind) for observer in self._observers)

    def emit(self, event: Event) -> None:
        """Hand `event` to everyone who wants its class."""
        for observer in self._observers:
            if _is_for(observer, type(event)):
                try:
                    observer(event)
                except Exception:  # noqa: BLE001 - it is foreign code, and no request is to suffer from it
                    _log.exception("observer %r failed on %s", observer, type(event).__name__)


def _is_for(observer: Observer, kind: type[Event]) -> bool:
    events: tuple[type[Event], ...] | None = getattr(observer, "events", None)
    return events is None or issubclass(kind, events)


Emitter.none = Emitter()
