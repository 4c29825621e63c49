"""An event loop whose clock jumps to the next timer, so that tests of time take none and never flake."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Deadlock", "VirtualLoop", "run"]

T = TypeVar("T")


class Deadlock(RuntimeError):
    """Nothing is ready and nothing is scheduled: whoever waits now would wait for ever."""


class _NoWaiting(selectors.SelectSelector):
    """
    Move the loop's clock instead of waiting.

    A loop asks its selector to wait until its next timer; answering at once while the clock moves on by as
    much is all that virtual time needs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set: every task waits for another")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    Run as any asyncio loop does, in virtual time that starts at 1000.0 seconds.

    Threads and sockets have no place on it: what waits for them waits in real time, which does not pass here.
    """

    def __init__(self) -> None:
        self._virtual = _NoWaiting()
        self._virtual.now = 1000.0
        super().__init__(self._virtual)
        # Timers fire once they are within the resolution, so that sums of floats do not spin.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time; raises `Deadlock` where it would wait for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
