"""Notice who is late, with one timer for all."""

import asyncio
from collections import deque
from contextvars import Context as Variables
from typing import Protocol

__all__ = ["Late", "Lateness"]


class Late(Protocol):
    """What can be late: `when` is the time at which it is, unless `is_over` by then; it is told so in `variables`."""

    when: float
    is_over: bool
    variables: Variables

    def late(self) -> None:
        """Take note that it is late."""
        ...


class Lateness:
    """
    Tell those that are not over by their time, in the order in which they came.

    A timer of its own for each call costs more than everything else about a hedge, and nearly none ever fires. Since
    all have about as long, they wait in a queue, and one timer is set for its head. Where the time that is allowed
    shrinks, whoever came later is at most so much too late as it has shrunk meanwhile.
    """

    __slots__ = ("_timer", "_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[Late] = deque()

    @property
    def waiting(self) -> int:
        """How many it keeps."""
        return len(self._waiting)

    def add(self, item: Late) -> None:
        """Tell an item when it is late."""
        self._waiting.append(item)
        if self._timer is None:
            # The head's time, and not this item's: others may wait while the timer rings.
            self._timer = self.loop.call_at(self._waiting[0].when, self._ring)

    def tidy(self) -> None:
        """Let go of those at the head that are over."""
        waiting = self._waiting
        while waiting and waiting[0].is_over:
            waiting.popleft()

    def _ring(self) -> None:
        assert self._timer is not None
        # Loops let timers fire a little early: by then their time has come.
        now = max(self.loop.time(), self._timer.when())
        self._timer = None
        waiting = self._waiting
        while waiting and (waiting[0].is_over or waiting[0].when <= now):
            item = waiting.popleft()
            if not item.is_over:
                item.variables.run(item.late)
        if waiting and self._timer is None:
            self._timer = self.loop.call_at(waiting[0].when, self._ring)
