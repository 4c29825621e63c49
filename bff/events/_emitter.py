"""Hand events to whoever subscribed."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

from bff.events._calls import AttemptStarted
from bff.events._event import Event

__all__ = ["Emitter", "Observer"]

_log = logging.getLogger("bff")

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
        self._takers_of = _Takers(self._observers).__getitem__
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
        return any(map(self._takers_of, kinds))

    def emit(self, event: Event) -> None:
        """Hand `event` to everyone who wants its class."""
        kind = type(event)
        for observer in self._takers_of(kind):
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


class _Takers(dict[type[Event], tuple[Observer, ...]]):
    """Who wants the events of a class, found out when the first one comes."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        super().__init__()
        self._observers = observers

    def __missing__(self, kind: type[Event]) -> tuple[Observer, ...]:
        """Look for those who want a class."""
        self[kind] = takers = tuple(observer for observer in self._observers if _is_for(observer, kind))
        return takers


def _is_for(observer: Observer, kind: type[Event]) -> bool:
    events: tuple[type[Event], ...] | None = getattr(observer, "events", None)
    return events is None or issubclass(kind, events)


Emitter.none = Emitter()
