"""The moving quantile, number by number."""

import random
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.ambassador._quantile import MovingQuantile

NUMBERS = st.lists(st.integers(0, 12).map(float), max_size=30)


def by_the_book(quantile: float, warm_up: int, numbers: list[float]) -> float | None:
    """Estimate from the start: a step of a hundredth of the spread, in the proportion that balances at `quantile`."""
    if len(numbers) < warm_up:
        return None
    first = sorted(numbers[:warm_up])
    estimate = first[floor(quantile * warm_up)]
    spread = sum(abs(number - estimate) for number in first) / warm_up
    for number in numbers[warm_up:]:
        spread = 0.96 * spread + 0.04 * abs(number - estimate)
        estimate += -0.01 * spread / quantile if number < estimate else 0.01 * spread / (1 - quantile)
    return estimate


@given(st.sampled_from((0.25, 0.5, 0.9, 0.95)), st.integers(1, 12), NUMBERS)
def test_each_number_moves_the_estimate_as_the_rule_says(quantile: float, warm_up: int, numbers: list[float]) -> None:
    moving = MovingQuantile(quantile, warm_up=warm_up)
    for count, number in enumerate(numbers, 1):
        estimate = moving.add(number)
        assert estimate is moving.value
        expected = by_the_book(quantile, warm_up, numbers[:count])
        assert expected is estimate is None or pytest.approx(expected) == estimate


@given(st.permutations([float(number) for number in range(20)]))
def test_it_begins_exactly_in_whatever_order_the_first_come(numbers: list[float]) -> None:
    moving = MovingQuantile(0.9, warm_up=20)
    for number in numbers:
        assert moving.value is None
        moving.add(number)
    assert (18.0, []) == (moving.value, moving._first)  # and keeps none of them


def test_numbers_that_are_all_the_same_are_their_own_quantile() -> None:
    moving = MovingQuantile(0.95, warm_up=3)
    for _ in range(100):
        moving.add(0.25)
    assert 0.25 == moving.value


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95])
def test_the_share_that_it_is_for_stays_below_it_and_it_finds_its_way_back_from_afar(quantile: float) -> None:
    chance = random.Random(3)
    moving = MovingQuantile(quantile, warm_up=50)
    for scale in (1.0, 20.0, 0.1):
        below = 0
        for number in range(8000):
            value, latency = moving.value, scale * chance.expovariate(1.0)
            below += number >= 4000 and value is not None and latency < value
            moving.add(latency)
        assert quantile == pytest.approx(below / 4000, abs=0.03)
