"""The layers together: their order, what each does to the others, and what they cost."""

import asyncio
import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from bff import (
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    Coalescing,
    DeadlineExceeded,
    FaultInjection,
    Hedging,
    LoadBalancing,
    Overloaded,
    RateLimit,
    Retry,
    RetryBudget,
    Timeout,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.ambassador import Context, Onion, Policies, Request, Response, build_onion
from bff.ambassador._addresses import Addresses
from bff.ambassador._cluster import Cluster
from bff.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptRejected,
    BreakerChanged,
    CallFailed,
    CallFinished,
    Emitter,
    Event,
)
from tests.support.events import Told
from tests.support.scripted import FOR_EVER, ScriptedWire, unreachable
from tests.support.virtual import run

OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
EVERYTHING = Policies(
    coalescing=Coalescing(), hedging=Hedging(1.0), rate_limit=RateLimit(1e6), fault=FaultInjection(1.0)
)
GET = Request("GET", "http://test", "/")


def two_addresses() -> Addresses:
    policy = LoadBalancing()
    return Addresses(Cluster("test", ["http://a", "http://b"], balancing=policy, outliers=None, random=random.random))


def onion_of(wire: ScriptedWire, policies: Policies, observers: tuple[Callable[[Event], None], ...] = ()) -> Onion:
    return build_onion(policies, send=wire.send, name="test", emitter=Emitter(observers))


def context(*, within: float | None = None) -> Context:
    deadline = None if within is None else asyncio.get_running_loop().time() + within
    return Context("test", "op", deadline, "id-1")


async def timed(call: Onion, *, within: float | None = None, request: Request = GET) -> tuple[object, float]:
    """Return the status or error of a call, and how long it took."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    outcome: object
    try:
        outcome = (await call.send(request, context(within=within))).status
    except Exception as error:  # noqa: BLE001 - the outcome that is asked about
        outcome = type(error)
    return outcome, round(loop.time() - start, 6)


def test_the_layers_stand_in_this_order_and_one_that_is_off_is_not_there() -> None:
    send = ScriptedWire().send
    assert ("deadline", "retry", "breaker", "bulkhead", "per-try timeout", "wire") == build_onion(
        Policies(), send=send, name="test"
    ).layers
    assert (
        "deadline", "coalesce", "retry", "hedge", "breaker", "bulkhead", "rate limit", "balance", "per-try timeout",
        "fault", "wire",
    ) == build_onion(
        EVERYTHING, send=send, name="test", emitter=Emitter([print]), addresses=two_addresses()
    ).layers  # fmt: skip
    assert ("deadline", "wire") == build_onion(OFF, send=send, name="test").layers
    assert ("deadline", "breaker", "wire") == build_onion(
        replace(OFF, breaker=CircuitBreaker()), send=send, name="test"
    ).layers


@pytest.mark.parametrize(
    ("timeout", "within", "expected"),
    [
        (Timeout(total=2.0), None, (UpstreamTimeout, 1.0)),
        (Timeout(total=2.0, per_try=0.3), None, (UpstreamTimeout, 0.3)),
        (Timeout(total=2.0, per_try=None), None, (UpstreamTimeout, 2.0)),
        (Timeout(total=2.0, per_try=9.0), None, (UpstreamTimeout, 2.0)),
        (Timeout(total=2.0), 0.5, (DeadlineExceeded, 0.5)),
        (Timeout(total=2.0), 1.5, (UpstreamTimeout, 1.0)),
        (Timeout(total=2.0, per_try=None), 2.0, (UpstreamTimeout, 2.0)),
        (None, 0.5, (DeadlineExceeded, 0.5)),
        (Timeout(total=2.0), 0.0, (DeadlineExceeded, 0.0)),
    ],
)
def test_a_hanging_upstream_ends_when_the_first_of_its_times_is_up(
    timeout: Timeout | None, within: float | None, expected: tuple[object, float]
) -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=FOR_EVER)
        assert expected == await timed(onion_of(wire, replace(OFF, timeout=timeout)), within=within)
        assert (0, 0 if within == 0.0 else 1) == (wire.running, wire.cancelled)

    run(main())


def test_a_hang_counts_against_the_upstream_and_the_callers_own_deadline_does_not() -> None:
    async def main(policy: Timeout, within: float | None) -> float:
        onion = onion_of(ScriptedWire(delay=FOR_EVER), replace(OFF, timeout=policy, breaker=CircuitBreaker()))
        await timed(onion, within=within)
        return onion.statistics().failure_rate or 0.0

    assert 1.0 == run(main(Timeout(total=2.0), None))
    assert 1.0 == run(main(Timeout(total=2.0, per_try=None), None))
    assert 0.0 == run(main(Timeout(total=2.0), 0.5))


@pytest.mark.parametrize("cancel_at", [0.1, 1.0, 2.0])
def test_a_callers_cancellation_stays_one_even_in_the_same_moment_as_a_timeout(cancel_at: float) -> None:
    """With 1.0 it meets the try's timeout, with 2.0 the whole call's."""

    async def main() -> None:
        wire = ScriptedWire(delay=FOR_EVER)
        onion = onion_of(wire, Policies(timeout=Timeout(total=2.0, per_try=1.0 if cancel_at < 2 else None), retry=None))
        call = asyncio.ensure_future(onion.send(GET, context()))
        asyncio.get_running_loop().call_later(cancel_at, call.cancel)
        with pytest.raises(asyncio.CancelledError):
            await call
        statistics = onion.statistics()
        assert (0, 0, 0, 0) == (statistics.calls, statistics.taken, statistics.queued, wire.running)

    run(main())


def test_a_timeout_leaves_no_cancellation_behind() -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire(delay=FOR_EVER), replace(OFF, timeout=Timeout(total=1.0)))
        await timed(onion)
        task = asyncio.current_task()
        assert task is not None
        assert 0 == task.cancelling()
        async with asyncio.timeout(5):
            await asyncio.sleep(1)

    run(main())


def test_a_call_that_backs_off_holds_no_slot() -> None:
    async def main() -> None:
        policies = replace(OFF, retry=Retry(2, wait=lambda _: 10.0), bulkhead=Bulkhead(1))
        onion = onion_of(ScriptedWire([unreachable(), 200]), policies)
        first = asyncio.ensure_future(onion.send(GET, context()))
        await asyncio.sleep(5)
        assert 200 == (await onion.send(GET, context())).status
        assert 200 == (await first).status

    run(main())


def test_a_full_bulkhead_refuses_at_once_and_says_when_to_ask_again() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire, replace(OFF, bulkhead=Bulkhead(2, queue=0), breaker=CircuitBreaker()))
        calls = [asyncio.ensure_future(onion.send(GET, context())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as caught:
            await onion.send(GET, context())
        assert (1.0, 0) == (caught.value.retry_after, caught.value.attempts)
        await asyncio.gather(*calls)
        assert (2, 0) == (onion.statistics().calls, onion.statistics().taken)

    run(main())


def test_waiting_calls_get_their_slots_in_order() -> None:
    async def main() -> None:
        done: list[int] = []
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire, replace(OFF, bulkhead=Bulkhead(1, queue=3)))

        async def call(number: int) -> None:
            await onion.send(GET, context())
            done.append(number)

        calls = [asyncio.create_task(call(number)) for number in range(4)]
        await asyncio.sleep(0)
        assert (1, 3) == (onion.statistics().taken, onion.statistics().queued)
        calls[2].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert ([0, 1, 3], 1, 0) == (done, wire.most, onion.statistics().taken)

    run(main())


def test_time_spent_waiting_for_a_slot_is_not_held_against_the_upstream() -> None:
    async def main() -> None:
        policies = Policies(Timeout(total=2.0, per_try=None), None, CircuitBreaker(), Bulkhead(1, queue=9))
        onion = onion_of(ScriptedWire(delay=1.9), policies)
        first = asyncio.ensure_future(onion.send(GET, context()))
        await asyncio.sleep(0)
        shorter = onion.retimed(Timeout(total=1.0, per_try=None))
        waited = await asyncio.gather(timed(shorter), timed(onion, within=0.5))
        assert [(Overloaded, 1.0), (DeadlineExceeded, 0.5)] == list(waited)
        await first
        assert (1, 0.0, 0) == (onion.statistics().calls, onion.statistics().failure_rate, onion.statistics().queued)

    run(main())


def test_an_open_breaker_refuses_before_anything_queues_and_is_not_retried() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable()])
        policies = replace(OFF, retry=Retry(3, wait=lambda _: 0.0), breaker=CircuitBreaker(min_calls=3, cooldown=5.0))
        onion = onion_of(wire, policies)
        assert (UpstreamUnreachable, 0.0) == await timed(onion)
        await asyncio.sleep(1)
        with pytest.raises(CircuitOpen) as caught:
            await onion.send(GET, context())
        assert (4.0, 0, 3) == (caught.value.retry_after, caught.value.attempts, len(wire.sent))

    run(main())


def test_fifty_callers_at_half_open_make_one_upstream_call() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable()])
        onion = onion_of(wire, replace(OFF, breaker=CircuitBreaker(min_calls=2, cooldown=5.0)))
        for _ in range(2):
            await timed(onion)
        await asyncio.sleep(5)
        wire.outcomes, wire.delay = [200], 0.1
        before = len(wire.sent)
        outcomes = await asyncio.gather(*(timed(onion) for _ in range(50)))
        assert (1, 49) == (len(wire.sent) - before, [outcome for outcome, _ in outcomes].count(CircuitOpen))
        assert "closed" == onion.statistics().state

    run(main())


def test_cancellations_are_neutral_for_breaker_budget_and_slots() -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire(delay=FOR_EVER), Policies(retry=Retry(budget=RetryBudget(0.0, burst=5))))
        for _ in range(100):
            call = asyncio.ensure_future(onion.send(GET, context()))
            await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        statistics = onion.statistics()
        assert ("closed", 0, 0, 5.0) == (statistics.state, statistics.calls, statistics.taken, statistics.retry_tokens)

    run(main())


def test_events_tell_each_failed_try_and_once_how_the_call_ended() -> None:
    async def main() -> None:
        policies = replace(OFF, retry=Retry(2, wait=lambda _: 0.5), breaker=CircuitBreaker(min_calls=4))
        wire = ScriptedWire([unreachable(), 404, 500, unreachable(), unreachable()], delay=0.25)
        told = Told(AttemptFailed, AttemptRejected, CallFinished, CallFailed, BreakerChanged)
        onion = onion_of(wire, policies, (told,))
        for _ in range(3):
            await timed(onion)
        calls = [getattr(event, "call", 0) for event in told.seen]
        assert [
            AttemptFailed("test", "op", 1, "unreachable", 0.5),
            CallFinished("test", "op", 404, 1.0, 2, "id-1"),
            CallFailed("test", "op", "status", "answered 500", 0.25, 1, "id-1", status=500),
            BreakerChanged("test", "", "closed", "open"),
            AttemptFailed("test", "op", 1, "unreachable", 0.5),
            AttemptRejected("test", "op", "open", 1.5),
        ] == told.seen[:-1]
        assert isinstance(told.seen[-1], CallFailed)
        assert ("open", 1) == (told.seen[-1].cause, told.seen[-1].attempts)
        assert calls[0] < calls[2] < calls[4] == calls[-1]

    run(main())


def test_a_bug_below_is_no_failure_of_the_upstream_and_comes_out_as_it_is() -> None:
    async def main() -> None:
        told = Told(AttemptFailed, AttemptFinished, CallFailed)
        wire = ScriptedWire([ZeroDivisionError("ours")])
        onion = onion_of(wire, Policies(), (told,))
        assert (ZeroDivisionError, 0.0) == await timed(onion)
        assert (1, 0) == (len(wire.sent), onion.statistics().calls)
        assert ["error", "error", "error"] == [getattr(event, "cause", "") for event in told.seen]

    run(main())


def test_statistics_say_what_the_layers_know_and_none_where_one_is_off() -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire([unreachable(), 200]), Policies(retry=None))
        await timed(onion)
        await timed(onion)
        on, off = onion.statistics(), onion_of(ScriptedWire(), OFF).statistics()
        assert ("closed", 2, 0.5, 0, 0, None, None, None, None, None, ()) == tuple(
            getattr(on, name) for name in on.__slots__
        )
        assert {None, ()} == {getattr(off, name) for name in off.__slots__}

    run(main())


def test_another_timeout_shares_breaker_slots_and_budget() -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire(delay=1.0), Policies(retry=None))
        assert (UpstreamTimeout, 0.25) == await timed(onion.retimed(Timeout(total=0.5)))
        assert (200, 1.0) == await timed(onion.retimed(None))
        assert (2, 0.5) == (onion.statistics().calls, onion.statistics().failure_rate)

    run(main())


@pytest.mark.parametrize("policies", [Policies(), EVERYTHING])
def test_the_success_path_makes_no_task_and_takes_no_lock(policies: Policies, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def at_once(_request: Request, _context: Context) -> Response:
            return Response(200, {}, b"")

        onion = build_onion(policies, send=at_once, name="test", addresses=two_addresses())

        def never(*_: object, **__: object) -> None:
            raise AssertionError("on the success path")

        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patched:
            patched.setattr(loop, "create_task", never)
            for kind in (asyncio.Lock, asyncio.Semaphore, asyncio.Event, asyncio.Condition):
                patched.setattr(kind, "__init__", never)
            patched.setattr(threading, "Lock", never)
            patched.setattr(threading, "RLock", never)
            call = onion.send(GET, context())
            # It never even yields to the loop.
            with pytest.raises(StopIteration) as done:
                call.__await__().send(None)
        assert 200 == done.value.value.status

    run(main())
