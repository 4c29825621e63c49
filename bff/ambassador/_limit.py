"""The time that a call has, and within it each of its tries."""

import asyncio
from math import inf
from typing import Any, Final

from bff.ambassador._queue import Queue

__all__ = ["Limit"]

_UNNOTICED: Final = 0.001  # seconds


class Limit:
    """
    Cancel the task of a call when its time is up, at `end`, and before that when the time of a try is.

    What two `Alarm`s do, at two thirds of their cost: both times have one place in a `queue` that somebody else
    watches, or a timer. `when` it is its turn it looks whether either of them is up, and goes on with a timer of its
    own. For a try it is what wires know as `Context.watch`; `seconds` are how long the try may take.
    """

    __slots__ = (
        "_base", "_handle", "_held_at", "_queue", "_task", "_try_base", "_try_end", "_try_rang", "end", "is_callers",
        "rang", "seconds", "when",
    )  # fmt: skip
    # What an instance has only from some time on: one is made for every call.
    _handle: asyncio.TimerHandle | None  # once it stands in no queue
    _held_at: float | None  # these once there was a try
    _try_base: int
    _try_rang: bool
    seconds: float | None

    def __init__(
        self, task: "asyncio.Task[Any]", end: float, when: float, queue: Queue | None, is_callers: bool
    ) -> None:
        self._task = task
        self._base = task.cancelling()
        self._queue = queue
        self._try_end = inf
        self.end = end
        self.when = when
        self.is_callers = is_callers
        self.rang = False
        if queue is None:
            self._handle = None
            self._arm()
        else:
            queue.add(self)

    def ring(self) -> None:
        """Cancel the task if the time of the try is up, unless that is held, or that of the call."""
        self._queue = self._handle = None
        if self._running_end() <= self.when:
            self._try_end, self._try_rang = inf, True
            self._task.cancel()
        if self.end <= self.when and not self.rang:
            self.rang = True
            self._task.cancel()
        self._arm()

    def _arm(self) -> None:
        """Let its turn be when the next time is up."""
        self._disarm()
        self.when = min(inf if self.rang else self.end, self._running_end())
        if self.when < inf:
            self._handle = self._task.get_loop().call_at(self.when, self.ring)

    def _running_end(self) -> float:
        """Return when the time of the try is up, infinity for none and for one that is held."""
        return self._try_end if self._try_end < inf and self._held_at is None else inf

    def _disarm(self) -> None:
        if self._queue is not None:
            self._queue.waiting.pop(self, None)
            self._queue = self._handle = None
        elif self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def is_alone(self) -> bool:
        """Say whether the end of the call, and nobody else, is cancelling its task."""
        return self.rang and self._task.cancelling() == self._base + 1

    def stop(self) -> bool:
        """
        Disarm and take back the cancellation of the call; say whether it was this limit's alone.

        To be called exactly once, however the call ends.
        """
        if self._queue is None:
            self._disarm()
        else:
            self._queue.waiting.pop(self, None)
        return self.rang and self._task.uncancel() <= self._base

    def watch(self, now: float, seconds: float) -> bool:
        """Let a try, which begins now, take so long; `False` where the call's time is up before that."""
        end = now + seconds
        if end > self.end:
            return False
        self.seconds = seconds
        self._try_base = self._task.cancelling()
        self._try_end = end
        self._try_rang = False
        self._held_at = None
        if self._queue is None or end < self.when:
            self._arm()
        return True

    def hold(self) -> None:
        """Let no time pass for the try until `resume()`."""
        self._held_at = self._task.get_loop().time()

    def resume(self) -> None:
        """Give the try as much longer as it was held, unless that is next to no time."""
        if self._held_at is None:
            return
        now = self._task.get_loop().time()
        held, self._held_at = now - self._held_at, None
        # One whose time was up meanwhile goes on.
        if held > _UNNOTICED or now >= self._try_end:
            self._try_end += held
        if self._queue is None:
            self._arm()

    def release(self) -> bool:
        """
        Let go of the try and take back its cancellation; say whether that was this limit's alone.

        To be called exactly once for each that is watched, however it ends.
        """
        self._try_end = inf
        return self._try_rang and self._task.uncancel() <= self._try_base
