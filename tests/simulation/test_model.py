"""The model of an upstream in trouble does what a real one would."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import httpx
import pytest

from benchmarks.simulation._clients import Crowd, visits
from benchmarks.simulation._contenders import by_hand
from benchmarks.simulation._network import ModelTransport, ModelWire, Network
from benchmarks.simulation._server import Phase, Server, Setup
from bff.ambassador import Context, Request
from bff.errors import UpstreamTimeout, UpstreamUnreachable
from tests.support.virtual import run

ADDRESS = "http://10.0.0.1:8000"
STEADY = 0.0  # no spread: each request takes just as long as the next


def network(setup: Setup) -> Network:
    return Network({ADDRESS: Server(setup, Random(1))}, Random(1))


async def sent(on: Network, *, connect: float | None = 1.0) -> int:
    request = Request("GET", ADDRESS, "/")
    return (await ModelWire(on, connect=connect).send(request, Context("test"))).status


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    start = asyncio.get_running_loop().time()
    await call()
    return round(asyncio.get_running_loop().time() - start, 3)


@pytest.mark.parametrize(
    ("begin", "took"),
    [
        (0.0, 1.001),  # all of it before the slow time
        (3.5, 1.501),  # half of it at half speed
        (4.0, 2.001),  # all of it at half speed
        (5.5, 1.251),  # the other half after it
        (6.0, 1.001),
    ],
)
def test_work_goes_on_at_the_speed_of_the_moment(begin: float, took: float) -> None:
    async def main() -> None:
        on = network(Setup(service=1.0, spread=STEADY, phases=(Phase(4, 6, speed=0.5),)))
        await asyncio.sleep(begin)
        assert took == await timed(lambda: sent(on))

    run(main())


def test_a_server_that_hangs_goes_on_where_it_was() -> None:
    async def main() -> None:
        on = network(Setup(service=1.0, spread=STEADY, phases=(Phase(0.5, 20, speed=0.0),)))
        assert 20.501 == await timed(lambda: sent(on))

    run(main())


def test_whoever_finds_the_workers_busy_waits_in_line() -> None:
    async def main() -> None:
        on = network(Setup(workers=1, service=1.0, spread=STEADY))
        took = await asyncio.gather(*[timed(lambda: sent(on)) for _ in range(3)])
        assert [1.001, 2.001, 3.001] == took

    run(main())


@pytest.mark.parametrize(("is_attentive", "wasted"), [(False, 1.0), (True, 0.0)])
def test_work_for_those_who_left_is_done_unless_the_server_notices(is_attentive: bool, wasted: float) -> None:
    async def main() -> None:
        on = network(Setup(workers=1, service=1.0, spread=STEADY, is_attentive=is_attentive))
        first = asyncio.create_task(sent(on))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sent(on), 0.5)
        await first
        await asyncio.sleep(2)
        assert pytest.approx(wasted) == on.servers[ADDRESS].wasted

    run(main())


def test_a_dead_host_answers_no_connection_attempt_and_loses_what_it_had() -> None:
    async def main() -> None:
        on = network(Setup(service=1.0, spread=STEADY, phases=(Phase(0.5, 10, state="silent"),)))
        lost = asyncio.create_task(sent(on))
        await asyncio.sleep(1)
        with pytest.raises(UpstreamTimeout) as raised:
            await sent(on)
        assert raised.value.sent is False
        # A connection attempt that goes unanswered is made again after 1 s, 3 s, 7 s and 15 s.
        assert 15.0 + 1.001 == await timed(lambda: sent(on, connect=None))
        assert not lost.done()
        lost.cancel()

    run(main())


def test_a_restart_resets_what_runs_refuses_what_comes_and_leaves_caches_cold() -> None:
    async def main() -> None:
        restart = Phase(0.5, 2, state="refusing")
        on = network(Setup(service=1.0, spread=STEADY, phases=(restart,), cold=0.5, warm_after=2))
        with pytest.raises(UpstreamUnreachable) as reset:
            await sent(on)
        with pytest.raises(UpstreamUnreachable) as refused:
            await sent(on)
        assert (True, False) == (reset.value.sent, refused.value.sent)
        await asyncio.sleep(2)
        assert [2.001, 1.334, 1.001] == [await timed(lambda: sent(on)) for _ in range(3)]

    run(main())


def test_a_full_queue_is_a_connection_that_is_not_answered() -> None:
    async def main() -> None:
        on = network(Setup(workers=1, service=10.0, spread=STEADY, backlog=1))
        waiting = [asyncio.create_task(sent(on)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(UpstreamTimeout):
            await sent(on)
        assert [200, 200] == await asyncio.gather(*waiting)

    run(main())


@pytest.mark.parametrize(
    ("setup", "error"),
    [
        (Setup(phases=(Phase(0, 99, state="silent"),)), httpx.ConnectTimeout),
        (Setup(phases=(Phase(0, 99, speed=0.0),)), httpx.ReadTimeout),
        (Setup(phases=(Phase(0, 99, state="refusing"),)), httpx.ConnectError),
    ],
)
def test_httpx_over_the_model_fails_as_over_a_network_and_after_its_own_five_seconds(
    setup: Setup, error: type[httpx.TransportError]
) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(transport=ModelTransport(network(setup))) as client:

            async def get() -> None:
                with pytest.raises(error):
                    await client.get(ADDRESS)

            assert (0.0 if error is httpx.ConnectError else 5.0) == await timed(get)

    run(main())


def test_httpx_over_the_model_has_no_more_connections_than_its_pool() -> None:
    async def main() -> None:
        on = network(Setup(phases=(Phase(0, 99, speed=0.0),)))
        transport = ModelTransport(on, connections=1)
        async with httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(9.0, pool=3.0)) as client:
            first = asyncio.create_task(client.get(ADDRESS))
            await asyncio.sleep(0)
            with pytest.raises(httpx.PoolTimeout):
                await client.get(ADDRESS)
            with pytest.raises(httpx.ReadTimeout):
                await first

    run(main())


def test_pybreakers_minute_passes_in_virtual_time() -> None:
    async def main() -> None:
        async with by_hand(network(Setup(phases=(Phase(0, 30, state="refusing"),)))) as ask:
            outcomes = [type(await _outcome(ask)).__name__ for _ in range(3)]
            assert ["ConnectError", "CircuitBreakerError", "CircuitBreakerError"] == outcomes
            await asyncio.sleep(50)
            assert "CircuitBreakerError" == type(await _outcome(ask)).__name__
            await asyncio.sleep(15)
            assert 200 == await _outcome(ask)

    run(main())


async def _outcome(ask: Callable[[], Awaitable[int]]) -> int | Exception:
    try:
        return await ask()
    except Exception as error:  # noqa: BLE001 - it is looked at
        return error


def test_visitors_come_as_often_as_was_said_lose_patience_and_ask_again() -> None:
    async def main() -> None:
        async def never() -> int:
            await asyncio.sleep(1000)
            return 200

        seen = await visits(Crowd(50, 60, patience=2.0, reloads=2), never, Random(1))
        assert 3000 == pytest.approx(len(seen), rel=0.1)
        assert {("left", 3)} == {(visit.outcome, visit.asked) for visit in seen}
        # Three times two seconds of waiting, and two of a second's thought.
        assert 8.0 == pytest.approx(sorted(visit.took for visit in seen)[len(seen) // 2], rel=0.1)

    run(main())
