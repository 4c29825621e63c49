"""The bucket of a rate limit, held against fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import RateLimit
from bff.ambassador._rate import Rate


@pytest.mark.parametrize(
    ("per_second", "burst", "expected"), [(3.0, None, 3), (0.5, None, 1), (1.5, None, 1), (2.0, 5, 5)]
)
def test_a_full_bucket_holds_the_burst_or_one_second_or_one_token(
    per_second: float, burst: int | None, expected: int
) -> None:
    rate = Rate(RateLimit(per_second, burst))
    taken = [rate.take(0.0) for _ in range(expected + 1)]
    assert [None] * expected == taken[:-1]
    assert taken[-1] is not None


def test_who_comes_too_early_is_told_when_not_to() -> None:
    rate = Rate(RateLimit(4.0, 1))
    assert rate.take(100.0) is None
    assert 0.25 == rate.take(100.0)
    assert 0.125 == rate.take(100.125)
    assert rate.take(100.25) is None
    assert 0.25 == rate.take(100.25)


@pytest.mark.parametrize("behind", [0.0, 0.5, 50.0])
def test_a_clock_that_is_behind_neither_gives_nor_takes(behind: float) -> None:
    """Another loop has another clock."""
    rate = Rate(RateLimit(4.0, 3))
    assert [None, None, None] == [rate.take(100.0) for _ in range(3)]
    assert 0.0 == rate.tokens(100.0 - behind)
    assert 0.25 == rate.take(100.0 - behind)
    assert 1.0 == rate.tokens(100.25 - behind)
    assert rate.take(100.25 - behind) is None


def test_asking_how_many_may_pass_takes_none() -> None:
    rate = Rate(RateLimit(2.0, 3))
    assert [3.0, 3.0] == [rate.tokens(now) for now in (0.0, 10.0)]
    assert rate.take(10.0) is None
    assert [2.0, 2.5, 3.0, 3.0] == [rate.tokens(now) for now in (10.0, 10.25, 10.5, 20.0)]


@given(
    st.sampled_from((0.25, 0.5, 1.0, 2.0, 8.0)),
    st.none() | st.integers(1, 4),
    st.lists(st.integers(0, 64).map(lambda number: number**2 / 512)),
)
def test_it_is_plain_arithmetic(per_second: float, burst: int | None, gaps: list[float]) -> None:
    rate = Rate(RateLimit(per_second, burst))
    most = Fraction(max(per_second, 1.0)) if burst is None else Fraction(burst)
    tokens, now = most, 0.0
    for gap in gaps:
        now += gap
        tokens = min(tokens + Fraction(gap) * Fraction(per_second), most)
        assert tokens == rate.tokens(now)
        expected = None if tokens >= 1 else (1 - tokens) / Fraction(per_second)
        tokens -= tokens >= 1
        assert expected == rate.take(now)
        assert tokens == rate.tokens(now)


@given(st.lists(st.floats(0, 2), min_size=1), st.floats(0.1, 50), st.integers(1, 5))
def test_no_stretch_of_time_lets_more_through_than_the_rate_and_the_burst(
    gaps: list[float], per_second: float, burst: int
) -> None:
    rate = Rate(RateLimit(per_second, burst))
    now, passed = 0.0, list[float]()
    for gap in gaps:
        now += gap
        while rate.take(now) is None:
            passed.append(now)
    for index, end in enumerate(passed):
        for earlier, begin in enumerate(passed[: index + 1]):
            assert index - earlier + 1 <= burst + (end - begin) * per_second + 1e-6
