"""The time of a call and of its tries: one limit ends them exactly when an alarm for each would."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.ambassador._limit import Limit
from bff.ambassador._queue import Queue
from bff.ambassador._timer import Alarm, Alarms
from tests.support.virtual import run

# No two times of a test are the same: what comes first is then no matter of rounding.
TOTAL, PER_TRY = 3.07, 1.05


@dataclass(frozen=True)
class Try:
    """A try: how long the call pauses before it, how long it runs, and how long its time stands from its beginning."""

    pause: float
    runs: float
    held: float


class Watching(Protocol):
    """What watches over a try."""

    def hold(self) -> None: ...
    def resume(self) -> None: ...
    def release(self) -> bool: ...


class ByLimit:
    """One limit for all."""

    def __init__(self, queue: Queue | None) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        now = loop.time()
        when = now + (PER_TRY if queue else TOTAL)
        self._limit = Limit(task, now + TOTAL, when, queue, False)

    def begin(self) -> Watching | None:
        return self._limit if self._limit.watch(asyncio.get_running_loop().time(), PER_TRY) else None

    def stop(self) -> bool:
        return self._limit.stop()


class ByAlarms:
    """An alarm for the call, and one for each try."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._alarm = Alarm(loop, loop.time() + TOTAL)
        self._tries = Alarms(PER_TRY)

    def begin(self) -> Watching | None:
        return self._tries.set(asyncio.get_running_loop(), self._alarm.when)

    def stop(self) -> bool:
        return self._alarm.stop()


@contextmanager
def watched(timing: ByLimit | ByAlarms, held: float) -> Generator[None]:
    """Guard a try; raises `TimeoutError` where its time was up."""
    watch = timing.begin()
    timer = None
    if watch is not None and held:
        watch.hold()
        timer = asyncio.get_running_loop().call_later(held, watch.resume)
    try:
        yield
    except asyncio.CancelledError:
        is_ours, watch = watch is not None and watch.release(), None
        if is_ours:
            raise TimeoutError from None
        raise
    finally:
        if watch is not None:
            watch.release()
        if timer is not None:
            timer.cancel()


async def told(tries: list[Try], timing: ByLimit | ByAlarms) -> list[tuple[str, float]]:
    """Return how the tries of a call end, and the call."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    ends: list[tuple[str, float]] = []

    def note(what: str) -> None:
        ends.append((what, round(loop.time() - start, 4)))

    try:
        for attempt in tries:
            await asyncio.sleep(attempt.pause)
            try:
                with watched(timing, attempt.held):
                    await asyncio.sleep(attempt.runs)
                note("answered")
            except TimeoutError:
                note("try over")
    except asyncio.CancelledError:
        assert timing.stop()
        note("call over")
    else:
        assert not timing.stop()
    return ends


TIMES = st.integers(0, 25).map(lambda tenths: tenths / 10)
TRIES = st.lists(st.builds(Try, TIMES, TIMES, st.sampled_from([0.0, 0.0, 0.0005, 0.3, 2.0])), max_size=4)


@settings(deadline=None)
@given(calls=st.lists(TRIES, min_size=1, max_size=4), is_queued=st.booleans())
def test_it_ends_tries_and_calls_exactly_when_an_alarm_for_each_would(calls: list[list[Try]], is_queued: bool) -> None:
    async def by_limits() -> list[list[tuple[str, float]]]:
        queue = Queue(asyncio.get_running_loop()) if is_queued else None

        async def one(tries: list[Try]) -> list[tuple[str, float]]:
            return await told(tries, ByLimit(queue))

        ends = await asyncio.gather(*map(one, calls))
        assert queue is None or not queue.waiting
        return ends

    async def by_alarms() -> list[list[tuple[str, float]]]:
        async def one(tries: list[Try]) -> list[tuple[str, float]]:
            return await told(tries, ByAlarms())

        return await asyncio.gather(*map(one, calls))

    assert run(by_alarms()) == run(by_limits())


def test_a_try_that_is_shorter_than_the_first_look_ends_in_time() -> None:
    """Whoever sets the limit need not know how long a try may take."""

    async def main() -> float:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        queue, start = Queue(loop), loop.time()
        limit = Limit(task, start + 5.0, start + 5.0, queue, False)
        assert limit.watch(start, 0.5)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(1e9)
        assert limit.release()
        assert not limit.stop()
        assert not queue.waiting
        return loop.time() - start

    assert 0.5 == run(main())


def test_one_that_was_stopped_leaves_no_timer() -> None:
    async def main() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        before = len(loop._scheduled)  # type: ignore[attr-defined]
        limit = Limit(task, loop.time() + 5.0, loop.time() + 1.0, Queue(loop), False)
        await asyncio.sleep(2.0)
        limit.stop()
        await asyncio.sleep(0)
        return len([handle for handle in loop._scheduled if not handle.cancelled()]) - before  # type: ignore[attr-defined]

    assert 0 == run(main())


def test_a_cancellation_from_outside_is_nobodys_time() -> None:
    async def main() -> tuple[bool, bool, bool]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        limit = Limit(task, loop.time() + 5.0, loop.time() + 1.0, Queue(loop), False)
        assert limit.watch(loop.time(), 1.0)
        loop.call_later(0.5, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(1e9)
        ours = limit.release(), limit.is_alone(), limit.stop()
        task.uncancel()
        return ours

    assert (False, False, False) == run(main())


def test_each_time_is_up_once_whatever_the_task_makes_of_it() -> None:
    """A try that was held for long may outlast the call of which it is part, where that goes on all the same."""

    async def main() -> tuple[list[float], int]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        start, ends = loop.time(), list[float]()
        limit = Limit(task, start + 1.0, start + 0.9, Queue(loop), False)
        assert limit.watch(start, 0.9)
        limit.hold()
        await asyncio.sleep(0.5)
        limit.resume()
        for _ in range(2):
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(1e9)
            ends.append(round(loop.time() - start, 6))
        cancelling = task.cancelling()
        limit.release()
        limit.stop()
        return ends, cancelling

    assert ([1.0, 1.4], 2) == run(main())
