"""Hedging: when a try is late, what another one costs, which answer wins, and what becomes of the others."""

import asyncio
import gc
import random
from contextvars import ContextVar
from dataclasses import replace

import pytest

from bff import (
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    DeadlineExceeded,
    Hedging,
    Overloaded,
    Retry,
    RetryBudget,
    Timeout,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.ambassador import Context, LeanWire, Onion, Policies, Request, Response, build_onion
from bff.events import AttemptFailed, AttemptRejected, BudgetExhausted, Emitter, Event, HedgeStarted, HedgeWon
from tests.support.faults import OK, FaultServer, no_leaks
from tests.support.racing import Plan, PlannedWire
from tests.support.scripted import FOR_EVER, ScriptedWire, unreachable
from tests.support.virtual import run

OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
HEDGED = replace(OFF, hedging=Hedging(0.1))
GET = Request("GET", "http://test", "/")
QUICK = Plan(0.02)
HANGING = Plan(FOR_EVER)


def onion_of(wire: PlannedWire | ScriptedWire, policies: Policies = HEDGED, seen: list[Event] | None = None) -> Onion:
    emitter = Emitter.none if seen is None else Emitter([seen.append])
    return build_onion(policies, send=wire.send, name="test", emitter=emitter)


async def timed(onion: Onion, request: Request = GET, context: Context | None = None) -> tuple[object, float]:
    """Return the status or error of a call, and how long it took."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    outcome: object
    try:
        outcome = (await onion.send(request, context or Context("test", "op"))).status
    except Exception as error:  # noqa: BLE001 - the outcome that is asked about
        outcome = type(error)
    return outcome, round(loop.time() - start, 6)


def race(*plans: Plan, policies: Policies = HEDGED, request: Request = GET) -> tuple[object, float, int, int]:
    """Return how a call ends and when, how many tries there were and how many of them were cancelled."""

    async def main() -> tuple[object, float, int, int]:
        wire = PlannedWire(*plans)
        outcome, took = await timed(onion_of(wire, policies), request)
        assert 0 == wire.running
        return outcome, took, len(wire.sent), wire.cancelled

    return run(main())


def test_what_is_in_time_is_not_hedged() -> None:
    assert (200, 0.09, 1, 0) == race(Plan(0.09))


def test_what_is_late_is_sent_once_more_and_the_first_answer_wins() -> None:
    assert (200, 0.12, 2, 1) == race(HANGING, QUICK)
    assert (200, 0.15, 2, 1) == race(Plan(0.15), HANGING)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_answer_that_is_worth_another_try_does_not_win_while_another_is_out(status: int) -> None:
    assert (200, 0.2, 2, 0) == race(Plan(0.2), Plan(0.02, status))
    assert (200, 0.2, 2, 0) == race(Plan(0.15, status), Plan(0.1))


def test_a_failure_does_not_win_while_another_is_out() -> None:
    assert (200, 0.2, 2, 0) == race(Plan(0.2), Plan(0.02, unreachable()))
    assert (200, 0.2, 2, 0) == race(Plan(0.15, unreachable()), Plan(0.1))


def test_an_answer_that_is_not_worth_another_try_wins_whatever_its_status() -> None:
    assert (404, 0.12, 2, 1) == race(HANGING, Plan(0.02, 404))
    everything = replace(HEDGED, retry=Retry(2, statuses=(404,), wait=lambda _: 0.0))
    assert (200, 0.2, 2, 0) == race(Plan(0.2), Plan(0.02, 404), policies=everything)


def test_where_every_try_fails_the_call_ends_as_its_first_one_did() -> None:
    assert (UpstreamUnreachable, 0.2, 2, 0) == race(Plan(0.15, unreachable()), Plan(0.1, 503))
    assert (503, 0.2, 2, 0) == race(Plan(0.15, 503), Plan(0.1, unreachable()))


def test_a_mistake_of_ours_does_not_hide_behind_a_hedge() -> None:
    assert (ZeroDivisionError, 0.15, 2, 1) == race(Plan(0.15, ZeroDivisionError("ours")), Plan(0.1))


def test_there_are_as_many_hedges_as_the_policy_says_each_as_late_as_the_one_before() -> None:
    async def main() -> None:
        wire = PlannedWire(HANGING, HANGING, HANGING, QUICK)
        assert (200, 0.32) == await timed(onion_of(wire, replace(OFF, hedging=Hedging(0.1, max=3))))
        assert [0.0, 0.1, 0.2, 0.3] == [round(sent - wire.sent[0], 6) for sent in wire.sent]
        assert 3 == wire.cancelled

    run(main())
    assert (200, 1.0, 3, 2) == race(Plan(1.0), HANGING, policies=replace(OFF, hedging=Hedging(0.1, max=2)))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_must_not_be_repeated_is_not_hedged(method: str) -> None:
    assert (200, 1.0, 1, 0) == race(Plan(1.0), request=Request(method, "http://test", "/"))
    keyed = Request(method, "http://test", "/", [("idempotency-key", "1")])
    assert (200, 0.12, 2, 1) == race(HANGING, QUICK, request=keyed)


def test_a_caller_that_tries_again_himself_gets_no_hedges() -> None:
    async def main() -> None:
        wire = PlannedWire(Plan(1.0))
        assert (200, 1.0) == await timed(onion_of(wire), context=Context("test", is_retry=True))

    run(main())


def test_tries_are_counted_on_the_wire_and_in_the_callers_context() -> None:
    async def main() -> None:
        wire = PlannedWire(HANGING, HANGING, QUICK)
        context = Context("test")
        await timed(onion_of(wire, replace(OFF, hedging=Hedging(0.1, max=2))), context=context)
        assert (["1", "2", "3"], 3) == (wire.headers("x-envoy-attempt-count"), context.attempts)

    run(main())


def test_a_hedge_runs_in_the_context_variables_of_its_own_call() -> None:
    """One timer serves all calls: it must not hand the variables of one to another."""
    who: ContextVar[str] = ContextVar("who")

    async def main() -> None:
        seen: list[str] = []

        async def wire(_request: Request, _context: Context) -> Response:
            seen.append(who.get())
            await asyncio.sleep(1.0)
            return Response(200, {}, b"")

        onion = build_onion(HEDGED, send=wire, name="test")

        async def caller(name: str) -> None:
            who.set(name)
            await onion.send(GET, Context("test"))

        await asyncio.gather(caller("a"), caller("b"))
        assert ["a", "b", "a", "b"] == seen

    run(main())


def test_the_quantile_of_the_latest_answers_says_what_is_late() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=0.02)
        onion = onion_of(wire, replace(OFF, hedging=Hedging("p90")))
        for _ in range(49):
            await timed(onion)
        assert None is onion.statistics().hedge_delay
        wire.delay = 0.04
        await timed(onion)
        assert 0.02 == pytest.approx(onion.statistics().hedge_delay)
        wire.delay = 1.0
        await timed(onion)
        assert 52 == len(wire.sent)

    run(main())


def test_nothing_is_late_within_a_millisecond() -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire(), replace(OFF, hedging=Hedging("p95")))
        for _ in range(60):
            await timed(onion)
        assert 0.001 == onion.statistics().hedge_delay
        assert 0.001 == onion_of(ScriptedWire(), replace(OFF, hedging=Hedging(1e-9))).statistics().hedge_delay

    run(main())


def test_tries_that_fail_or_lose_do_not_move_what_is_late() -> None:
    """Where a tenth hangs, the 95th percentile of everything would be for ever."""

    async def main() -> None:
        wire = ScriptedWire(delay=0.02)
        onion = onion_of(wire, replace(OFF, hedging=Hedging("p95")))
        for _ in range(50):
            await timed(onion)
        wire.outcomes, wire.delay = [503], 0.0
        await timed(onion)
        assert 0.02 == pytest.approx(onion.statistics().hedge_delay)

    run(main())


def test_under_a_brown_out_in_which_a_tenth_hangs_the_others_are_as_quick_as_ever() -> None:
    async def main() -> None:
        count, chance = 0, random.Random(1)

        async def wire(_request: Request, context: Context) -> Response:
            nonlocal count
            count += 1
            is_hanging = count > 60 and context.attempts == 1 and count % 10 == 0
            await asyncio.sleep(60.0 if is_hanging else chance.uniform(0.01, 0.02))
            return Response(200, {}, b"")

        onion = build_onion(replace(HEDGED, hedging=Hedging("p95")), send=wire, name="test")
        took = [(await timed(onion))[1] for _ in range(500)]
        assert max(took) < 0.05
        assert 0.018 < (onion.statistics().hedge_delay or 0.0) < 0.022

    run(main())


def test_events_tell_of_hedges_of_what_won_and_of_an_empty_budget() -> None:
    async def main() -> None:
        seen: list[Event] = []
        retry = Retry(3, wait=lambda _: 0.0, budget=RetryBudget(0.0, burst=1))
        onion = onion_of(PlannedWire(HANGING, QUICK, Plan(0.5)), replace(HEDGED, retry=retry), seen)
        await timed(onion)
        await timed(onion)
        started, *others = [event for event in seen if isinstance(event, HedgeStarted | HedgeWon | BudgetExhausted)]
        assert [HedgeWon("test", "op", 2), BudgetExhausted("test", "op", "hedge")] == others
        assert isinstance(started, HedgeStarted)
        assert (2, 0.1) == (started.attempt, round(started.delay, 6))

    run(main())


def test_without_retries_hedges_have_a_budget_that_calls_earn() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        for _ in range(30):
            await timed(onion)
        # The ten that a budget begins with, and a fifth for each call since.
        assert 30 + 10 + 5 == len(wire.sent)

    run(main())


class TestWithRetries:
    @pytest.mark.parametrize("callers", [1, 5, 50])
    def test_both_together_add_a_quarter_to_the_load_at_most_when_everything_fails(self, callers: int) -> None:
        async def main() -> None:
            wire = ScriptedWire([unreachable()], delay=0.15)
            onion = onion_of(wire, replace(HEDGED, retry=Retry(3)))
            calls = 1000

            async def caller() -> None:
                for _ in range(calls // callers):
                    await timed(onion)

            await asyncio.gather(*(caller() for _ in range(callers)))
            assert 1.15 < len(wire.sent) / calls <= 1.25

        run(main())

    def test_hedges_count_towards_the_tries_of_a_call(self) -> None:
        retried = replace(HEDGED, retry=Retry(3, wait=lambda _: 0.0))
        plans = Plan(0.2, 503), Plan(0.1, 503), Plan(0.2, 503)
        assert (503, 0.4, 3, 0) == race(*plans, policies=retried)
        once = replace(HEDGED, retry=Retry(1))
        assert (200, 1.0, 1, 0) == race(Plan(1.0), policies=once)

    def test_a_try_that_was_hedged_in_vain_is_tried_again_and_events_number_it_right(self) -> None:
        async def main() -> None:
            seen: list[Event] = []
            wire = PlannedWire(Plan(0.15, 503), Plan(0.1, 503), QUICK)
            onion = onion_of(wire, replace(HEDGED, retry=Retry(3, wait=lambda _: 0.0)), seen)
            assert (200, 0.22) == await timed(onion)
            assert [(2, 0.0)] == [(event.attempt, event.retry_in) for event in seen if isinstance(event, AttemptFailed)]
            assert ["1", "2", "3"] == wire.headers("x-envoy-attempt-count")

        run(main())


class TestWithABreaker:
    def test_a_loser_is_no_verdict(self) -> None:
        async def main() -> None:
            onion = onion_of(PlannedWire(HANGING, QUICK), replace(HEDGED, breaker=CircuitBreaker()))
            await timed(onion)
            assert (1, 0.0) == (onion.statistics().calls, onion.statistics().failure_rate)

        run(main())

    def test_a_hedge_that_loses_gives_its_probe_back(self) -> None:
        async def main() -> None:
            breaker = CircuitBreaker(min_calls=1, cooldown=5.0, probes=2)
            wire = PlannedWire(Plan(0.0, unreachable()), Plan(0.15), HANGING, QUICK)
            onion = onion_of(wire, replace(HEDGED, breaker=breaker))
            await timed(onion)
            await asyncio.sleep(5)
            assert (200, 0.15) == await timed(onion)
            assert "half-open" == onion.statistics().state
            assert (200, 0.02) == await timed(onion)
            assert "closed" == onion.statistics().state

        run(main())

    def test_a_hedge_that_is_refused_changes_nothing(self) -> None:
        async def main() -> None:
            seen: list[Event] = []
            breaker = CircuitBreaker(min_calls=1, cooldown=5.0, probes=1)
            wire = PlannedWire(Plan(0.0, unreachable()), Plan(0.15))
            onion = onion_of(wire, replace(HEDGED, breaker=breaker), seen)
            await timed(onion)
            await asyncio.sleep(5)
            assert (200, 0.15) == await timed(onion)
            assert 1 == len([event for event in seen if isinstance(event, AttemptRejected)])
            assert 2 == len(wire.sent)
            onion.force_breaker("open")
            assert (CircuitOpen, 0.0) == await timed(onion)

        run(main())


class TestWithABulkhead:
    def test_a_hedge_takes_a_slot_and_gives_it_back(self) -> None:
        async def main() -> None:
            onion = onion_of(PlannedWire(Plan(0.3), HANGING), replace(HEDGED, bulkhead=Bulkhead(2, queue=0)))
            call = asyncio.ensure_future(timed(onion))
            await asyncio.sleep(0.2)
            assert 2 == onion.statistics().taken
            assert (Overloaded, 0.0) == await timed(onion)
            assert (200, 0.3) == await call
            assert 0 == onion.statistics().taken

        run(main())

    def test_without_a_slot_there_is_no_hedge_and_the_first_try_goes_on(self) -> None:
        assert (200, 0.3, 1, 0) == race(Plan(0.3), policies=replace(HEDGED, bulkhead=Bulkhead(1, queue=0)))

    def test_a_hedge_does_not_queue_for_a_slot(self) -> None:
        """It is for capacity that is left over: here two calls hold both slots when they are late."""

        async def main() -> None:
            wire = PlannedWire(Plan(0.15), Plan(0.4))
            onion = onion_of(wire, replace(HEDGED, bulkhead=Bulkhead(2, queue=9)))
            calls = [asyncio.ensure_future(timed(onion)) for _ in range(2)]
            assert [(200, 0.15), (200, 0.4)] == await asyncio.gather(*calls)
            assert (2, 0) == (len(wire.sent), onion.statistics().taken)

        run(main())

    def test_what_waits_for_a_slot_is_not_late(self) -> None:
        """Another one would only wait behind it."""

        async def main() -> None:
            seen: list[Event] = []
            wire = PlannedWire(Plan(0.35), Plan(0.05))
            onion = onion_of(wire, replace(HEDGED, bulkhead=Bulkhead(1, queue=9), retry=Retry(1)), seen)
            calls = [asyncio.ensure_future(timed(onion)) for _ in range(3)]
            assert [(200, 0.35), (200, 0.4), (200, 0.45)] == await asyncio.gather(*calls)
            assert 3 == len(wire.sent)

        run(main())


class TestWithTimeouts:
    def test_the_whole_calls_time_ends_every_try_and_counts_against_the_upstream(self) -> None:
        async def main() -> None:
            wire = PlannedWire(HANGING)
            policies = replace(HEDGED, timeout=Timeout(0.5, per_try=None), breaker=CircuitBreaker())
            onion = onion_of(wire, policies)
            assert (UpstreamTimeout, 0.5) == await timed(onion)
            assert (2, 2, 1.0) == (wire.cancelled, onion.statistics().calls, onion.statistics().failure_rate)

        run(main())

    def test_the_callers_own_deadline_ends_every_try_and_counts_against_nobody(self) -> None:
        async def main() -> None:
            wire = PlannedWire(HANGING)
            onion = onion_of(wire, replace(HEDGED, timeout=Timeout(5.0), breaker=CircuitBreaker()))
            deadline = asyncio.get_running_loop().time() + 0.3
            assert (DeadlineExceeded, 0.3) == await timed(onion, context=Context("test", deadline=deadline))
            assert (2, 0) == (wire.cancelled, onion.statistics().calls)

        run(main())

    def test_each_try_has_a_time_of_its_own(self) -> None:
        hanging = replace(HEDGED, timeout=Timeout(5.0, per_try=0.3))
        assert (UpstreamTimeout, 0.4, 2, 2) == race(HANGING, policies=hanging)
        assert (200, 0.35, 2, 1) == race(HANGING, Plan(0.25), policies=hanging)


def test_a_hedged_call_leaves_no_work_for_the_garbage_collector() -> None:
    async def main() -> None:
        onion = onion_of(PlannedWire(HANGING, QUICK, HANGING, QUICK, Plan(0.15, 503), Plan(0.1, 503)))
        await timed(onion)
        gc.collect()
        gc.disable()
        try:
            await timed(onion)
            await timed(onion)
            found = gc.collect()
        finally:
            gc.enable()
        assert 0 == found

    run(main())


def test_an_onion_hedges_on_one_loop_after_the_other() -> None:
    wire = PlannedWire(HANGING, QUICK, HANGING, QUICK)
    onion = onion_of(wire)
    assert (200, 0.12) == run(timed(onion))
    assert (200, 0.12) == run(timed(onion))


def test_the_losers_connection_is_closed_at_the_upstream_at_once() -> None:
    async def main() -> None:
        async with FaultServer() as server, no_leaks():
            wire = LeanWire(connect=20.0)
            targets = iter(["/hang", "/ok"])

            async def send(request: Request, context: Context) -> Response:
                return await wire.send(replace(request, target=next(targets)), context)

            onion = build_onion(replace(OFF, hedging=Hedging(0.01)), send=send, name="test")
            response = await onion.send(Request("GET", server.origin, "/"), Context("test"))
            assert OK.endswith(response.content)
            # The winner's connection stays for the next call; the loser's goes without waiting for anything.
            await server.until(lambda: server.open == 1)
            assert 2 == server.accepts
            await wire.aclose()
            await server.until(lambda: server.open == 0)

    asyncio.run(main())
