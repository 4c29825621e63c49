"""The four ways to choose an address, against what they are said to do."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations
from math import exp
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import LoadBalancing
from bff.ambassador._balancer import Balancer, LeastRequest, PeakEwma, RandomChoice, RoundRobin, new_balancer
from bff.ambassador._member import Member

ACTIVE = st.lists(st.integers(0, 3), min_size=1, max_size=6)


def members_of(*weights: float) -> list[Member]:
    return [Member(name, weight=weight) for name, weight in zip("abcdefgh", weights, strict=False)]


def names(balancer: Balancer, members: Sequence[Member], count: int) -> str:
    return "".join(balancer.pick(members, 0.0).origin for _ in range(count))


def every_draw(
    new: Callable[[Callable[[], float]], Balancer], members: Sequence[Member], now: float = 0.0
) -> Counter[str]:
    """Count who is picked when chance gives each pair once."""
    pairs = len(members) * (len(members) - 1) or 1
    draws = iter([(number + 0.5) / pairs for number in range(pairs)])
    balancer = new(lambda: next(draws))
    return Counter(balancer.pick(members, now).origin for _ in range(pairs))


def best_of_pairs(members: Sequence[Member], load: Callable[[Member], float]) -> Counter[str]:
    pairs = list(permutations(members, 2)) or [(members[0], members[0])]
    return Counter(min(pair, key=load).origin for pair in pairs)


@given(ACTIVE)
def test_least_request_takes_the_less_busy_of_each_pair(active: list[int]) -> None:
    members = members_of(*[1.0] * len(active))
    for member, count in zip(members, active, strict=True):
        member.active = count
    expected = best_of_pairs(members, lambda member: member.active)
    assert expected == every_draw(lambda random: LeastRequest(random=random), members)


def test_least_request_takes_turns_where_weights_differ_and_the_busy_come_less_often() -> None:
    members = members_of(4.0, 2.0)
    balancer = LeastRequest(random=lambda: 0.0, is_weighted=True)
    assert "abaaba" == names(balancer, members, 6)
    members = members_of(4.0, 2.0)
    members[0].active = 3
    assert "babbab" == names(balancer, members, 6)


def test_the_only_one_is_taken_by_all_of_them() -> None:
    def no_chance() -> float:
        raise AssertionError("there is nothing to draw")

    (member,) = members_of(2.0)
    member.active = 1
    balancers: list[Balancer] = [
        LeastRequest(random=no_chance),
        LeastRequest(random=no_chance, is_weighted=True),
        PeakEwma(random=no_chance),
    ]
    assert [member] * 3 == [balancer.pick([member], 0.0) for balancer in balancers]
    assert (0.0, 0.0) == (member.turn, member.cost)
    assert member is RoundRobin().pick([member], 0.0)
    assert member is RandomChoice(random=lambda: 0.5).pick([member], 0.0)


def test_an_average_takes_a_peak_at_once_and_forgets_it_within_ten_seconds() -> None:
    balancer, (member,) = PeakEwma(random=lambda: 0.0), members_of(1.0)
    balancer.observe(member, 3.0, 100.0)
    assert (3.0, 100.0) == (member.cost, member.seen_at)
    balancer.observe(member, 1.0, 105.0)
    assert pytest.approx(1 + 2 * exp(-0.5)) == member.cost
    assert 105.0 == member.seen_at
    balancer.observe(member, 0.0, 125.0)
    assert pytest.approx((1 + 2 * exp(-0.5)) * exp(-2)) == member.cost
    balancer.observe(member, 2.5, 125.0)
    assert 2.5 == member.cost


@pytest.mark.parametrize("now", [100.0, 99.5, 90.0])
def test_what_comes_at_the_same_time_or_late_moves_no_average_but_by_a_peak(now: float) -> None:
    balancer, (member,) = PeakEwma(random=lambda: 0.0), members_of(1.0)
    balancer.observe(member, 3.0, 100.0)
    balancer.observe(member, 1.0, now)
    assert 3.0 == member.cost
    balancer.observe(member, 4.0, now)
    assert 4.0 == member.cost


@given(
    st.lists(
        st.tuples(st.sampled_from((0.0, 0.5, 1.0, 2.0)), st.integers(0, 3), st.sampled_from((0.5, 1.0, 4.0))),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from((0.0, 5.0)),
)
def test_peak_ewma_takes_the_one_of_each_pair_that_should_answer_sooner(
    known: list[tuple[float, int, float]], passed: float
) -> None:
    members = members_of(*(weight for *_, weight in known))
    for number, (member, (cost, active, _)) in enumerate(zip(members, known, strict=True)):
        member.cost, member.active, member.seen_at = cost, active, 100.0 + number

    def load(member: Member) -> float:
        if member.cost == 0.0 and member.active:
            return 1e12 + member.active
        return member.cost * (member.active + 1) / member.weight

    now = 104.0 + passed
    costs = [member.cost * exp(-(now - member.seen_at) / 10) for member in members]
    kept = [
        Member(member.origin, "", member.weight, member.active, cost)
        for member, cost in zip(members, costs, strict=True)
    ]
    expected = best_of_pairs(kept, lambda member: round(load(member), 9))
    assert expected == every_draw(lambda random: PeakEwma(random=random), members, now)


def test_one_of_which_nothing_is_known_is_tried_once_before_it_has_to_wait_for_the_answer() -> None:
    members = members_of(1.0, 1.0)
    members[0].cost, members[0].active, members[0].seen_at = 1e6, 1000, 100.0
    balancer = PeakEwma(random=lambda: 0.0)
    assert "b" == balancer.pick(members, 100.0).origin
    members[1].active = 1
    assert "a" == balancer.pick(members, 100.0).origin
    members[0].cost, members[0].active = 0.0, 2
    assert "b" == balancer.pick(members, 100.0).origin


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1.0, 1.0, 1.0), "abcabcabc"),
        ((5.0, 1.0, 1.0), "aabacaaaabacaa"),  # the sequence that nginx made of it
        ((2.0, 1.0), "abaabaaba"),
        ((0.5, 0.5), "abab"),
    ],
)
def test_turns_are_taken_in_proportion_to_the_weights_evenly_spread(weights: tuple[float, ...], expected: str) -> None:
    members = members_of(*weights)
    assert expected == names(RoundRobin(), members, len(expected))
    if len(expected) % sum(weights) == 0:
        assert [0.0] * len(weights) == [member.turn for member in members]


def test_who_begins_with_some_credit_comes_first() -> None:
    members = members_of(1.0, 1.0, 1.0)
    members[1].turn = 0.5
    assert "bacbac" == names(RoundRobin(), members, 6)


@pytest.mark.parametrize(
    ("chance", "expected"),
    [(0.0, "a"), (0.249, "a"), (0.25, "b"), (0.749, "b"), (0.75, "c"), (0.999, "c"), (1.0, "c")],
)
def test_chance_draws_in_proportion_to_the_weights(chance: float, expected: str) -> None:
    assert expected == RandomChoice(random=lambda: chance).pick(members_of(1.0, 2.0, 1.0), 0.0).origin


def test_each_algorithm_has_its_name() -> None:
    kinds = {
        name: new_balancer(LoadBalancing(name), random=lambda: 0.0)
        for name in ("least_request", "peak_ewma", "round_robin", "random")
    }
    assert [LeastRequest, PeakEwma, RoundRobin, RandomChoice] == [type(kind) for kind in kinds.values()]
    assert ["peak_ewma"] == [name for name, kind in kinds.items() if kind.is_timed]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [({}, "aaaa"), ({"a": 1.0, "b": 1.0}, "aaaa"), ({"b": 2.0}, "babb"), ({"a": 2.0, "b": 2.0}, "baba")],
)
def test_least_request_weighs_where_any_weight_is_not_one(weights: dict[str, float], expected: str) -> None:
    balancer = new_balancer(LoadBalancing("least_request", weights=weights), random=lambda: 0.0)
    members = members_of(weights.get("a", 1.0), weights.get("b", 1.0))
    members[0].turn = -0.5
    assert expected == names(balancer, members, 4)


@pytest.mark.parametrize("algorithm", ["least_request", "peak_ewma", "random"])
def test_the_chance_that_is_given_is_the_one_that_is_asked(
    algorithm: Literal["least_request", "peak_ewma", "random"],
) -> None:
    draws = iter([0.1, 0.9])
    balancer = new_balancer(LoadBalancing(algorithm), random=lambda: next(draws))
    assert "ab" == names(balancer, members_of(1.0, 1.0), 2)
