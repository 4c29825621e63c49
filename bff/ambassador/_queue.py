"""Notice whose time has come, with one timer for all."""

import asyncio
from contextvars import Context as Variables
from typing import Protocol

__all__ = ["Due", "Queue"]


class Due(Protocol):
    """What waits for a time on the loop's clock."""

    when: float

    def ring(self) -> None:
        """Take note that it has come."""
        ...


class Queue:
    """
    Ring those that wait about equally long, in the order in which they came.

    A timer of its own for each costs a microsecond, and nearly none ever fires; since all wait about equally long, one
    is set for whoever came first. Where the time to wait shrinks, whoever came later is at most so much too late as it
    has shrunk meanwhile.
    """

    __slots__ = ("_next", "_timer", "loop", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: dict[Due, None] = {}  # a set that keeps its order; who is served leaves it
        self._timer: asyncio.Handle | None = None
        self._next = 0.0

    def add(self, due: Due) -> None:
        """Ring `due` when its time has come."""
        self.waiting[due] = None
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:  # who was rung has waited anew
            return
        # Kept here, for the timer cannot be asked: where it is due at once, uvloop's is a plain handle.
        self._next = next(iter(self.waiting)).when
        # In no variables at all: those of whoever came first would be kept as long as the timer is.
        self._timer = self.loop.call_at(self._next, self._ring, context=Variables())

    def _ring(self) -> None:
        waiting = self.waiting
        now = max(self.loop.time(), self._next)  # a loop may be early by its clock's resolution
        self._timer = None
        while waiting:
            due = next(iter(waiting))
            if due.when > now:
                break
            del waiting[due]
            due.ring()
        if waiting:
            self._arm()
