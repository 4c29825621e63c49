"""An observer that keeps what it is told."""

from typing import TypeVar

from bff.events import Event

__all__ = ["Told"]

E = TypeVar("E", bound=Event)


class Told:
    """Keep events of some classes, of all where none is named."""

    def __init__(self, *events: type[Event]) -> None:
        self.events = events or (Event,)
        self.seen: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.seen.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.seen if isinstance(event, kind)]

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.seen]
