"""End what the current task does at a given time, and know afterwards who ended it."""

import asyncio
from math import inf
from typing import Final

from bff.ambassador._queue import Queue

__all__ = ["Alarm", "Alarms"]

_UNNOTICED: Final = 0.001  # seconds


class Alarm:
    """
    Cancel the task that sets it, at `when` on the running loop's clock, unless `stop()` comes first.

    What `asyncio.timeout_at` does at a fraction of the cost; nests with it and with others of its kind. Where
    several cancel one task in the same moment, the outermost wins, as `Task.uncancel` is made for. It has a timer
    of its own, unless it stands in a `queue` that somebody else watches. `seconds` are how long it was set for, where
    that is known.
    """

    __slots__ = ("_base", "_handle", "_held_at", "_loop", "_queue", "_task", "is_callers", "rang", "seconds", "when")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        when: float,
        queue: Queue | None = None,
        *,
        is_callers: bool = False,
    ) -> None:
        task = asyncio.current_task(loop)
        assert task is not None
        self._loop = loop
        self._task = task
        self._base = task.cancelling()
        self._held_at: float | None = None
        self._queue = queue
        self._handle: asyncio.TimerHandle | None = None
        self.when = when
        self.seconds: float | None = None
        self.is_callers = is_callers
        self.rang = False
        if queue is None:
            self._handle = loop.call_at(when, self.ring)
        else:
            queue.add(self)

    def ring(self) -> None:
        """Cancel the task, unless it is held."""
        if self._held_at is None:
            self.rang = True
            self._task.cancel()

    def hold(self) -> None:
        """Let no time pass for this alarm until `resume()`."""
        self._held_at = self._loop.time()

    def resume(self) -> None:
        """Ring as much later as it was held; holding it for next to no time costs no new timer."""
        if self._held_at is None:
            return
        now = self._loop.time()
        held, self._held_at = now - self._held_at, None
        # One that would have rung meanwhile has kept silent for good.
        if held > _UNNOTICED or now >= self.when:
            self._disarm()
            self.when += held
            self._handle = self._loop.call_at(self.when, self.ring)

    def is_alone(self) -> bool:
        """Say whether this alarm, and nobody else, is cancelling its task."""
        return self.rang and self._task.cancelling() == self._base + 1

    def stop(self) -> bool:
        """
        Disarm and take back the cancellation; say whether it was this alarm's alone.

        To be called exactly once, however the guarded block ends.
        """
        self._disarm()
        return self.rang and self._task.uncancel() <= self._base

    def release(self) -> bool:
        """Let go of the try that it was set for."""
        return self.stop()

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        elif self._queue is not None:
            self._queue.waiting.pop(self, None)


class Alarms:
    """
    Alarms that ring equally long after they are set: one timer serves them all.

    Serves one loop after another. Where `is_lasting` is false, as for one call alone, each has a timer of its own,
    which goes with it.
    """

    __slots__ = ("_is_lasting", "_queue", "duration")

    def __init__(self, duration: float, *, is_lasting: bool = True) -> None:
        self.duration = duration
        self._is_lasting = is_lasting
        self._queue: Queue | None = None

    def set(self, loop: asyncio.AbstractEventLoop, before: float = inf) -> Alarm | None:
        """Return an alarm for the current task, or `None` where it would ring after the time that is given."""
        when = loop.time() + self.duration
        if when > before:
            return None
        queue = self._queue
        if queue is None or queue.loop is not loop:
            queue = self._queue = Queue(loop) if self._is_lasting else None
        alarm = Alarm(loop, when, queue)
        alarm.seconds = self.duration
        return alarm
