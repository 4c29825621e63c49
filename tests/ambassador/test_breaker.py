"""The circuit breaker: a pure core that is told the time."""

import random
from collections.abc import Iterator

import pytest

from bff import CircuitBreaker
from bff.ambassador._breaker import Breaker, State
from bff.ambassador._verdict import verdict


class Told:
    """A breaker with its changes of state, and the verbs that these tests need."""

    def __init__(self, policy: CircuitBreaker, chances: Iterator[float] | None = None) -> None:
        self.changes: list[tuple[State, State]] = []
        self.breaker = Breaker(
            policy,
            random=lambda: next(chances) if chances else 0.0,
            on_change=lambda before, after: self.changes.append((before, after)),
        )

    def call(self, now: float, *, ok: bool | None, slow: bool = False) -> bool:
        """Make one call; say whether it was let through."""
        permit = self.breaker.admit(now)
        if permit is None:
            return False
        self.breaker.record(permit, ok=ok, slow=slow, now=now)
        return True

    def fail(self, count: int, now: float) -> None:
        for _ in range(count):
            assert self.call(now, ok=False)


POLICY = CircuitBreaker(0.5, min_calls=4, window=10.0, cooldown=5.0, max_cooldown=60.0)


def test_opens_at_the_failure_rate_and_not_before_enough_calls() -> None:
    told = Told(POLICY)
    told.fail(3, now=100.0)
    assert "closed" == told.breaker.state
    told.fail(1, now=100.0)
    assert ("open", False) == (told.breaker.state, told.call(100.1, ok=True))


def test_stays_closed_below_the_failure_rate() -> None:
    told = Told(CircuitBreaker(0.5, min_calls=20))
    for number in range(1000):
        told.call(100.0 + number / 100, ok=number % 5 < 3)
    assert ("closed", 0.4) == (told.breaker.state, round(told.breaker.failure_rate, 2))


def test_opens_at_eighty_percent_failures_which_consecutive_counting_never_does() -> None:
    told = Told(CircuitBreaker())
    for number in range(25):
        told.call(100.0, ok=number % 5 == 0)
    assert "open" == told.breaker.state


@pytest.mark.parametrize("later", [9.0, 10.0, 11.0, 1e6])
def test_forgets_what_is_older_than_the_window(later: float) -> None:
    told = Told(POLICY)
    told.fail(3, now=100.0)
    told.call(100.0 + later, ok=False)
    assert ("open" if later < 10 else "closed") == told.breaker.state


def test_opens_when_too_many_calls_are_slow_though_none_fails() -> None:
    told = Told(CircuitBreaker(min_calls=4, slow_call=1.0, slow_rate=0.5))
    for slow in (False, False, True, True):
        told.call(100.0, ok=True, slow=slow)
    assert "open" == told.breaker.state


def test_probes_after_the_cooldown_and_closes_when_the_probe_succeeds() -> None:
    told = Told(POLICY)
    told.fail(4, now=100.0)
    assert 2.0 == told.breaker.retry_after(103.0)
    assert not told.call(104.999, ok=True)
    assert told.call(105.0, ok=True)
    assert [("closed", "open"), ("open", "half-open"), ("half-open", "closed")] == told.changes
    assert ("closed", 0) == (told.breaker.state, told.breaker.calls)


def test_a_herd_at_half_open_sends_one_probe() -> None:
    told = Told(POLICY)
    told.fail(4, now=100.0)
    permits = [told.breaker.admit(105.0) for _ in range(50)]
    assert 1 == sum(permit is not None for permit in permits)


def test_as_many_probes_as_declared_have_to_succeed() -> None:
    told = Told(CircuitBreaker(min_calls=4, probes=3))
    told.fail(4, now=100.0)
    permits = [permit for _ in range(50) if (permit := told.breaker.admit(105.0)) is not None]
    assert 3 == len(permits)
    for permit in permits:
        assert "half-open" == told.breaker.state
        told.breaker.record(permit, ok=True, slow=False, now=105.1)
    assert "closed" == told.breaker.state


def test_a_failed_probe_doubles_the_cooldown_up_to_its_maximum_and_success_resets_it() -> None:
    told = Told(POLICY)
    now = 100.0
    told.fail(4, now=now)
    rests: list[float] = []
    for _ in range(6):
        rests.append(told.breaker.retry_after(now))
        now += rests[-1]
        assert told.call(now, ok=False)
    assert [5.0, 10.0, 20.0, 40.0, 60.0, 60.0] == rests
    now += 60.0
    assert told.call(now, ok=True)
    told.fail(4, now=now)
    assert 5.0 == told.breaker.retry_after(now)


def test_a_grown_cooldown_is_jittered_downwards() -> None:
    told = Told(POLICY, iter([0.5, 1.0]))
    told.fail(4, now=100.0)
    told.call(105.0, ok=False)
    assert 9.5 == told.breaker.retry_after(105.0)


def test_a_cancelled_probe_gives_its_permit_back_and_is_no_verdict() -> None:
    told = Told(POLICY)
    told.fail(4, now=100.0)
    assert told.call(105.0, ok=None)
    assert told.call(105.1, ok=True)
    assert ["open", "half-open", "closed"] == [after for _, after in told.changes]


def test_cancellations_open_nothing() -> None:
    told = Told(POLICY)
    for _ in range(100):
        told.call(100.0, ok=None)
    assert ("closed", 0) == (told.breaker.state, told.breaker.calls)


def test_a_verdict_from_before_the_last_change_is_stale() -> None:
    told = Told(POLICY)
    early = told.breaker.admit(100.0)
    assert early is not None
    told.fail(4, now=100.0)
    probe = told.breaker.admit(105.0)
    told.breaker.record(early, ok=True, slow=False, now=105.1)
    assert ("half-open", None) == (told.breaker.state, told.breaker.admit(105.1))
    assert probe is not None
    told.breaker.record(probe, ok=False, slow=False, now=105.2)
    told.breaker.record(early, ok=False, slow=False, now=105.3)
    assert ["open", "half-open", "open"] == [after for _, after in told.changes]


def test_a_probe_that_never_comes_back_does_not_hold_its_permit_for_ever() -> None:
    told = Told(POLICY)
    told.fail(4, now=100.0)
    lost = told.breaker.admit(105.0)
    assert lost is not None
    assert told.breaker.admit(109.9) is None
    fresh = told.breaker.admit(110.0)
    assert fresh is not None
    told.breaker.record(lost, ok=False, slow=False, now=110.1)
    told.breaker.record(fresh, ok=True, slow=False, now=110.2)
    assert "closed" == told.breaker.state


def test_a_random_walk_never_sticks_open_and_counts_right() -> None:
    chance = random.Random(7)
    told = Told(POLICY)
    now, pending = 100.0, list[int]()
    for _ in range(20_000):
        now += chance.random()
        if chance.random() < 0.5 and (permit := told.breaker.admit(now)) is not None:
            pending.append(permit)
        elif pending:
            ok = chance.choice([True, False, None])
            told.breaker.record(pending.pop(chance.randrange(len(pending))), ok=ok, slow=False, now=now)
        assert 0 <= told.breaker.failure_rate <= 1
    assert told.call(now + 1000.0, ok=True)
    assert {"open", "half-open", "closed"} == {after for _, after in told.changes}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *[(status, True) for status in (200, 302, 401, 404, 501, 505)],
        *[(status, None) for status in (408, 429)],
        *[(status, False) for status in (500, 502, 503, 504)],
    ],
)
def test_a_verdict_is_about_the_upstreams_health_and_nothing_else(status: int, expected: bool | None) -> None:
    assert expected is verdict(status)
