"""Frozen records of what happened, and the means to hand them to whoever subscribed."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

__all__ = [
    "AttemptFailed",
    "BreakerChanged",
    "CallCoalesced",
    "CallFailed",
    "CallFinished",
    "Emitter",
    "Event",
    "Observer",
    "RequestFinished",
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
class CallCoalesced(Event):
    """
    A read was given the outcome of an equal one that was under way, and sent nothing itself.

    `leader` is the request id of the one that was sent. How the call ended follows, with no attempts of its own.
    """

    upstream: str
    operation: str
    request_id: str
    leader: str


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """One try failed; `retry_in` is the pause before the next, `None` where there is no next one."""

    upstream: str
    operation: str
    attempt: int
    cause: str
    retry_in: float | None


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
