"""Tries on several addresses: where they go, what each says of its address, and what the neighbours see of it."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from statistics import quantiles
from typing import Any

import pytest

from bff import Bulkhead, CircuitBreaker, LoadBalancing, OutlierDetection, Retry, RetryBudget, Timeout, UpstreamTimeout
from bff.ambassador import Context, Onion, Request, build_onion
from bff.ambassador._announcing import announcing
from bff.ambassador._balancing import balancing
from bff.ambassador._policies import Policies
from bff.errors import Overloaded
from bff.events import AddressEjected, AddressParked, AddressReturned, BreakerChanged, PanicChanged
from bff.policy._balancing import Algorithm
from tests.support.places import Places
from tests.support.scripted import FOR_EVER, Outcome, ScriptedWire, answered, unreachable
from tests.support.virtual import run

GET = Request("GET", "http://test", "/x", (("a", "b"),), b"body")
PATIENT = Retry(3, wait=lambda _: 0.01, budget=None)


def places(outcomes: Mapping[str, Outcome], *, delay: float = 0.01, **options: Any) -> Places:
    return Places({name: ScriptedWire([outcome], delay=delay) for name, outcome in outcomes.items()}, **options)


async def statuses(onion: Onion, *, calls: int) -> list[object]:
    """Make calls one after the other; return their statuses, or the classes of their errors."""
    said: list[object] = []
    for _ in range(calls):
        try:
            said.append((await onion.send(GET, Context("test"))).status)
        except Exception as error:  # noqa: BLE001 - the outcome that is asked about
            said.append(type(error))
    return said


def test_the_layer_stands_between_the_limits_and_the_time_of_a_try_and_only_where_there_are_several() -> None:
    onion = places({"a": 200, "b": 200}).onion(timeout=Timeout(), retry=Retry(), bulkhead=Bulkhead())
    assert ("deadline", "retry", "bulkhead", "balance", "per-try timeout", "wire") == onion.layers
    assert "balance" not in build_onion(Policies(), send=ScriptedWire().send, name="test").layers


def test_a_try_is_a_copy_of_the_request_with_the_chosen_address() -> None:
    async def main() -> None:
        wire = ScriptedWire()
        there = Places({"a": wire})
        there.cluster.members[0].host = "catalog:80"
        request = replace(GET)
        await there.onion(deadline_header=None).send(request, Context("test"))
        assert [Request("GET", "http://a", "/x", (("a", "b"),), b"body", "catalog:80")] == wire.requests
        assert request == GET

    run(main())


@pytest.mark.parametrize("algorithm", ["least_request", "peak_ewma", "round_robin", "random"])
def test_all_addresses_are_used_and_nothing_is_held_afterwards(algorithm: Algorithm) -> None:
    async def main() -> None:
        there = places({"a": 200, "b": 200, "c": 200}, balancing=LoadBalancing(algorithm))
        onion = there.onion()
        await asyncio.gather(*[onion.send(GET, Context("test")) for _ in range(300)])
        assert 300 == sum(there.counts().values())
        assert min(there.counts().values()) > 60
        assert [0, 0, 0] == [address.active for address in onion.statistics().addresses]

    run(main())


def test_operations_of_one_upstream_share_what_is_known_of_its_addresses() -> None:
    async def main() -> None:
        there = places({"a": 503, "b": 200}, balancing=LoadBalancing("round_robin"), outliers=OutlierDetection())
        await statuses(there.onion(), calls=10)
        assert [200] * 10 == await statuses(there.onion(timeout=Timeout()), calls=10)
        assert [200] * 10 == await statuses(there.onion().retimed(Timeout(total=1.0)), calls=10)

    run(main())


def test_a_retry_goes_to_another_address_as_long_as_there_is_one() -> None:
    async def main() -> None:
        for seed in range(20):
            there = places({"a": 503, "b": 503, "c": 200}, seed=seed)
            onion = there.onion(retry=PATIENT)
            assert [200] == await statuses(onion, calls=1)
            assert max(there.counts().values()) == 1
            there = places({"a": 503, "b": 503}, seed=seed)
            assert [503] == await statuses(there.onion(retry=Retry(4, wait=lambda _: 0.01)), calls=1)
            assert [1, 3] == sorted(there.counts().values()) or {"a": 2, "b": 2} == there.counts()

    run(main())


def test_tries_that_run_at_the_same_time_know_what_either_has_tried() -> None:
    """As a hedge and what it hedges do, and the retry after both of them."""

    async def main() -> None:
        there = places({"a": 200, "b": 200, "c": 200})
        send = there.onion().send
        for _ in range(20):
            call = Context("test")
            await send(GET, call)
            await send(GET, call.twin())
            await send(GET, call)
            queued = Context("test")  # it has no address yet when the other one begins
            twin = queued.twin()
            await send(GET, queued)
            await send(GET, twin)
            await send(GET, queued)
        assert {"a": 40, "b": 40, "c": 40} == there.counts()

    run(main())


def test_a_dead_address_of_three_costs_a_retry_and_then_nothing() -> None:
    async def main() -> None:
        there = places({"a": unreachable(sent=False), "b": 200, "c": 200}, outliers=OutlierDetection())
        onion = there.onion(retry=PATIENT)
        assert [200] * 300 == await statuses(onion, calls=300)
        ejected = there.told(AddressEjected)
        assert [("test", "http://a", "local", 1)] == [(e.upstream, e.address, e.cause, e.ejections) for e in ejected]
        assert 5 == there.counts()["a"]
        await asyncio.sleep(30)
        await statuses(onion, calls=30)
        assert [AddressReturned("test", "http://a")] == there.told(AddressReturned)
        assert 10 == there.counts()["a"]
        assert 2 == there.told(AddressEjected)[-1].ejections

    run(main())


@dataclass
class Crowd:
    """Callers that come at random, `rate` a second, for `seconds`, and how long each one took."""

    rate: float
    seconds: float
    seed: int = 3

    async def visit(self, call: Callable[[], Any]) -> list[float]:
        loop, chance = asyncio.get_running_loop(), random.Random(self.seed)
        end, took = loop.time() + self.seconds, list[float]()

        async def one() -> None:
            start = loop.time()
            await call()
            took.append(loop.time() - start)

        async with asyncio.TaskGroup() as group:
            while loop.time() < end:
                group.create_task(one())
                await asyncio.sleep(chance.expovariate(self.rate))
        return took


def p99(algorithm: Algorithm) -> float:
    """Return the 99th percentile of latencies in seconds, of four addresses that take 10 ms and one of 500."""

    async def main() -> float:
        wires = {name: ScriptedWire(delay=0.5 if name == "a" else 0.01) for name in "abcde"}
        onion = Places(wires, balancing=LoadBalancing(algorithm)).onion()
        took = await Crowd(rate=200, seconds=30).visit(lambda: onion.send(GET, Context("test")))
        return quantiles(took, n=100)[98]

    return run(main())


def test_one_slow_address_of_five_is_in_the_tail_of_round_robin_and_not_in_that_of_peak_ewma() -> None:
    tails: dict[str, float] = {name: p99(name) for name in ("round_robin", "least_request", "peak_ewma")}
    assert {"round_robin": 0.5, "least_request": 0.5, "peak_ewma": 0.01} == pytest.approx(tails)


@pytest.mark.parametrize("outcome", [503, 500, 429, unreachable()])
def test_an_address_that_fails_at_once_does_not_look_like_the_best(outcome: Outcome) -> None:
    """Without ejection: it is peak EWMA alone that keeps away from it."""

    async def main() -> None:
        wires = {name: ScriptedWire(delay=0.05) for name in "bcde"} | {"a": ScriptedWire([outcome], delay=0.001)}
        there = Places(wires, balancing=LoadBalancing("peak_ewma"))
        onion = there.onion(timeout=Timeout(), retry=PATIENT)
        await Crowd(rate=200, seconds=30).visit(lambda: onion.send(GET, Context("test")))
        assert there.counts()["a"] < 0.01 * sum(there.counts().values())

    run(main())


def test_an_address_that_fails_at_once_is_ejected_before_least_request_sends_it_much() -> None:
    async def main() -> None:
        wires = {name: ScriptedWire(delay=0.05) for name in "bcde"} | {"a": ScriptedWire([503], delay=0.001)}
        there = Places(wires, outliers=OutlierDetection())
        onion = there.onion(timeout=Timeout(), retry=PATIENT)
        await Crowd(rate=200, seconds=29).visit(lambda: onion.send(GET, Context("test")))
        assert there.counts()["a"] < 10

    run(main())


@pytest.mark.parametrize("algorithm", ["least_request", "peak_ewma", "round_robin", "random"])
@pytest.mark.parametrize("dead", [unreachable(sent=False), 503, None], ids=["refused", "503", "hangs"])
@pytest.mark.parametrize(("rate", "seconds"), [(5, 25), (100, 5), (500, 3)])
def test_one_dead_address_of_three_is_ejected_before_the_breaker_opens(
    algorithm: Algorithm, dead: "Outcome | None", rate: float, seconds: float
) -> None:
    """With all defaults but a bulkhead that fits the crowd; peak EWMA may keep away from it before it is ejected."""

    async def main() -> None:
        wires = {name: ScriptedWire(delay=0.05) for name in "bc"}
        wires["a"] = ScriptedWire([dead or 200], delay=0.001 if dead else FOR_EVER)
        there = Places(wires, balancing=LoadBalancing(algorithm), outliers=OutlierDetection())
        onion = there.onion(timeout=Timeout(), retry=Retry(), breaker=CircuitBreaker(), bulkhead=Bulkhead(100_000))

        async def call() -> None:
            try:
                await onion.send(GET, Context("test"))
            except UpstreamTimeout:
                assert dead is None

        await Crowd(rate, seconds).visit(call)
        ejected = [event.address for event in there.told(AddressEjected)]
        assert ["http://a"] == ejected or (algorithm == "peak_ewma" and there.counts()["a"] <= 5)
        assert [] == there.told(BreakerChanged)

    run(main())


@pytest.mark.parametrize("status", [429, 503])
def test_an_address_that_asks_for_patience_gets_it_and_the_retry_does_not_wait(status: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        there = places({"a": answered(status, retry_after="60"), "b": 200, "c": 200}, delay=0.0)
        onion = there.onion(timeout=Timeout(), retry=PATIENT)
        start = loop.time()
        assert [200] * 50 == await statuses(onion, calls=50)
        assert pytest.approx(0.01) == loop.time() - start
        assert 1 == there.counts()["a"]
        assert [AddressParked("test", "http://a", 60.0)] == there.told(AddressParked)
        parked = {address.address: address.parked_until for address in onion.statistics().addresses}
        assert {"http://a": pytest.approx(start + 60, abs=0.1), "http://b": None, "http://c": None} == parked
        await asyncio.sleep(60)
        await statuses(onion, calls=50)
        assert 2 == there.counts()["a"]

    run(main())


def test_where_all_ask_for_patience_all_are_asked_and_the_retry_waits() -> None:
    async def main() -> None:
        there = places({name: answered(503, retry_after="1") for name in "ab"}, delay=0.0)
        onion = there.onion(timeout=Timeout(total=3.0), retry=Retry(3, wait=lambda _: 0.01, budget=None))
        assert [503] == await statuses(onion, calls=1)
        first, second, third = sorted([*there.wires["a"].sent, *there.wires["b"].sent])
        assert pytest.approx(0.01) == second - first
        assert 1.0 <= third - second <= 1.5
        assert [True] == [event.is_panic for event in there.told(PanicChanged)][:1]

    run(main())


def test_a_retry_after_on_an_answer_that_does_not_ask_for_patience_parks_nothing() -> None:
    async def main() -> None:
        there = places({"a": answered(200, retry_after="60"), "b": answered(301, retry_after="60")})
        await statuses(there.onion(), calls=20)
        assert [] == there.told(AddressParked)

    run(main())


def test_where_too_few_are_left_all_are_used_until_some_come_back() -> None:
    async def main() -> None:
        outliers = OutlierDetection(max_ejected=1.0, panic=0.6)
        there = places({"a": 503, "b": 503, "c": 200}, outliers=outliers, balancing=LoadBalancing("round_robin"))
        onion = there.onion()
        await statuses(onion, calls=60)
        (panic,) = there.told(PanicChanged)
        assert PanicChanged("test", is_panic=True, healthy=1) == panic
        assert {"a", "b"} <= {name for name, count in there.counts().items() if count > 5}
        for name in "ab":
            there.wires[name].outcomes = [200]
        await asyncio.sleep(40)
        await statuses(onion, calls=3)
        assert PanicChanged("test", is_panic=False, healthy=3) == there.told(PanicChanged)[-1]
        assert {None} == {address.ejected_until for address in onion.statistics().addresses}

    run(main())


@pytest.mark.parametrize("algorithm", ["least_request", "peak_ewma"])
def test_a_cancelled_try_says_nothing_and_gives_back_what_it_held(algorithm: Algorithm) -> None:
    async def main() -> None:
        there = places(
            {"a": 200, "b": 200}, delay=FOR_EVER, outliers=OutlierDetection(1), balancing=LoadBalancing(algorithm)
        )
        onion = there.onion(timeout=Timeout())
        for _ in range(20):
            call = asyncio.ensure_future(onion.send(GET, Context("test")))
            await asyncio.sleep(0.1)
            assert 1 == sum(address.active for address in onion.statistics().addresses)
            call.cancel()
            await asyncio.wait({call})
            deadline = asyncio.get_running_loop().time() + 0.1
            with pytest.raises(Exception, match="deadline"):
                await onion.send(GET, Context("test", deadline=deadline))
        assert [(0, None, 0)] * 2 == [
            (address.active, address.latency, address.ejections) for address in onion.statistics().addresses
        ]
        assert 40 == sum(there.counts().values())
        assert [(0, False)] * 2 == [(member.calls, member.is_troubled) for member in there.cluster.members]

    run(main())


def test_what_we_refuse_ourselves_says_nothing_about_an_address() -> None:
    async def main() -> None:
        refused = Overloaded("our own limit", upstream="test")
        there = places({"a": refused, "b": refused}, outliers=OutlierDetection(consecutive_local=1))
        assert [Overloaded] * 10 == await statuses(there.onion(), calls=10)
        assert (inf, []) == (there.cluster.changes_at, there.told(AddressEjected))

    run(main())


def test_a_try_that_hangs_is_a_failure_of_its_address_when_its_time_is_up() -> None:
    async def main() -> None:
        there = Places(
            {"a": ScriptedWire(delay=FOR_EVER), "b": ScriptedWire()},
            outliers=OutlierDetection(consecutive_local=3),
            balancing=LoadBalancing("peak_ewma"),
        )
        onion = there.onion(timeout=Timeout(total=10.0, per_try=0.4), retry=PATIENT)
        assert {200} == set(await statuses(onion, calls=60))
        latency = {address.address: address.latency for address in onion.statistics().addresses}
        assert latency["http://a"] == pytest.approx(0.4, abs=0.05)

    run(main())


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [(Timeout(), 2.5), (Timeout(total=2.0, per_try=None), 2.0), (None, 2.5), (Timeout(total=4, per_try=0.1), 0.1)],
)
def test_a_failure_counts_as_slow_as_a_try_may_be(timeout: Timeout | None, expected: float) -> None:
    async def main() -> None:
        there = places({"a": 500}, delay=0.0, balancing=LoadBalancing("peak_ewma"))
        onion = there.onion(timeout=timeout)
        await statuses(onion, calls=1)
        assert [expected] == [address.latency for address in onion.statistics().addresses]

    run(main())


def test_retries_to_other_addresses_draw_on_the_same_budget() -> None:
    async def main() -> None:
        there = places({"a": 503, "b": 503, "c": 503})
        budget = RetryBudget(ratio=0.2, burst=10)
        onion = there.onion(retry=Retry(3, wait=lambda _: 0.0, budget=budget))
        await statuses(onion, calls=500)
        assert sum(there.counts().values()) <= 500 * 1.2 + 10

    run(main())


def test_where_nothing_is_out_and_no_latency_counts_a_good_try_asks_for_no_time() -> None:
    class Timeless(asyncio.SelectorEventLoop):
        def time(self) -> float:
            raise AssertionError("nobody needs to know")

    async def main() -> None:
        there = places({"a": 200, "b": 200})
        send = balancing(there.cluster, penalty=1.0)(announcing(None)(there.send))
        loop = Timeless()
        for _ in range(10):
            assert 200 == (await send(GET, Context("test", loop=loop))).status
        loop.close()

    run(main())
