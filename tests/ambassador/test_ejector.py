"""Which addresses are left out for a while, decided without a clock and without waiting."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import OutlierDetection
from bff.ambassador._ejector import Ejector
from bff.ambassador._member import Member

NEVER: dict[str, Any] = {
    "consecutive_5xx": None,
    "consecutive_gateway": None,
    "consecutive_local": None,
    "failure_rate": None,
}
WELL = 200


def ejector(*, chance: float = 0.0, **policy: Any) -> Ejector:
    return Ejector(OutlierDetection(**policy), random=lambda: chance)


def members(count: int) -> list[Member]:
    return [Member(name) for name in "abcdefghij"[:count]]


def fed(judge: Ejector, *statuses: int | None, member: Member | None = None, every: float = 0.0) -> list[str | None]:
    """Return what the ejector says to each outcome of one member; 200 is an answer that speaks for it."""
    one, now, said = member or Member("a"), 0.0, list[str | None]()
    for status in statuses:
        if status == WELL:
            judge.pardon(one)
            one.calls += 1
            said.append(None)
        else:
            said.append(judge.blame(one, status, now))
        now += every
    return said


@pytest.mark.parametrize(
    ("policy", "statuses", "expected"),
    [
        ({"consecutive_5xx": 3}, [500, 500, 500], "5xx"),
        ({"consecutive_5xx": 3}, [500, 502, 503], "5xx"),
        ({"consecutive_5xx": 3}, [500, 500, WELL, 500, 500], None),
        ({"consecutive_5xx": 3}, [500, 500, None, 500], "5xx"),
        ({"consecutive_5xx": 3}, [None] * 9, None),
        ({"consecutive_gateway": 3}, [502, 503, 504], "gateway"),
        ({"consecutive_gateway": 3}, [502, 503, 500, 504], None),
        ({"consecutive_gateway": 3}, [502, 503, None, 504], "gateway"),
        ({"consecutive_gateway": 3}, [500] * 9, None),
        ({"consecutive_local": 3}, [None] * 3, "local"),
        ({"consecutive_local": 3}, [None, None, WELL, None], None),
        ({"consecutive_local": 3}, [None, None, 500, None], None),
        ({"consecutive_local": 3}, [500] * 9, None),
        ({"consecutive_gateway": 3, "consecutive_5xx": 3}, [503] * 3, "gateway"),
    ],
)
def test_failures_in_a_row_are_counted_apart_by_kind(
    policy: dict[str, int], statuses: list[int | None], expected: str | None
) -> None:
    *before, last = fed(ejector(**{**NEVER, **policy}), *statuses)
    assert ([None] * len(before), expected) == (before, last)


def test_by_default_five_in_a_row_are_too_many() -> None:
    for status, cause in ((500, "5xx"), (503, "gateway"), (None, "local")):
        assert [None] * 4 + [cause] == fed(ejector(), *[status] * 5)


def test_a_share_of_failures_counts_within_an_interval_and_from_enough_tries_on() -> None:
    policy = {**NEVER, "failure_rate": 0.5, "min_calls": 6, "interval": 10.0}
    assert [None] * 5 + ["failure-rate"] == fed(ejector(**policy), 500, 200, None, 200, 200, 500)
    assert [None] * 6 == fed(ejector(**policy), 500, 200, 200, 200, 200, 500)
    # The first failure after the interval opens another one, in which only it has ended so far.
    assert [None] * 6 == fed(ejector(**policy), *[500] * 6, every=2.0)
    assert [None] * 5 + ["failure-rate"] == fed(ejector(**policy), *[500] * 6, every=1.9)


def test_without_a_policy_nothing_is_too_much() -> None:
    judge = Ejector(None, random=lambda: 0.0)
    assert {None} == set(fed(judge, *[None, 503] * 200))


def ejected(judge: Ejector, among: list[Member], now: float = 0.0) -> list[float | None]:
    return [judge.eject(member, among, now) for member in among]


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (1, 0.5, 0), (2, 0.5, 1), (3, 0.5, 1), (4, 0.5, 2), (5, 0.5, 2),
        (5, 0.0, 1), (10, 0.1, 1), (10, 0.3, 3), (3, 1.0, 3),
    ],
)  # fmt: skip
def test_at_most_a_share_is_out_at_once_but_always_one_of_several(count: int, share: float, expected: int) -> None:
    said = ejected(ejector(max_ejected=share), members(count))
    assert [30.0] * expected + [None] * (count - expected) == said


def test_an_address_that_is_out_is_not_ejected_again() -> None:
    judge, among = ejector(max_ejected=1.0), members(3)
    assert 30.0 == judge.eject(among[0], among, 0.0)
    assert None is judge.eject(among[0], among, 1.0)
    assert (30.0, 1) == (among[0].ejected_until, among[0].ejections)


def test_each_ejection_is_longer_up_to_a_cap_and_none_is_longer_by_chance() -> None:
    for chance, share in ((0.0, 1.0), (0.5, 0.95)):
        judge, (one, other), now = ejector(chance=chance, ejection=30.0, max_ejection=100.0), members(2), 0.0
        said: list[float] = []
        for _ in range(5):
            seconds = judge.eject(one, [one, other], now)
            assert seconds is not None
            said.append(seconds)
            now += seconds
            judge.settle([one, other], now)
        assert [pytest.approx(share * full) for full in (30, 60, 90, 100, 100)] == said


@pytest.mark.parametrize(("well", "expected"), [(0.0, 4), (9.9, 4), (10.0, 3), (25.0, 2), (30.0, 1), (1000.0, 1)])
def test_an_address_forgets_one_ejection_for_every_interval_that_it_was_well(well: float, expected: int) -> None:
    judge, (one, other) = ejector(interval=10.0), members(2)
    one.ejections, one.ejected_until = 3, 100.0
    judge.eject(one, [one, other], 100.0 + well)
    assert expected == one.ejections


def test_an_ejected_address_gets_no_tries_until_its_time_is_over_and_then_begins_anew() -> None:
    judge, among = ejector(), members(3)
    one = among[0]
    fed(judge, *[503] * 4, *[None] * 4, member=one)
    judge.eject(one, among, 0.0)
    out = judge.settle(among, 29.9)
    assert (among[1:], 30.0, False, []) == (out.usable, out.changes_at, out.is_panic, out.returned)
    back = judge.settle(among, 30.0)
    assert (among, inf, False, [one]) == (back.usable, back.changes_at, back.is_panic, back.returned)
    assert (0, 0, 0, 0, 0, False) == (
        one.calls, one.failed, one.in_a_row, one.gateway_in_a_row, one.local_in_a_row, one.is_troubled
    )  # fmt: skip
    assert [] == judge.settle(among, 30.0).returned


def test_where_too_few_are_left_health_is_ignored() -> None:
    judge, among = ejector(max_ejected=1.0, panic=0.5), members(4)
    for member in among[:2]:
        judge.eject(member, among, 0.0)
    assert among[2:] == judge.settle(among, 0.0).usable
    judge.eject(among[2], among, 5.0)
    panic = judge.settle(among, 5.0)
    assert (among, 30.0, True) == (panic.usable, panic.changes_at, panic.is_panic)
    over = judge.settle(among, 30.0)
    assert ([among[0], among[1], among[3]], False) == (over.usable, over.is_panic)


def test_without_a_panic_share_the_last_one_left_is_asked_and_none_left_is_panic() -> None:
    judge, among = ejector(max_ejected=1.0, panic=0.0), members(2)
    judge.eject(among[0], among, 0.0)
    assert ([among[1]], False) == (judge.settle(among, 0.0).usable, judge.settle(among, 0.0).is_panic)
    judge.eject(among[1], among, 0.0)
    assert (among, True) == (judge.settle(among, 0.0).usable, judge.settle(among, 0.0).is_panic)


def test_a_parked_address_gets_no_tries_until_the_time_that_it_asked_for() -> None:
    judge, among = ejector(), members(3)
    assert 7.0 == judge.park(among[0], 7.0, 100.0)
    standing = judge.settle(among, 106.9)
    assert (among[1:], 107.0, False) == (standing.usable, standing.changes_at, standing.is_panic)
    assert (among, inf) == (judge.settle(among, 107.0).usable, judge.settle(among, 107.0).changes_at)


def test_parking_is_capped_and_never_shortened() -> None:
    judge, (one, *_) = ejector(), members(2)
    assert None is judge.park(one, 0.0, 100.0)
    assert 300.0 == judge.park(one, 86400.0, 100.0)
    assert None is judge.park(one, 10.0, 200.0)
    assert 400.0 == one.parked_until


def test_patience_is_kept_in_a_panic_and_lost_where_nobody_else_is_left() -> None:
    judge, among = ejector(max_ejected=1.0, panic=0.9), members(3)
    judge.eject(among[0], among, 0.0)
    judge.park(among[1], 10.0, 0.0)
    assert ([among[0], among[2]], True) == (judge.settle(among, 0.0).usable, judge.settle(among, 0.0).is_panic)
    judge, among = ejector(), members(3)
    for member in among:
        judge.park(member, 10.0, 0.0)
    assert (among, True, 10.0) == (
        judge.settle(among, 0.0).usable, judge.settle(among, 0.0).is_panic, judge.settle(among, 0.0).changes_at
    )  # fmt: skip


def test_a_lone_address_is_used_whatever_it_does_and_nobody_panics() -> None:
    judge, (one,) = ejector(), members(1)
    assert None is judge.eject(one, [one], 0.0)
    judge.park(one, 10.0, 0.0)
    assert ([one], False) == (judge.settle([one], 0.0).usable, judge.settle([one], 0.0).is_panic)
    assert ([], False) == (judge.settle([], 0.0).usable, judge.settle([], 0.0).is_panic)


@dataclass
class Naive:
    """Everything that ever happened to one address, kept, and every question answered from it anew."""

    outcomes: list[int | None] = field(default_factory=list[int | None])
    until: float = -inf

    def row(self, *, breaks: Callable[[int | None], bool], counts: Callable[[int | None], bool]) -> int:
        """Count back from the latest outcome to one that breaks the row."""
        count = 0
        for outcome in reversed(self.outcomes):
            if breaks(outcome):
                break
            count += counts(outcome)
        return count

    def cause(self) -> str | None:
        rows = (
            ("gateway", lambda o: o is not None and o not in (502, 503, 504), lambda o: o is not None, 3),
            ("5xx", lambda o: o == WELL, lambda o: o is not None, 4),
            ("local", lambda o: o is not None, lambda o: o is None, 2),
        )
        latest = self.outcomes[-1]
        return next(
            (
                name
                for name, breaks, counts, limit in rows
                if self.row(breaks=breaks, counts=counts) >= limit and latest != WELL
            ),
            None,
        )


events = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([WELL, WELL, 500, 503, None]), st.floats(0, 9)), max_size=80
)


@given(events)
def test_a_random_walk_ends_as_the_whole_history_says(walk: list[tuple[int, int | None, float]]) -> None:
    judge = ejector(consecutive_5xx=4, consecutive_gateway=3, consecutive_local=2, failure_rate=None, interval=5.0)
    among, models, now = members(4), [Naive() for _ in range(4)], 0.0
    for which, outcome, passed in walk:
        now += passed
        standing = judge.settle(among, now)
        for model in models:
            if -inf < model.until <= now:
                model.until, model.outcomes = -inf, []
        out = [model.until > now for model in models]
        assert [not is_out for is_out in out] == [member in standing.usable for member in among] or standing.is_panic
        assert standing.is_panic == (sum(out) > 2)
        models[which].outcomes.append(outcome)
        if outcome == WELL:
            judge.pardon(among[which])
            continue
        cause = judge.blame(among[which], outcome, now)
        assert models[which].cause() == cause
        if cause is not None:
            is_allowed = not out[which] and (sum(out) == 0 or sum(out) + 1 <= 2)
            assert is_allowed == (judge.eject(among[which], among, now) is not None)
            models[which].until = among[which].ejected_until if is_allowed else models[which].until
