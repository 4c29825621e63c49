"""The virtual clock that tests of time stand on."""

import asyncio
import threading

import anyio.to_thread
import pytest

from bff.testing import Deadlock
from bff.testing import run_virtual as run


def test_sleeping_takes_exactly_as_long_as_said() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.sleep(3600)
        hour = loop.time() - start
        await asyncio.gather(asyncio.sleep(0.1), asyncio.sleep(0.2), asyncio.sleep(0.1 + 0.2))
        return hour, round(loop.time() - start - hour, 9)

    assert run(main()) == (3600, 0.3)


def test_waiting_for_ever_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main())


def test_timers_fire_in_order_and_cancellation_works_as_ever() -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        try:
            async with asyncio.timeout(0.05):
                await asyncio.sleep(1)
        except TimeoutError:
            seen.append("timeout")
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, seen.append, "second")
        loop.call_later(0.1, seen.append, "first")
        await asyncio.sleep(0.3)
        return seen

    assert run(main()) == ["timeout", "first", "second"]


def test_threads_work_while_time_stands_still() -> None:
    """FastAPI runs plain functions in anyio's threads, and others use asyncio's."""

    async def main() -> tuple[str, str, float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.timeout(0.001):
            first = await asyncio.to_thread(pass_on, "asyncio")
            second = await anyio.to_thread.run_sync(pass_on, "anyio")
        return first, second, loop.time() - start

    assert ("asyncio", "anyio", 0.0) == run(main())


def pass_on(value: str) -> str:
    threading.Event().wait(0.01)
    return value
