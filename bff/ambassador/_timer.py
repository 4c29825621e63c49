"""End what the current task does at a given time, and know afterwards who ended it."""

import asyncio
from collections import deque
from math import inf
from typing import Final

__all__ = ["Alarm", "Alarms"]

_UNNOTICED: Final = 0.001  # seconds
_FEW: Final = 64


class Alarm:
    """
    Cancel the task that sets it, at `when` on the running loop's clock, unless `stop()` comes first.

    What `asyncio.timeout_at` does at a fraction of the cost; nests with it and with others of its kind. Where
    several cancel one task in the same moment, the outermost wins, as `Task.uncancel` is made for. One of several
    `Alarms` has no timer of its own.
    """

    __slots__ = ("_alarms", "_base", "_handle", "_held_at", "_loop", "_task", "is_callers", "rang", "when")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        when: float,
        *,
        is_callers: bool = False,
        alarms: "Alarms | None" = None,
    ) -> None:
        self._loop = loop
        self._task = task = asyncio.current_task(loop)
        assert task is not None
        self._base = task.cancelling()
        self._held_at: float | None = None
        self._alarms = alarms
        self.when = when
        self.is_callers = is_callers
        self.rang = False
        self._handle = loop.call_at(when, self.ring) if alarms is None else None

    @property
    def is_gone(self) -> bool:
        """Say whether it needs nobody else to ring it: it was stopped, or has a timer of its own."""
        return self._task is None or self._handle is not None

    def ring(self) -> None:
        """Cancel the task, unless it was stopped or is held."""
        if self._task is not None and self._held_at is None:
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
        if held > _UNNOTICED or now >= self.when:
            if self._handle is not None:
                self._handle.cancel()
            self.when += held
            self._handle = self._loop.call_at(self.when, self.ring)

    def is_alone(self) -> bool:
        """Say whether this alarm, and nobody else, is cancelling its task."""
        return self.rang and self._task is not None and self._task.cancelling() == self._base + 1

    def stop(self) -> bool:
        """
        Disarm and take back the cancellation; say whether it was this alarm's alone.

        To be called exactly once, however the guarded block ends.
        """
        task, self._task = self._task, None
        if self._handle is not None:
            self._handle.cancel()
        if self._alarms is not None:
            self._alarms.forget()
        return self.rang and task is not None and task.uncancel() <= self._base


class Alarms:
    """
    Alarms that ring equally long after they are set, and so in the order in which they are: one timer serves them all.

    Setting and stopping one costs no more than a place in a queue, where a timer of the loop's costs a microsecond.
    Serves one loop after another.
    """

    __slots__ = ("_loop", "_stopped", "_timer", "_waiting", "duration")

    def __init__(self, duration: float) -> None:
        self.duration = duration
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[Alarm] = deque()
        self._stopped = 0

    def set(self, before: float = inf) -> Alarm | None:
        """Return an alarm for the current task, or `None` where it would ring after the time that is given."""
        loop = asyncio.get_running_loop()
        when = loop.time() + self.duration
        if when > before:
            return None
        if loop is not self._loop:
            self._loop, self._timer, self._waiting, self._stopped = loop, None, deque(), 0
        alarm = Alarm(loop, when, alarms=self)
        self._waiting.append(alarm)
        if self._timer is None:
            self._timer = loop.call_at(when, self._ring)
        return alarm

    def forget(self) -> None:
        """Let go of alarms that were stopped: at once where they were set last, in time where others came later."""
        waiting = self._waiting
        while waiting and waiting[-1].is_gone:
            waiting.pop()
        self._stopped += 1
        if self._stopped > _FEW and 2 * self._stopped > len(waiting):
            self._waiting = deque(alarm for alarm in waiting if not alarm.is_gone)
            self._stopped = 0

    def _ring(self) -> None:
        waiting, loop, timer = self._waiting, self._loop, self._timer
        assert loop is not None
        assert timer is not None
        now = max(loop.time(), timer.when())  # a loop may be early by its clock's resolution
        while waiting and (waiting[0].is_gone or waiting[0].when <= now):
            alarm = waiting.popleft()
            if not alarm.is_gone:
                alarm.ring()
        self._timer = loop.call_at(waiting[0].when, self._ring) if waiting else None
