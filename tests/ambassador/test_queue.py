"""One timer for all who wait: everyone is rung at his time, and nobody who has left is kept."""

import asyncio
from contextvars import ContextVar
from weakref import ref

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.ambassador._queue import Queue
from tests.support.virtual import run


class Item:
    """Notes when it is rung."""

    def __init__(self, when: float) -> None:
        self.when = when
        self.rung: list[float] = []

    def ring(self) -> None:
        self.rung.append(round(asyncio.get_running_loop().time() - 1000.0, 6))


@settings(deadline=None)
@given(
    st.sampled_from([0.07, 0.3, 1.1]),
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 3.0]), st.sampled_from([0.0, 0.05, 0.5, 9.0])), max_size=30),
)
def test_who_has_not_left_by_his_time_is_rung_then_and_once(delay: float, calls: list[tuple[float, float]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        queue = Queue(loop)

        async def call(seconds: float) -> None:
            start = loop.time()
            item = Item(start + delay)
            queue.add(item)
            await asyncio.sleep(seconds)
            queue.waiting.pop(item, None)
            is_late = seconds > delay
            await asyncio.sleep(20)
            assert ([round(start + delay - 1000.0, 6)] if is_late else []) == item.rung

        tasks: list[asyncio.Task[None]] = []
        for gap, seconds in calls:
            await asyncio.sleep(gap)
            tasks.append(asyncio.create_task(call(seconds)))
        await asyncio.gather(*tasks)
        assert {} == queue.waiting

    run(main())


def test_where_the_time_to_wait_shrinks_a_later_one_waits_for_those_before() -> None:
    async def main() -> None:
        queue = Queue(asyncio.get_running_loop())
        first, second = Item(1001.0), Item(1000.5)
        queue.add(first)
        queue.add(second)
        await asyncio.sleep(2)
        assert ([1.0], [1.0]) == (first.rung, second.rung)

    run(main())


def test_who_comes_back_while_others_are_rung_does_not_keep_them_waiting() -> None:
    async def main() -> None:
        queue = Queue(asyncio.get_running_loop())

        class Again(Item):
            def ring(self) -> None:
                super().ring()
                if len(self.rung) == 1:
                    self.when += 5
                    queue.add(self)

        again, other = Again(1001.0), Item(1001.5)
        queue.add(again)
        queue.add(other)
        await asyncio.sleep(20)
        assert ([1.0, 6.0], [1.5]) == (again.rung, other.rung)

    run(main())


def test_the_timer_keeps_nobodys_variables() -> None:
    variable: ContextVar[Item] = ContextVar("variable")

    async def main() -> bool:
        queue = Queue(asyncio.get_running_loop())

        async def request() -> ref[Item]:
            value, item = Item(0.0), Item(1005.0)
            variable.set(value)
            queue.add(item)
            queue.waiting.pop(item)
            return ref(value)

        kept = await asyncio.create_task(request())
        await asyncio.sleep(1)
        return kept() is None

    assert run(main())
