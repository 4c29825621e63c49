"""The circuit breaker: a pure core that is told the time."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_the_failure_rate_itself_is_enough() -> None:
    told = Told(POLICY)
    for ok in (True, True, False):
        told.call(100.0, ok=ok)
    assert "closed" == told.breaker.state
    told.fail(1, now=100.0)
    assert ("open", 0.5) == (told.breaker.state, told.breaker.failure_rate)


def test_a_success_opens_nothing_though_it_makes_the_calls_enough() -> None:
    told = Told(POLICY)
    told.fail(3, now=100.0)
    told.call(100.0, ok=True)
    assert ("closed", 4, 0.75) == (told.breaker.state, told.breaker.calls, told.breaker.failure_rate)
    told.fail(1, now=100.0)
    assert "open" == told.breaker.state


def test_one_that_was_never_asked_has_nothing_to_tell() -> None:
    breaker = Told(POLICY).breaker
    assert ("closed", 0, 0.0, 0.0) == (breaker.state, breaker.calls, breaker.failure_rate, breaker.retry_after(0.0))


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


STEPS = st.tuples(
    st.integers(0, 44).map(lambda number: number**3 // 44**2),
    st.sampled_from((True, True, True, False)),
    st.sampled_from((False, False, False, True)),
)
"""Eighths of a window's tenth that pass before a call, mostly few; whether it succeeds; whether it is slow."""


@given(
    st.sampled_from((0.25, 0.5, 1.0)),
    st.sampled_from((None, 0.25, 0.5, 1.0)),
    st.sampled_from((2.5, 10.0, 40.0)),
    st.integers(1, 12),
    st.lists(STEPS, max_size=60),
)
def test_counts_like_one_that_remembers_every_call(
    failure_rate: float, slow_rate: float | None, window: float, min_calls: int, steps: list[tuple[int, bool, bool]]
) -> None:
    slow_call = None if slow_rate is None else 1.0
    policy = CircuitBreaker(
        failure_rate, min_calls=min_calls, window=window, slow_call=slow_call, slow_rate=slow_rate or 1.0
    )
    told = Told(policy)
    eighths, remembered = 0, list[tuple[int, bool, bool]]()
    for passed, ok, slow in steps:
        eighths += passed
        remembered.append((eighths // 8, not ok, slow))
        told.call(eighths * window / 80, ok=ok, slow=slow)
        remembered = [call for call in remembered if call[0] > eighths // 8 - 10]
        calls, failed, slowed = (
            len(remembered),
            sum(call[1] for call in remembered),
            sum(call[2] for call in remembered),
        )
        is_bad = failed >= failure_rate * calls or (slow_rate is not None and slowed >= slow_rate * calls)
        is_open = calls >= min_calls and is_bad and (slow or not ok)
        assert ("open" if is_open else "closed") == told.breaker.state
        assert (calls, failed / calls) == (told.breaker.calls, told.breaker.failure_rate)
        if is_open:
            break


def test_a_window_is_counted_by_tenths_of_it() -> None:
    told = Told(CircuitBreaker(1.0, min_calls=99, window=10.0))
    counts: list[int] = []
    for tenth in range(25):
        told.call(100.0 + tenth, ok=True)
        counts.append(told.breaker.calls)
    assert [*range(1, 10), *[10] * 16] == counts
    told.call(134.0, ok=True)
    assert 1 == told.breaker.calls


def test_failures_and_slow_calls_are_forgotten_with_their_tenth() -> None:
    told = Told(CircuitBreaker(min_calls=8, slow_call=1.0, slow_rate=0.5))
    for _ in range(3):
        told.call(100.0, ok=False)
    for _ in range(4):
        told.call(100.0, ok=True, slow=True)
    assert (7, round(3 / 7, 3)) == (told.breaker.calls, round(told.breaker.failure_rate, 3))
    for _ in range(7):
        told.call(110.0, ok=True)
    told.call(110.0, ok=True, slow=True)
    assert ("closed", 8, 0.0) == (told.breaker.state, told.breaker.calls, told.breaker.failure_rate)


def test_after_a_long_silence_there_is_no_more_to_forget_than_a_window() -> None:
    """It would take minutes to turn over every tenth of a second that passed in these years."""
    told = Told(CircuitBreaker(min_calls=2, window=1.0))
    told.fail(1, now=1.0)
    told.fail(1, now=1e9)
    assert ("closed", 1) == (told.breaker.state, told.breaker.calls)


def test_slow_is_nothing_where_no_one_said_what_slow_is() -> None:
    told = Told(POLICY)
    for _ in range(20):
        told.call(100.0, ok=True, slow=True)
    assert "closed" == told.breaker.state
    told.fail(20, now=100.0)
    assert told.call(105.0, ok=True, slow=True)
    assert "closed" == told.breaker.state


def test_a_slow_probe_fails_where_slow_counts_and_a_quick_one_does_not() -> None:
    told = Told(CircuitBreaker(min_calls=4, slow_call=1.0, cooldown=5.0))
    told.fail(4, now=100.0)
    assert told.call(105.0, ok=True, slow=True)
    assert ("open", 10.0) == (told.breaker.state, told.breaker.retry_after(105.0))
    assert told.call(115.0, ok=True)
    assert "closed" == told.breaker.state


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
    told = Told(CircuitBreaker(min_calls=4, probes=3, cooldown=5.0))
    told.fail(4, now=100.0)
    permits = [permit for _ in range(50) if (permit := told.breaker.admit(105.0)) is not None]
    assert 3 == len(permits)
    for permit in permits:
        assert "half-open" == told.breaker.state
        told.breaker.record(permit, ok=True, slow=False, now=105.1)
    assert "closed" == told.breaker.state


def test_probes_that_passed_are_not_asked_for_again() -> None:
    told = Told(CircuitBreaker(min_calls=4, probes=3, cooldown=5.0))
    told.fail(4, now=100.0)
    assert told.call(105.0, ok=True)
    permits = [told.breaker.admit(105.0) for _ in range(50)]
    assert 2 == sum(permit is not None for permit in permits)


def test_a_cancelled_probe_gives_back_no_more_than_its_own_permit() -> None:
    told = Told(CircuitBreaker(min_calls=4, probes=2, cooldown=5.0))
    told.fail(4, now=100.0)
    permits = [told.breaker.admit(105.0) for _ in range(2)]
    assert permits[0] is not None
    told.breaker.record(permits[0], ok=None, slow=False, now=105.0)
    permits = [told.breaker.admit(105.0) for _ in range(50)]
    assert 1 == sum(permit is not None for permit in permits)


def test_probes_of_an_earlier_attempt_neither_count_nor_stand_in_the_way() -> None:
    told = Told(CircuitBreaker(min_calls=4, probes=2, cooldown=5.0))
    told.fail(4, now=100.0)
    assert told.call(105.0, ok=True)
    early = told.breaker.admit(105.0)
    assert early is not None
    told.breaker.record(early, ok=False, slow=False, now=105.0)
    permits = [permit for _ in range(50) if (permit := told.breaker.admit(115.0)) is not None]
    assert 2 == len(permits)
    states: list[State] = []
    for permit in (early, *permits):
        told.breaker.record(permit, ok=True, slow=False, now=115.0)
        states.append(told.breaker.state)
    assert ["half-open", "half-open", "closed"] == states


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
    assert told.breaker.admit(110.1) is None
    told.breaker.record(fresh, ok=True, slow=False, now=110.2)
    assert ["open", "half-open", "closed"] == [after for _, after in told.changes]


def test_one_that_closed_begins_a_new_window() -> None:
    told = Told(POLICY)
    told.fail(4, now=103.0)
    assert told.call(108.0, ok=True)
    told.fail(3, now=108.0)
    assert ("closed", 3) == (told.breaker.state, told.breaker.calls)
    told.call(117.0, ok=True)
    assert 4 == told.breaker.calls
    told.call(118.0, ok=True)
    assert 2 == told.breaker.calls


def test_what_is_counted_as_soon_as_one_closed_is_forgotten_in_time_too() -> None:
    """It closes within the tenth in which it opened: what was counted before stands in a bucket of the same number."""
    told = Told(CircuitBreaker(min_calls=4, window=100.0, cooldown=5.0))
    told.fail(4, now=100.0)
    assert told.call(105.0, ok=True)
    told.fail(3, now=105.0)
    told.call(199.0, ok=True)
    assert 4 == told.breaker.calls
    told.call(200.0, ok=True)
    assert 2 == told.breaker.calls


def test_asking_again_makes_sense_at_once_when_the_cooldown_is_over() -> None:
    told = Told(POLICY)
    told.fail(4, now=100.0)
    assert [5.0, 0.0, 0.0] == [told.breaker.retry_after(now) for now in (100.0, 105.0, 200.0)]


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
