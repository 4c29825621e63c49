"""Trying again: what is worth it, what is safe, how long to wait, and when to leave it."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import pytest
from tenacity import (
    RetryCallState,
    retry_if_exception,
    retry_if_exception_type,
    retry_if_not_exception_type,
    retry_if_result,
    wait_chain,
    wait_fixed,
)

from bff import ContractViolation, Overloaded, Retry, RetryBudget, Timeout, UpstreamTimeout, UpstreamUnreachable
from bff.ambassador import Context, Onion, Policies, Request, Response, build_onion
from bff.ambassador._budget import Budget
from bff.ambassador._retry_after import retry_after
from tests.support.scripted import FOR_EVER, Outcome, ScriptedWire, answered, unreachable
from tests.support.virtual import run

ONCE_A_SECOND = wait_fixed(1)


def onion_of(wire: ScriptedWire, retry: Retry, *, total: float | None = None, chance: float = 0.0) -> Onion:
    timeout = Timeout(total=total, per_try=None) if total else None
    policies = Policies(timeout, retry, breaker=None, bulkhead=None)
    return build_onion(policies, send=wire.send, name="test", random=lambda: chance)


async def call(onion: Onion, method: str = "GET", **headers: str) -> object:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    try:
        return (await onion.send(Request(method, "http://test", "/", pairs), Context("test"))).status
    except Exception as error:  # noqa: BLE001 - the outcome that is asked about
        return error


def tries(outcomes: list[Outcome], retry: Retry, method: str = "GET", **headers: str) -> tuple[object, int]:
    """Return how a call ends, and after how many tries."""

    async def main() -> tuple[object, int]:
        wire = ScriptedWire(outcomes)
        outcome = await call(onion_of(wire, retry), method, **headers)
        return (type(outcome) if isinstance(outcome, Exception) else outcome), len(wire.sent)

    return run(main())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_answer_that_asks_for_it_is_worth_another_try(status: int) -> None:
    assert (200, 2) == tries([status, 200], Retry())


@pytest.mark.parametrize("status", [400, 404, 409, 500, 501])
def test_any_other_answer_is_an_answer(status: int) -> None:
    assert (status, 1) == tries([status, 200], Retry())


def test_the_last_answer_is_returned_and_the_last_error_raised() -> None:
    assert (503, 3) == tries([503], Retry(3))
    assert (UpstreamUnreachable, 3) == tries([unreachable()], Retry(3))
    assert (UpstreamUnreachable, 1) == tries([unreachable()], Retry(1))


def test_errors_say_how_many_tries_there_were() -> None:
    async def main() -> None:
        error = await call(onion_of(ScriptedWire([unreachable()]), Retry(3)))
        assert isinstance(error, UpstreamUnreachable)
        assert (3, "test: it broke (after 3 attempts)") == (error.attempts, str(error))

    run(main())


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_what_is_idempotent_is_repeated(method: str) -> None:
    assert (200, 2) == tries([unreachable(), 200], Retry(), method)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_not_idempotent_is_repeated_only_with_a_key_or_if_it_was_never_sent(method: str) -> None:
    assert (UpstreamUnreachable, 1) == tries([unreachable(), 200], Retry(), method)
    assert (503, 1) == tries([503, 200], Retry(), method)
    assert (200, 2) == tries([503, 200], Retry(), method, Idempotency_Key="1")
    assert (200, 2) == tries([unreachable(sent=False), 200], Retry(), method)


def test_neither_a_broken_contract_nor_our_own_limit_is_worth_another_try() -> None:
    assert (ContractViolation, 1) == tries([ContractViolation("too large", upstream="test")], Retry())
    assert (Overloaded, 1) == tries([Overloaded("full", upstream="test")], Retry())


async def slow_but_sure(state: RetryCallState) -> bool:
    await asyncio.sleep(0.1)
    assert state.outcome is not None
    return state.outcome.failed


@pytest.mark.parametrize(
    ("when", "outcomes", "expected"),
    [
        (retry_if_exception_type(UpstreamTimeout), [unreachable(), 200], (UpstreamUnreachable, 1)),
        (retry_if_not_exception_type(UpstreamTimeout), [unreachable(), 200], (200, 2)),
        (retry_if_result(lambda response: response.status == 404), [404, 200], (200, 2)),
        (retry_if_result(lambda response: response.status == 404), [unreachable(), 200], (UpstreamUnreachable, 1)),
        (retry_if_exception_type(KeyError), [503, 200], (200, 2)),
        (slow_but_sure, [unreachable(), 200], (200, 2)),
        (slow_but_sure, [404, 200], (404, 1)),
    ],
)
def test_when_takes_tenacitys_strategies_and_functions_like_them(
    when: Callable[[RetryCallState], bool | Awaitable[bool]], outcomes: list[Outcome], expected: tuple[object, int]
) -> None:
    assert expected == tries(outcomes, Retry(when=when))


def test_no_strategy_however_broad_swallows_a_cancellation() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=FOR_EVER)
        onion = onion_of(wire, Retry(9, when=retry_if_exception(lambda _: True)))
        task = asyncio.ensure_future(onion.send(Request("GET", "http://test", "/"), Context("test")))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 1 == len(wire.sent)

    run(main())


def test_a_call_that_is_cancelled_while_it_backs_off_ends_there() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable()])
        task = asyncio.create_task(call(onion_of(wire, Retry(wait=wait_fixed(60)))))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 1 == len(wire.sent)

    run(main())


def test_wait_takes_tenacitys_strategies_with_its_own_count_of_attempts() -> None:
    async def main() -> None:
        wire = ScriptedWire([503])
        wait = wait_chain(wait_fixed(1), wait_fixed(2), wait_fixed(4))
        await call(onion_of(wire, Retry(4, wait=wait)))
        assert [1, 2, 4] == wire.gaps()

    run(main())


def test_strategies_see_tenacitys_record_of_the_call() -> None:
    seen: list[tuple[int, float, float | None]] = []

    def wait(state: RetryCallState) -> float:
        seen.append((state.attempt_number, state.idle_for, state.seconds_since_start))
        return 2.0

    assert (503, 3) == tries([503], Retry(3, wait=wait))
    assert [(1, 0.0, 0.0), (2, 2.0, 2.0)] == seen


def test_there_is_no_retry_that_could_not_begin_in_time() -> None:
    async def main() -> None:
        wire = ScriptedWire([503])
        loop = asyncio.get_running_loop()
        start = loop.time()
        assert 503 == await call(onion_of(wire, Retry(9, wait=ONCE_A_SECOND), total=2.5))
        assert (3, 2.0) == (len(wire.sent), loop.time() - start)

    run(main())


def test_a_retry_ends_with_the_whole_calls_time() -> None:
    async def main() -> None:
        wire = ScriptedWire([503], delay=1.0)
        loop = asyncio.get_running_loop()
        start = loop.time()
        error = await call(onion_of(wire, Retry(9, wait=ONCE_A_SECOND), total=2.5))
        assert isinstance(error, UpstreamTimeout)
        assert (2, 2, 2.5) == (error.attempts, len(wire.sent), loop.time() - start)

    run(main())


def test_a_retry_without_a_pause_does_not_begin_in_the_moment_in_which_the_calls_time_is_up() -> None:
    """Nothing would end it any more."""

    async def main() -> None:
        wire = ScriptedWire(delay=FOR_EVER)
        policies = Policies(Timeout(0.1, per_try=0.05), Retry(9, wait=wait_fixed(0)), breaker=None, bulkhead=None)
        loop = asyncio.get_running_loop()
        start = loop.time()
        assert isinstance(await call(build_onion(policies, send=wire.send, name="test")), UpstreamTimeout)
        assert (2, 0.1) == (len(wire.sent), round(loop.time() - start, 6))

    run(main())


@pytest.mark.parametrize(
    ("asked", "total", "limit", "chance", "expected"),
    [
        ("7", None, None, 0.0, [7.0]),
        ("7", None, None, 1.0, [10.5]),
        ("7", 9.0, None, 1.0, [8.0]),
        ("7", 7.0, None, 0.0, []),
        ("7", None, 2.0, 0.0, [2.0]),
        ("0", None, None, 0.0, [1.0]),
        ("soon", None, None, 0.0, [1.0]),
    ],
)
def test_retry_after_is_spread_never_undercut_and_cut_to_the_time_there_is(
    asked: str, total: float | None, limit: float | None, chance: float, expected: list[float]
) -> None:
    async def main() -> None:
        wire = ScriptedWire([answered(503, retry_after=asked), 200])
        policy = Retry(wait=ONCE_A_SECOND, max_retry_after=limit)
        await call(onion_of(wire, policy, total=total, chance=chance))
        assert expected == wire.gaps()

    run(main())


def test_an_answer_that_asks_for_more_time_than_there_is_comes_at_once() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        wire = ScriptedWire([answered(429, retry_after="60")])
        assert 429 == await call(onion_of(wire, Retry(), total=5.0))
        assert 0.0 == loop.time() - start

    run(main())


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "99999999999999999999"}, 9999999999.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "\N{ARABIC-INDIC DIGIT FIVE}"}, None),
        ({"retry-after": formatdate(1030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(900, usegmt=True)}, 0.0),
        ({"retry-after": formatdate(5030, usegmt=True), "date": formatdate(5000, usegmt=True)}, 30.0),
        ({"retry-after": "Sun, 99 Nov 9999 99:99:99 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_upstreams_own_clock(
    headers: dict[str, str], expected: float | None
) -> None:
    assert expected == retry_after(headers, wall=lambda: 1000.0)


def test_a_retry_needs_a_token_and_calls_earn_them() -> None:
    async def main(budget: RetryBudget | None) -> list[int]:
        wire = ScriptedWire([503])
        onion = onion_of(wire, Retry(2, wait=wait_fixed(0), budget=budget))
        counts: list[int] = []
        for _ in range(8):
            before = len(wire.sent)
            await call(onion)
            counts.append(len(wire.sent) - before)
        return counts

    assert [2, 2, 1, 1, 2, 1, 1, 1] == run(main(RetryBudget(0.25, burst=2)))
    assert [2] * 8 == run(main(None))


def test_those_who_slept_together_share_what_the_budget_still_has() -> None:
    async def main() -> None:
        wire = ScriptedWire([503])
        onion = onion_of(wire, Retry(2, wait=ONCE_A_SECOND, budget=RetryBudget(0.0, burst=3)))
        await asyncio.gather(*(call(onion) for _ in range(20)))
        assert 23 == len(wire.sent)

    run(main())


def test_the_budget_is_never_fuller_than_full() -> None:
    budget = Budget(RetryBudget(0.5, burst=2))
    for _ in range(9):
        budget.deposit()
    assert 2.0 == budget.tokens
    assert [True, True, False] == [budget.withdraw() for _ in range(3)]


def test_a_failed_call_leaves_no_work_for_the_garbage_collector() -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire([503]), Retry(3, wait=wait_fixed(0)))
        await call(onion)
        gc.collect()
        gc.disable()
        try:
            await call(onion)
            found = gc.collect()
        finally:
            gc.enable()
        assert 0 == found

    run(main())


def test_an_answer_is_not_asked_about_when_no_strategy_wants_to_see_it() -> None:
    async def main() -> None:
        asked: list[RetryCallState] = []

        def wait(state: RetryCallState) -> float:
            asked.append(state)
            return 0.0

        onion = onion_of(ScriptedWire([Response(200, {}, b"")]), Retry(wait=wait))
        assert 200 == await call(onion)
        assert [] == asked

    run(main())
