"""The moving quantile: near the exact one where nothing changes, and soon near it again where something does."""

import random
from bisect import bisect_left
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.ambassador._quantile import MovingQuantile

QUANTILES = [0.5, 0.9, 0.95, 0.99]
Stream = Callable[[random.Random], float]
STREAMS: dict[str, Stream] = {
    "even": lambda chance: chance.uniform(0.02, 0.03),
    "exponential": lambda chance: chance.expovariate(100),
    "long-tailed": lambda chance: 0.01 * chance.lognormvariate(0, 1),
    "two humps": lambda chance: chance.uniform(0.01, 0.012) if chance.random() < 0.8 else chance.uniform(0.1, 0.2),
}


def moved(quantile: float, *, warm_up: int = 50) -> MovingQuantile:
    return MovingQuantile(quantile, warm_up=warm_up)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("quantile", QUANTILES)
@given(seed=st.integers(0, 2**32))
def test_what_does_not_change_is_known(name: str, quantile: float, seed: int) -> None:
    """Mean error over a thousand numbers, as a share of the numbers and not in seconds, which a tail makes any size."""
    chance, estimate = random.Random(seed), moved(quantile)
    exact = sorted(STREAMS[name](chance) for _ in range(5000))
    for _ in range(500):
        estimate.add(STREAMS[name](chance))
    shares = [bisect_left(exact, estimate.add(STREAMS[name](chance)) or 0.0) / len(exact) for _ in range(1000)]
    assert abs(sum(shares) / len(shares) - quantile) < 0.1


@pytest.mark.parametrize("factor", [0.05, 0.2, 5.0, 20.0])
@pytest.mark.parametrize("quantile", QUANTILES)
@given(seed=st.integers(0, 2**32))
def test_what_has_changed_is_known_again_after_a_few_hundred(quantile: float, factor: float, seed: int) -> None:
    chance, estimate = random.Random(seed), moved(quantile)
    for _ in range(500):
        estimate.add(chance.uniform(0.02, 0.03))
    for _ in range(700):
        estimate.add(factor * chance.uniform(0.02, 0.03))
    exact = factor * (0.02 + 0.01 * quantile)
    assert exact == pytest.approx(estimate.value, rel=0.25)


@given(
    st.sampled_from(QUANTILES),
    st.lists(st.floats(0.001, 1000.0), min_size=20, max_size=200),
)
def test_it_begins_with_the_exact_one_and_never_leaves_what_it_has_seen_by_much(
    quantile: float, numbers: list[float]
) -> None:
    estimate = moved(quantile, warm_up=20)
    values = [estimate.add(number) for number in numbers]
    assert [None] * 19 == values[:19]
    assert sorted(numbers[:20])[int(quantile * 20)] == values[19]
    least, most = min(numbers), max(numbers)
    assert all(least - (most - least) <= value <= most + (most - least) for value in values[19:] if value is not None)


def test_what_is_always_the_same_is_that() -> None:
    estimate = moved(0.95)
    for _ in range(500):
        estimate.add(0.125)
    assert 0.125 == estimate.value


def test_a_single_outlier_is_soon_forgotten() -> None:
    chance, estimate = random.Random(7), moved(0.95)
    for _ in range(200):
        estimate.add(chance.uniform(0.01, 0.011))
    before = estimate.value
    estimate.add(10.0)
    for _ in range(300):
        estimate.add(chance.uniform(0.01, 0.011))
    assert before == pytest.approx(estimate.value, rel=0.1)
