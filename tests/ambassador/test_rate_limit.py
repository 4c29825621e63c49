"""The rate limit: what passes, what is refused, and when it would not be."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import retry_if_exception

from bff import CircuitBreaker, RateLimit, RateLimited, Retry
from bff.ambassador import Ambassador, Context, Onion, Policies, Request, build_onion
from bff.ambassador._rate import Rate
from bff.events import AttemptRejected, Emitter, Event
from tests.support.scripted import FOR_EVER, ScriptedWire, unreachable
from tests.support.virtual import run

OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
GET = Request("GET", "http://test", "/")


def onion_of(wire: ScriptedWire, policies: Policies, seen: list[Event] | None = None) -> Onion:
    emitter = Emitter.none if seen is None else Emitter([seen.append])
    return build_onion(policies, send=wire.send, name="test", emitter=emitter)


async def call(onion: Onion) -> object:
    try:
        return (await onion.send(GET, Context("test", "op"))).status
    except Exception as error:  # noqa: BLE001 - the outcome that is asked about
        return error


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(RateLimit(4.0), 4), (RateLimit(4.0, burst=2), 2), (RateLimit(0.5), 1), (RateLimit(2.5), 2)],
)
def test_as_many_pass_at_once_as_the_burst_says_or_a_seconds_worth(policy: RateLimit, expected: int) -> None:
    rate = Rate(policy)
    assert expected == [rate.take(1000.0) for _ in range(10)].count(None)


def test_what_is_refused_would_pass_when_it_says() -> None:
    rate = Rate(RateLimit(4.0, burst=1))
    assert None is rate.take(1000.0)
    assert 0.25 == rate.take(1000.0)
    assert 0.125 == rate.take(1000.125)
    assert None is rate.take(1000.25)


def test_a_clock_that_is_behind_the_last_one_takes_nothing_away() -> None:
    """As on another loop, in a test whose time begins anew."""
    rate = Rate(RateLimit(4.0, burst=3))
    assert None is rate.take(1005.0)
    assert 2.0 == rate.tokens(1000.0)
    assert [None, None, 0.25] == [rate.take(1000.0) for _ in range(3)]
    assert None is rate.take(1000.25)


@given(
    st.floats(0.1, 1000.0),
    st.integers(1, 20),
    st.lists(st.floats(0.0, 2.0), min_size=1, max_size=200),
)
def test_in_no_span_of_time_do_more_pass_than_it_allows_and_a_refusal_never_lies(
    per_second: float, burst: int, gaps: list[float]
) -> None:
    rate, now = Rate(RateLimit(per_second, burst)), 1000.0
    passed: list[float] = []
    promised = 0.0
    for gap in gaps:
        now += gap
        wait = rate.take(now)
        if wait is None:
            passed.append(now)
            promised = 0.0
        else:
            assert 0 < wait <= 1 / per_second + 1e-6
            assert promised == 0.0 or now + wait == pytest.approx(promised)
            assert 0 <= rate.tokens(now) < 1
            promised = now + wait
        assert promised == 0.0 or now < promised + 1e-6
    for start, first in enumerate(passed):
        for count, last in enumerate(passed[start:], start=1):
            assert count <= burst + (last - first) * per_second + 1e-6


def test_a_refusal_is_no_verdict_gives_the_permit_back_and_says_when_to_ask_again() -> None:
    async def main() -> None:
        seen: list[Event] = []
        wire = ScriptedWire([unreachable(), 200])
        breaker = CircuitBreaker(min_calls=1, cooldown=5.0)
        onion = onion_of(wire, replace(OFF, breaker=breaker, rate_limit=RateLimit(0.1, burst=1)), seen)
        await call(onion)
        await asyncio.sleep(5)
        refused = await call(onion)
        assert isinstance(refused, RateLimited)
        assert 5.0 == refused.retry_after
        assert "half-open" == onion.statistics().state
        assert [AttemptRejected("test", "op", "rate-limited", 5.0)] == [
            event for event in seen if isinstance(event, AttemptRejected)
        ]
        await asyncio.sleep(5)
        assert 200 == await call(onion)
        assert "closed" == onion.statistics().state

    run(main())


def test_a_refusal_is_not_tried_again_however_broad_the_strategy() -> None:
    async def main() -> None:
        wire = ScriptedWire()
        retry = Retry(5, wait=lambda _: 0.0, when=retry_if_exception(lambda _: True))
        onion = onion_of(wire, replace(OFF, retry=retry, rate_limit=RateLimit(1.0)))
        assert 200 == await call(onion)
        assert isinstance(await call(onion), RateLimited)
        assert 1 == len(wire.sent)

    run(main())


def test_a_retry_needs_a_token_of_the_rate_limit_as_any_try_does() -> None:
    async def main() -> None:
        wire = ScriptedWire([503])
        onion = onion_of(wire, replace(OFF, retry=Retry(5, wait=lambda _: 0.0), rate_limit=RateLimit(2.0)))
        assert isinstance(await call(onion), RateLimited)
        assert 2 == len(wire.sent)

    run(main())


def test_a_try_that_is_cancelled_has_used_its_token() -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire(delay=FOR_EVER), replace(OFF, rate_limit=RateLimit(2.0)))
        calls = [asyncio.ensure_future(call(onion)) for _ in range(2)]
        await asyncio.sleep(0)
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert 0.0 == onion.statistics().rate_tokens
        await asyncio.sleep(0.25)
        assert 0.5 == onion.statistics().rate_tokens

    run(main())


def test_statistics_can_be_asked_for_where_no_loop_runs() -> None:
    ambassador = Ambassador("http://test", rate_limit=RateLimit(5.0))
    assert 5.0 == ambassador.statistics().rate_tokens
