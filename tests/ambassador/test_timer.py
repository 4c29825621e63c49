"""An alarm that is held: time that the upstream is not to be blamed for."""

import asyncio

import pytest

from bff.ambassador._timer import Alarm
from tests.support.virtual import run


@pytest.mark.parametrize(
    ("until", "hold_at", "resume_at", "expected"),
    [
        (5.0, 1.0, 3.0, 7.0),
        (5.0, 4.0, 9.0, 10.0),
        (5.0, 1.0, 1.0005, 5.0),
        (0.0005, 0.0, 0.0008, 0.0013),
        (5.0, 4.9996, 5.0004, 5.0008),
    ],
)
def test_it_rings_as_much_later_as_it_was_held_and_always_rings(
    until: float, hold_at: float, resume_at: float, expected: float
) -> None:
    """Also where it was held for next to no time, and would have rung in it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        alarm = Alarm(loop, start + until)
        loop.call_at(start + hold_at, alarm.hold)
        loop.call_at(start + resume_at, alarm.resume)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(1e9)
        assert (expected, True) == (round(loop.time() - start, 6), alarm.stop())

    run(main())


def test_one_that_is_resumed_without_having_been_held_goes_on() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        alarm = Alarm(loop, loop.time() + 5)
        alarm.resume()
        await asyncio.sleep(4)
        assert not alarm.stop()

    run(main())
