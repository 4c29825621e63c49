"""End what the current task does at a given time, and know afterwards who ended it."""

import asyncio
from typing import Final, cast

__all__ = ["Alarm"]

_UNNOTICED: Final = 0.001  # seconds


class Alarm:
    """
    Cancel the task that sets it, at `when` on the running loop's clock, unless `stop()` comes first.

    What `asyncio.timeout_at` does at less than half the cost; nests with it and with others of its kind. Where
    several cancel one task in the same moment, the outermost wins, as `Task.uncancel` is made for.
    """

    __slots__ = ("_base", "_handle", "_held_at", "_loop", "_task", "is_callers", "rang", "when")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float, *, is_callers: bool = False) -> None:
        self._loop = loop
        self._task = cast("asyncio.Task[object]", asyncio.current_task(loop))
        self._base = self._task.cancelling()
        self._held_at: float | None = None
        self.when = when
        self.is_callers = is_callers
        self.rang = False
        self._handle = loop.call_at(when, self._ring)

    def is_on(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Say whether it rings on this loop."""
        return self._loop is loop

    def _ring(self) -> None:
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
        held, self._held_at = self._loop.time() - self._held_at, None
        if held > _UNNOTICED:
            self._handle.cancel()
            self.when += held
            self._handle = self._loop.call_at(self.when, self._ring)

    def is_alone(self) -> bool:
        """Say whether this alarm, and nobody else, is cancelling its task."""
        return self.rang and self._task.cancelling() == self._base + 1

    def stop(self) -> bool:
        """
        Disarm and take back the cancellation; say whether it was this alarm's alone.

        To be called exactly once, however the guarded block ends.
        """
        self._handle.cancel()
        return self.rang and self._task.uncancel() <= self._base
