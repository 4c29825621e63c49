"""The alarm that ends a try: what holds it, and what it does then."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import Timeout, UpstreamTimeout
from bff.ambassador import Context, Policies, Request, Response, build_onion
from bff.ambassador._timer import Alarm, Alarms
from tests.support.virtual import run

GET = Request("GET", "http://test", "/")


class ConnectingWire:
    """A wire that first waits for a connection, and then for the answer."""

    def __init__(self, *, connect: float, answer: float) -> None:
        self.connect = connect
        self.answer = answer

    async def send(self, request: Request, context: Context, /) -> Response:
        assert context.watch is not None
        context.watch.hold()
        await asyncio.sleep(self.connect)
        context.watch.resume()
        await asyncio.sleep(self.answer)
        return Response(200, {}, b"")


def outcome(wire: ConnectingWire, timeout: Timeout) -> tuple[str, float]:
    async def main() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            await build_onion(Policies(timeout=timeout, retry=None), send=wire.send, name="test").send(
                GET, Context("test")
            )
            told = "answered"
        except UpstreamTimeout:
            told = "timeout"
        return told, round(loop.time() - start, 6)

    return run(main())


@pytest.mark.parametrize(
    ("connect", "answer", "expected"),
    [
        (0.0, 0.2, ("answered", 0.2)),
        (0.0, 0.4, ("timeout", 0.3)),
        (0.2, 0.2, ("answered", 0.4)),
        (0.2, 0.4, ("timeout", 0.5)),
        (0.5, 0.2, ("answered", 0.7)),
        (0.5, 0.4, ("timeout", 0.8)),
        (0.9, 0.2, ("timeout", 1.0)),
    ],
)
def test_the_clock_of_a_try_stands_while_it_waits_for_a_connection_and_that_of_the_call_does_not(
    connect: float, answer: float, expected: tuple[str, float]
) -> None:
    assert expected == outcome(ConnectingWire(connect=connect, answer=answer), Timeout(total=1.0, per_try=0.3))


@dataclass(frozen=True)
class Block:
    """A guarded block: when it begins, how long it runs, and how long its alarm is held from its beginning on."""

    begins: float
    runs: float
    held: float


TIMES = st.integers(0, 40).map(lambda tenths: tenths / 10)
BLOCKS = st.lists(st.builds(Block, TIMES, TIMES, st.sampled_from([0.0, 0.0, 0.0005, 0.3, 2.0])), max_size=12)


def ends(blocks: list[Block], duration: float, *, is_shared: bool) -> list[tuple[bool, float]]:
    """Return of each block whether its alarm ended it, and when."""

    async def main() -> list[tuple[bool, float]]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        alarms = Alarms(duration)

        async def guarded(block: Block) -> tuple[bool, float]:
            await asyncio.sleep(block.begins)
            alarm = alarms.set(asyncio.get_running_loop()) if is_shared else Alarm(loop, loop.time() + duration)
            assert alarm is not None
            if block.held:
                alarm.hold()
                loop.call_later(block.held, alarm.resume)
            try:
                await asyncio.sleep(block.runs)
                alarm.stop()
                return False, round(loop.time() - start, 4)
            except asyncio.CancelledError:
                assert alarm.stop()
                return True, round(loop.time() - start, 4)

        return await asyncio.gather(*map(guarded, blocks))

    return run(main())


@given(blocks=BLOCKS)
def test_alarms_that_share_a_timer_ring_when_those_with_one_of_their_own_do(blocks: list[Block]) -> None:
    assert ends(blocks, 1.05, is_shared=False) == ends(blocks, 1.05, is_shared=True)


def test_one_timer_serves_all_alarms_and_a_stopped_one_is_forgotten() -> None:
    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        alarms = Alarms(5.0)
        before = len(loop._scheduled)  # type: ignore[attr-defined]
        first = alarms.set(asyncio.get_running_loop())
        assert first is not None
        for _ in range(1000):
            alarm = alarms.set(asyncio.get_running_loop())
            assert alarm is not None
            alarm.stop()
        assert alarms._queue is not None
        return len(loop._scheduled) - before, len(alarms._queue.waiting)  # type: ignore[attr-defined]

    assert (1, 1) == run(main())


def test_alarms_that_end_in_the_order_in_which_they_began_do_not_pile_up() -> None:
    """A busy upstream always has a younger call under way."""

    async def main() -> int:
        alarms = Alarms(5.0)
        running = [alarms.set(asyncio.get_running_loop())]
        for _ in range(10_000):
            running.append(alarms.set(asyncio.get_running_loop()))
            older = running.pop(0)
            assert older is not None
            older.stop()
        assert alarms._queue is not None
        return len(alarms._queue.waiting)

    assert 1 == run(main())


def test_alarms_serve_one_loop_after_another() -> None:
    alarms = Alarms(0.5)

    async def main() -> bool:
        alarm = alarms.set(asyncio.get_running_loop())
        assert alarm is not None
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            return alarm.stop()
        return False

    assert [True, True] == [run(main()), run(main())]


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
