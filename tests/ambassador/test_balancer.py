"""Which of several addresses is chosen, decided without a clock and without waiting."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import LoadBalancing
from bff.ambassador._balancer import LeastRequest, PeakEwma, RandomChoice, RoundRobin, new_balancer
from bff.ambassador._member import Member
from bff.policy._balancing import Algorithm

ALGORITHMS: list[Algorithm] = ["least_request", "peak_ewma", "round_robin", "random"]


def members(*weights: float) -> list[Member]:
    return [Member(name, weight=weight) for name, weight in zip("abcdefgh", weights, strict=False)]


def drawn(*values: float) -> Callable[[], float]:
    """Return chance that comes out as said."""
    rest: Iterator[float] = iter(values)
    return lambda: next(rest)


def always(value: float) -> Callable[[], float]:
    """Return chance that comes out the same every time."""
    return lambda: value


def shares(pick: Callable[[], Member], *, of: int) -> dict[str, float]:
    counts = Counter(pick().origin for _ in range(of))
    return {name: count / of for name, count in sorted(counts.items())}


def names(among: Sequence[Member], picks: Sequence[Member]) -> str:
    assert set(picks) <= set(among)
    return "".join(member.origin for member in picks)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_takes_the_only_one_there_is(algorithm: Algorithm) -> None:
    (only,) = members(1)
    balancer = new_balancer(LoadBalancing(algorithm), random=random.Random(1).random)
    assert [only] * 3 == [balancer.pick([only], 0.0) for _ in range(3)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("count", [2, 3, 5])
def test_equal_addresses_get_equal_shares(algorithm: Algorithm, count: int) -> None:
    among = members(*[1.0] * count)
    balancer = new_balancer(LoadBalancing(algorithm), random=random.Random(7).random)
    got = shares(lambda: balancer.pick(among, 0.0), of=6000)
    assert {member.origin: pytest.approx(1 / count, abs=0.03) for member in among} == got


@pytest.mark.parametrize("algorithm", ["least_request", "round_robin", "random"])
def test_weights_are_shares_of_the_load(algorithm: Algorithm) -> None:
    among = members(3, 1, 1)
    policy = LoadBalancing(algorithm, weights={"http://a": 3})
    balancer = new_balancer(policy, random=random.Random(7).random)
    got = shares(lambda: balancer.pick(among, 0.0), of=6000)
    assert {
        "a": pytest.approx(0.6, abs=0.03),
        "b": pytest.approx(0.2, abs=0.03),
        "c": pytest.approx(0.2, abs=0.03),
    } == got


def test_two_draws_are_never_of_the_same_address_and_all_pairs_are_as_likely() -> None:
    """The busier of a pair is never taken, so with one idle address out of three it gets two thirds of the picks."""
    for count in (2, 3, 4, 7):
        among = members(*[1.0] * count)
        pairs = count * (count - 1)
        picked: Counter[str] = Counter()
        for draw in range(pairs):
            balancer = LeastRequest(random=always((draw + 0.5) / pairs))
            for idle in among:
                for member in among:
                    member.active = member is not idle
                picked[balancer.pick(among, 0.0).origin] += 1
        # Of every pair each one is the first once; an idle one wins wherever it is drawn, two of `count` times.
        wins = pairs * 2 // count
        others = (pairs - wins) * count // count
        assert {member.origin: wins + others for member in among} == dict(picked)


def test_least_request_takes_the_less_busy_of_two_and_the_first_where_they_are_equal() -> None:
    among = members(1, 1)
    first_then_second, second_then_first = 0.0, 0.5
    among[0].active = 1
    assert "bb" == names(
        among,
        [LeastRequest(random=drawn(draw)).pick(among, 0.0) for draw in (first_then_second, second_then_first)],
    )
    among[0].active = 0
    assert "ab" == names(
        among,
        [LeastRequest(random=drawn(draw)).pick(among, 0.0) for draw in (first_then_second, second_then_first)],
    )


def test_a_heavier_address_gets_fewer_tries_the_busier_it_is() -> None:
    """With one more under way than the light one, an address of weight 2 has a weight of 1: turns are even."""
    among = members(2, 1)
    among[0].active = 1
    balancer = LeastRequest(random=drawn(), is_weighted=True)
    assert "abababab" == names(among, [balancer.pick(among, 0.0) for _ in range(8)])
    among[0].active = 0
    assert 6 == sum(balancer.pick(among, 0.0) is among[0] for _ in range(9))


def test_round_robin_spreads_the_turns_of_a_heavy_address_as_nginx_does() -> None:
    """The sequence in the message of nginx's commit: weights of 5, 1 and 1."""
    among = members(5, 1, 1)
    assert "aabacaa" * 2 == names(among, [RoundRobin().pick(among, 0.0) for _ in range(14)])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_in_one_round_of_turns_every_address_gets_exactly_its_weight(weights: list[int]) -> None:
    among = members(*map(float, weights))
    balancer = RoundRobin()
    for _ in range(3):
        counts = Counter(balancer.pick(among, 0.0) for _ in range(sum(weights)))
        assert weights == [counts[member] for member in among]


@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True))
def test_a_random_choice_is_where_the_point_falls_on_the_line_of_weights(weights: list[float], point: float) -> None:
    among = members(*weights)
    picked = among.index(RandomChoice(random=always(point)).pick(among, 0.0))
    at, total = point * sum(weights), sum(weights)
    slack = 1e-9 * total
    assert sum(weights[:picked]) - slack <= at <= sum(weights[: picked + 1]) + slack


def test_a_point_past_the_last_weight_falls_on_the_last_address() -> None:
    among = members(0.1, 0.2, 0.3)
    assert among[-1] is RandomChoice(random=always(1.0)).pick(among, 0.0)


def cost_after(*observed: tuple[float, float]) -> float:
    """Return the average after latencies that ended at these times, in seconds."""
    (member,) = members(1)
    balancer = PeakEwma(random=drawn())
    for took, now in observed:
        balancer.observe(member, took, now)
    return member.cost


def test_a_new_peak_is_taken_at_once_and_forgotten_slowly() -> None:
    assert 2.0 == cost_after((0.1, 1.0), (2.0, 1.0))
    assert pytest.approx(2.0 * exp(-1) + 0.1 * (1 - exp(-1))) == cost_after((2.0, 1.0), (0.1, 11.0))
    assert 2.0 == cost_after((2.0, 1.0), (0.1, 1.0))
    assert 2.0 == cost_after((2.0, 5.0), (0.1, 1.0))  # a clock that went back forgets nothing
    assert 0.1 == pytest.approx(cost_after((2.0, 1.0), (0.1, 1001.0)))


def test_peak_ewma_takes_the_one_that_should_answer_sooner() -> None:
    among = members(1, 1)
    quick, slow = among
    balancer = PeakEwma(random=always(0.5))  # the second is drawn first
    balancer.observe(quick, 0.1, 0.0)
    balancer.observe(slow, 0.3, 0.0)
    assert quick is balancer.pick(among, 0.0)
    quick.active = 1
    assert quick is balancer.pick(among, 0.0)
    quick.active = 2  # three at 0.1 s, one at 0.3 s: even, and the first drawn stays
    assert slow is balancer.pick(among, 0.0)
    quick.weight = 2.0
    assert quick is balancer.pick(among, 0.0)


def test_of_an_unknown_address_one_try_finds_out_and_no_second_one_goes_there_meanwhile() -> None:
    among = members(1, 1)
    unknown, known = among
    balancer = PeakEwma(random=always(0.0))
    known.active = 100
    balancer.observe(known, 30.0, 0.0)
    assert unknown is balancer.pick(among, 0.0)
    unknown.active = 1
    assert known is balancer.pick(among, 0.0)


def test_what_is_known_fades_while_nobody_asks_as_it_does_where_somebody_does() -> None:
    among = members(1, 1)
    balancer = PeakEwma(random=always(0.0))
    for member in among:
        balancer.observe(member, 1.0, 0.0)
    for now in (1.0, 2.0, 10.0):
        balancer.pick(among, now)
    assert [pytest.approx(exp(-1))] * 2 == [member.cost for member in among]


class Naive:
    """Finagle's `PeakEwma.Metric`, line by line."""

    def __init__(self) -> None:
        self.stamp = self.cost = 0.0
        self.pending = 0

    def observe(self, rtt: float, now: float) -> None:
        w = exp(-max(now - self.stamp, 0) / 10)
        self.cost = rtt if rtt > self.cost else self.cost * w + rtt * (1 - w)
        self.stamp = now

    def rate(self, now: float) -> float:
        self.observe(0.0, now)
        return 1e12 + self.pending if self.cost == 0 and self.pending else self.cost * (self.pending + 1)


steps = st.lists(st.tuples(st.floats(0, 5), st.integers(0, 5), st.booleans(), st.floats(0.001, 3)), max_size=60)


@given(steps)
def test_peak_ewma_does_what_finagles_does(walk: list[tuple[float, int, bool, float]]) -> None:
    """A step: time passes, two of three are drawn, the one that is taken keeps its try or ends it."""
    among, models, now = members(1, 1, 1), [Naive(), Naive(), Naive()], 0.0
    for passed, draw, ends, took in walk:
        now += passed
        i, j = [(a, (a + apart) % 3) for apart in (1, 2) for a in range(3)][draw]
        picked = among.index(PeakEwma(random=always((draw + 0.5) / 6)).pick(among, now))
        # Both are read, in the order in which the second one is compared with the first.
        second, first = models[j].rate(now), models[i].rate(now)
        assert (j if second < first else i) == picked
        among[picked].active += 1
        models[picked].pending += 1
        if ends:
            among[picked].active -= 1
            models[picked].pending -= 1
            PeakEwma(random=drawn()).observe(among[picked], took, now)
            models[picked].observe(took, now)
        assert [model.cost for model in models] == [member.cost for member in among]
