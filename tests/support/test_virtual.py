"""The virtual clock that the other tests stand on."""

import asyncio

import pytest

from tests.support.virtual import Deadlock, run


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
