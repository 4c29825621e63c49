"""One timer for all who may be late: everyone is told at his time, and nobody who is over is kept."""

import asyncio
from contextvars import Context, copy_context

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.ambassador._lateness import Lateness
from tests.support.virtual import run


class Item:
    """Notes when it is told that it is late."""

    def __init__(self, when: float) -> None:
        self.when = when
        self.is_over = False
        self.variables: Context = copy_context()
        self.told: list[float] = []

    def late(self) -> None:
        self.told.append(round(asyncio.get_running_loop().time() - 1000.0, 6))


@settings(deadline=None)
@given(
    st.sampled_from([0.07, 0.3, 1.1]),
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 3.0]), st.sampled_from([0.0, 0.05, 0.5, 9.0])), max_size=30),
)
def test_who_is_not_over_by_his_time_is_told_then_and_once(delay: float, calls: list[tuple[float, float]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        lateness = Lateness(loop)

        async def call(seconds: float) -> None:
            start = loop.time()
            item = Item(start + delay)
            lateness.add(item)
            await asyncio.sleep(seconds)
            item.is_over = True
            lateness.tidy()
            is_late = seconds > delay
            await asyncio.sleep(20)
            assert ([round(start + delay - 1000.0, 6)] if is_late else []) == item.told

        tasks: list[asyncio.Task[None]] = []
        for gap, seconds in calls:
            await asyncio.sleep(gap)
            tasks.append(asyncio.create_task(call(seconds)))
        await asyncio.gather(*tasks)
        assert 0 == lateness.waiting

    run(main())


def test_where_the_time_that_is_allowed_shrinks_a_later_one_waits_for_those_before() -> None:
    async def main() -> None:
        lateness = Lateness(asyncio.get_running_loop())
        first, second = Item(1001.0), Item(1000.5)
        lateness.add(first)
        lateness.add(second)
        await asyncio.sleep(2)
        assert ([1.0], [1.0]) == (first.told, second.told)

    run(main())


def test_who_is_over_is_let_go_at_once_and_no_later_than_those_before() -> None:
    async def main() -> None:
        lateness = Lateness(asyncio.get_running_loop())
        items = [Item(1001.0) for _ in range(3)]
        for item in items:
            lateness.add(item)
        items[1].is_over = True
        lateness.tidy()
        assert 3 == lateness.waiting
        items[0].is_over = True
        lateness.tidy()
        assert 1 == lateness.waiting

    run(main())


def test_who_is_late_again_while_others_are_told_does_not_keep_them_waiting() -> None:
    async def main() -> None:
        lateness = Lateness(asyncio.get_running_loop())

        class Again(Item):
            def late(self) -> None:
                super().late()
                if len(self.told) == 1:
                    self.when += 5
                    lateness.add(self)

        again, other = Again(1001.0), Item(1001.5)
        lateness.add(again)
        lateness.add(other)
        await asyncio.sleep(20)
        assert ([1.0, 6.0], [1.5]) == (again.told, other.told)

    run(main())
