"""The budget that caps what retries add to the load."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import RetryBudget
from bff.ambassador._budget import Budget

EIGHTHS = st.integers(0, 8).map(lambda count: count / 8)  # so that sums of floats are exact


def test_it_starts_full() -> None:
    budget = Budget(RetryBudget(0.2, burst=3))
    assert 3.0 == budget.tokens
    assert [True, True, True, False] == [budget.withdraw() for _ in range(4)]


def test_a_call_earns_its_share_of_a_retry() -> None:
    budget = Budget(RetryBudget(0.25, burst=1))
    assert budget.withdraw()
    granted: list[bool] = []
    for _ in range(8):
        budget.deposit()
        granted.append(budget.withdraw())
    assert [False, False, False, True] * 2 == granted


def test_a_refusal_takes_nothing() -> None:
    budget = Budget(RetryBudget(0.5, burst=1.5))
    assert [True, False, False] == [budget.withdraw() for _ in range(3)]
    assert 0.5 == budget.tokens


@pytest.mark.parametrize(("burst", "expected"), [(0, False), (0.5, False), (1, True), (1.5, True), (2, True)])
def test_there_is_a_token_where_a_retry_would_be_granted(burst: float, expected: bool) -> None:
    budget = Budget(RetryBudget(burst=burst))
    assert expected is budget.has_token()
    assert float(burst) == budget.tokens
    assert expected is budget.withdraw()


@given(EIGHTHS, st.integers(0, 24).map(lambda count: count / 8), st.lists(st.sampled_from(["call", "retry"])))
def test_it_is_plain_arithmetic(ratio: float, burst: float, steps: list[str]) -> None:
    budget, tokens = Budget(RetryBudget(ratio, burst=burst)), Fraction(burst)
    for step in steps:
        if step == "call":
            budget.deposit()
            tokens = min(tokens + Fraction(ratio), Fraction(burst))
        else:
            assert (tokens >= 1) is budget.has_token() is budget.withdraw()
            tokens -= tokens >= 1
        assert tokens == budget.tokens


@given(st.floats(0, 1), st.integers(0, 20), st.integers(0, 100))
def test_retries_never_add_more_than_the_ratio_and_the_burst(ratio: float, burst: int, calls: int) -> None:
    """Whoever retries as often as is granted: the load grows by `1 + ratio`, and once by `burst`."""
    budget = Budget(RetryBudget(ratio, burst=burst))
    granted = 0
    for _ in range(calls):
        budget.deposit()
        while budget.withdraw():
            granted += 1
    assert granted <= calls * ratio + burst + 1e-6
