"""An event loop whose clock jumps to the next timer, so that tests of time take none and never flake."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

import anyio.to_thread

__all__ = ["Deadlock", "VirtualLoop", "run_virtual"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BEGINNING = 1000.0  # so that no test takes the clock for the time that has passed


class Deadlock(RuntimeError):
    """Nothing is ready and nothing is scheduled: whoever waits now would wait for ever."""


class _NoWaiting(selectors.SelectSelector):
    """
    Move the loop's clock instead of waiting.

    A loop asks its selector to wait until its next timer; answering at once while the clock moves on by as
    much is all that virtual time needs. While a thread works for the loop, time stands still.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = _BEGINNING
        self.is_working: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout != 0 and self.is_working():
            return super().select(None)  # a thread that has ended wakes the loop
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set: every task waits for another")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    Run as any asyncio loop does, in virtual time that starts at 1000.0 seconds.

    Threads work in no time at all. Sockets have no place on it: what waits for them waits in real time, which does
    not pass here.
    """

    def __init__(self) -> None:
        self._virtual = _NoWaiting()
        super().__init__(self._virtual)
        # Timers fire once they are within the resolution, so that sums of floats do not spin.
        self._clock_resolution = 1e-9
        self._jobs = 0
        self._virtual.is_working = lambda: self._jobs > 0

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run `func` in a thread."""
        future = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._worked)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Wait for threads, which takes no time."""
        self._jobs += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._jobs -= 1

    def watch_threads(self) -> None:
        """Count anyio's threads too, which FastAPI runs plain functions in; to be called in a task of this loop."""
        limiter = anyio.to_thread.current_default_thread_limiter()
        self._virtual.is_working = lambda: self._jobs > 0 or limiter.borrowed_tokens > 0

    def _worked(self, _: object) -> None:
        self._jobs -= 1


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """
    Run `main` to its end in virtual time, in which waiting takes none; raises `Deadlock` where it would wait for ever.

    >>> run_virtual(asyncio.sleep(3600, "an hour later"))
    'an hour later'
    """

    async def watched() -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.watch_threads()
        return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(watched())
