"""When an address is left out, for how long, and when all are used again."""

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff import OutlierDetection
from bff.ambassador._ejector import Cause, Ejector
from bff.ambassador._member import Member

POLICY = OutlierDetection(3, consecutive_gateway=2, consecutive_local=2, failure_rate=0.5, min_calls=6, interval=10.0)


def ejector_of(policy: OutlierDetection | None = POLICY, *, chance: float = 0.0) -> Ejector:
    return Ejector(policy, random=lambda: chance)


def members_of(count: int) -> list[Member]:
    return [Member(name) for name in "abcdefghijklmnopqrstuvwxyz"[:count]]


def names(members: Sequence[Member]) -> str:
    return "".join(member.origin for member in members)


def succeed(ejector: Ejector, member: Member) -> None:
    """Take a success, as the cluster does."""
    member.calls += 1
    if member.is_troubled:
        ejector.pardon(member)


def causes_of(policy: OutlierDetection, outcomes: str) -> list[Cause | None]:
    """Blame for `x` (no answer), `5` (500), `g` (503), all at once; `.` is a success."""
    ejector, member = ejector_of(policy), Member("a")
    causes: list[Cause | None] = []
    for outcome in outcomes:
        if outcome == ".":
            succeed(ejector, member)
        else:
            causes.append(ejector.blame(member, {"x": None, "5": 500, "g": 503}[outcome], 100.0))
    return causes


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("555", [None, None, "5xx"]),
        ("5.5.5", [None, None, None]),
        ("5x5x5", [None, None, None, None, "5xx"]),
        ("gg", [None, "gateway"]),
        ("g5g", [None, None, "5xx"]),
        ("g.g", [None, None]),
        ("gxg", [None, None, "gateway"]),
        ("xx", [None, "local"]),
        ("x5x", [None, None, None]),
        ("x.x", [None, None]),
        (".....5", [None]),
        ("...5.5", [None, None]),
        ("..5.5.5", [None, None, None]),
        ("..5.5..x..5", [None, None, "failure-rate", None]),
        (".x.5.x.5", [None, None, None, "failure-rate"]),
    ],
)
def test_why_one_is_ejected(outcomes: str, expected: list[Cause | None]) -> None:
    assert expected == causes_of(POLICY, outcomes)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_gateway_says_is_counted_by_itself(status: int) -> None:
    ejector, member = ejector_of(), Member("a")
    assert [None, "gateway"] == [ejector.blame(member, status, 0.0) for _ in range(2)]


@pytest.mark.parametrize("status", [500, 505, 507])
def test_other_answers_of_5xx_are_not_a_gateways(status: int) -> None:
    ejector, member = ejector_of(), Member("a")
    assert [None, None, "5xx"] == [ejector.blame(member, status, 0.0) for _ in range(3)]


def test_what_is_switched_off_is_no_cause() -> None:
    nothing = OutlierDetection(None, consecutive_gateway=None, consecutive_local=None, failure_rate=None, min_calls=1)
    ejector, member = ejector_of(nothing), Member("a")
    assert {None} == {ejector.blame(member, status, 0.0) for status in (None, 500, 503) for _ in range(1000)}
    ejector, member = ejector_of(None), Member("a")
    assert {None} == {ejector.blame(member, status, 0.0) for status in (None, 500, 503) for _ in range(1000)}


PAUSES = st.sampled_from((0.0, 0.0, 1.0, 6.0, 10.0))
OUTCOMES = st.sampled_from(("ok", None, 500, 503))


@given(
    st.tuples(*[st.none() | st.integers(1, 5)] * 3),
    st.sampled_from((None, 0.25, 0.5, 1.0)),
    st.integers(1, 12),
    st.lists(st.tuples(PAUSES, OUTCOMES), max_size=40),
)
def test_blames_like_one_that_remembers_everything(
    rows: tuple[int | None, int | None, int | None],
    failure_rate: float | None,
    min_calls: int,
    steps: list[tuple[float, str | int | None]],
) -> None:
    policy = OutlierDetection(
        rows[0],
        consecutive_gateway=rows[1],
        consecutive_local=rows[2],
        failure_rate=failure_rate,
        min_calls=min_calls,
        interval=10.0,
    )
    ejector, member = ejector_of(policy), Member("a")
    now, opened = 100.0, -inf
    row, window = list[int | None](), list[bool]()
    for passed, outcome in steps:
        now += passed
        if not (outcome is None or isinstance(outcome, int)):
            succeed(ejector, member)
            row.clear()
            window.append(True)
            continue
        if now - opened >= 10.0:
            opened = now
            window.clear()
        row.append(outcome)
        window.append(False)
        answers = [status for status in row if status is not None]
        local = next((count for count, status in enumerate(reversed(row)) if status is not None), len(row))
        gateway = next((count for count, status in enumerate(reversed(answers)) if status != 503), len(answers))
        limits = ((rows[1], gateway, "gateway"), (rows[0], len(answers), "5xx"), (rows[2], local, "local"))
        causes = [cause for limit, count, cause in limits if limit and count >= limit]
        if failure_rate and len(window) >= min_calls and window.count(False) >= failure_rate * len(window):
            causes.append("failure-rate")
        assert (causes[0] if causes else None) == ejector.blame(member, outcome, now)
        assert member.is_troubled
        assert (len(window), window.count(False)) == (member.calls, member.failed)


def test_a_pardon_forgets_what_came_in_a_row_but_not_the_share() -> None:
    ejector, member = ejector_of(), Member("a")
    for status in (None, 500, 503):
        ejector.blame(member, status, 100.0)
    ejector.pardon(member)
    assert not member.is_troubled
    assert (0, 0, 0) == (member.in_a_row, member.gateway_in_a_row, member.local_in_a_row)
    assert (3, 3) == (member.calls, member.failed)


def test_one_stays_out_longer_each_time_up_to_the_maximum() -> None:
    policy = OutlierDetection(ejection=30.0, max_ejection=100.0, interval=10.0)
    ejector, members = ejector_of(policy), members_of(2)
    now, times = 100.0, list[float | None]()
    for _ in range(5):
        times.append(ejector.eject(members[0], members, now))
        now = members[0].ejected_until
        assert members[0].is_ejected
        ejector.settle(members, now)
        assert not members[0].is_ejected
    assert [30.0, 60.0, 90.0, 100.0, 100.0] == times
    assert 5 == members[0].ejections


@pytest.mark.parametrize(
    ("well", "expected"), [(0.0, 90.0), (9.9, 90.0), (10.0, 60.0), (19.9, 60.0), (20.0, 30.0), (1e6, 30.0)]
)
def test_an_ejection_is_forgotten_for_each_interval_of_being_well(well: float, expected: float) -> None:
    ejector, members = ejector_of(OutlierDetection(ejection=30.0, interval=10.0)), members_of(2)
    now = 0.0
    for _ in range(2):
        ejector.eject(members[0], members, now)
        now = members[0].ejected_until
        ejector.settle(members, now)
    assert expected == ejector.eject(members[0], members, now + well)
    assert expected / 30 == members[0].ejections


def test_time_before_the_first_ejection_forgives_none_that_come() -> None:
    ejector, members = ejector_of(OutlierDetection(ejection=30.0)), members_of(2)
    assert 30.0 == ejector.eject(members[0], members, 1e6)
    assert (1, 1e6 + 30) == (members[0].ejections, members[0].ejected_until)


def test_an_ejection_is_cut_short_by_chance_so_that_addresses_do_not_return_in_step() -> None:
    ejector, members = ejector_of(chance=0.5), members_of(2)
    assert 28.5 == ejector.eject(members[0], members, 100.0)
    assert 128.5 == members[0].ejected_until


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        *[(1, 1.0, 0), (2, 0.0, 1), (2, 0.5, 1), (2, 1.0, 2), (3, 0.5, 1)],
        *[(4, 0.5, 2), (10, 0.1, 1), (10, 0.29, 2), (10, 0.3, 3)],
    ],
)
def test_at_most_the_share_is_out_but_always_one_where_there_are_others(
    count: int, share: float, expected: int
) -> None:
    ejector, members = ejector_of(OutlierDetection(max_ejected=share)), members_of(count)
    seconds = [ejector.eject(member, members, 100.0) for member in members]
    assert [True] * expected + [False] * (count - expected) == [each is not None for each in seconds]
    assert expected == sum(member.is_ejected for member in members) == sum(member.ejections for member in members)


def test_one_that_is_out_is_not_ejected_again() -> None:
    ejector, members = ejector_of(OutlierDetection(max_ejected=1.0)), members_of(3)
    assert [30.0, None] == [ejector.eject(members[0], members, now) for now in (100.0, 101.0)]
    assert (1, 130.0) == (members[0].ejections, members[0].ejected_until)


def test_one_that_asks_is_left_alone_for_as_long_as_it_asks_and_five_minutes_at_most() -> None:
    ejector, members = ejector_of(), members_of(2)
    assert [10.0, 300.0, None] == [ejector.park(members[0], seconds, 100.0) for seconds in (10.0, 1e9, 299.0)]
    assert 400.0 == members[0].parked_until


def test_parking_is_extended_and_never_shortened() -> None:
    ejector, (member, _) = ejector_of(), members_of(2)
    asked = ((5.0, 100.0), (5.0, 100.0), (3.0, 101.0), (5.0, 101.0))
    assert [5.0, None, None, 5.0] == [ejector.park(member, seconds, now) for seconds, now in asked]
    assert 106.0 == member.parked_until


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_who_asks_for_no_time_is_not_left_alone(seconds: float) -> None:
    ejector, member = ejector_of(), Member("a")
    assert ejector.park(member, seconds, 100.0) is None
    assert -inf == member.parked_until


def test_all_get_tries_where_nothing_happened() -> None:
    members = members_of(3)
    standing = ejector_of().settle(members, 100.0)
    assert ("abc", inf, False, "") == (
        names(standing.usable), standing.changes_at, standing.is_panic, names(standing.returned),
    )  # fmt: skip


def test_who_is_out_or_left_alone_gets_no_tries_until_its_time_is_over() -> None:
    ejector, members = ejector_of(), members_of(4)
    ejector.eject(members[0], members, 100.0)
    ejector.park(members[1], 10.0, 100.0)
    seen = [ejector.settle(members, now) for now in (100.0, 109.9, 110.0, 129.9, 130.0)]
    assert ["cd", "cd", "bcd", "bcd", "abcd"] == [names(standing.usable) for standing in seen]
    assert [110.0, 110.0, 130.0, 130.0, inf] == [standing.changes_at for standing in seen]
    assert ["", "", "", "", "a"] == [names(standing.returned) for standing in seen]
    assert not any(standing.is_panic for standing in seen)


def test_one_that_is_back_begins_anew() -> None:
    ejector, members = ejector_of(), members_of(2)
    for status in (None, 500, 503):
        ejector.blame(members[0], status, 100.0)
        ejector.blame(members[1], status, 100.0)
    ejector.eject(members[0], members, 100.0)
    ejector.settle(members, 130.0)
    told = [(each.is_troubled, each.calls, each.failed, each.in_a_row, each.local_in_a_row) for each in members]
    assert [(False, 0, 0, 0, 0), (True, 3, 3, 2, 0)] == told


@pytest.mark.parametrize(
    ("count", "out", "share", "expected"),
    [
        (4, 2, 0.5, "cd"),
        (4, 3, 0.5, "abcd"),
        (3, 2, 0.5, "abc"),
        (2, 1, 0.5, "b"),
        (4, 3, 0.0, "d"),
        (4, 1, 1.0, "abcd"),
    ],
)
def test_where_too_few_are_left_all_are_used(count: int, out: int, share: float, expected: str) -> None:
    ejector, members = ejector_of(OutlierDetection(max_ejected=1.0, panic=share)), members_of(count)
    for member in members[:out]:
        ejector.eject(member, members, 100.0)
    standing = ejector.settle(members, 100.0)
    assert (expected, len(expected) == count, 130.0) == (
        names(standing.usable), standing.is_panic, standing.changes_at,
    )  # fmt: skip


def test_in_a_panic_those_that_asked_are_still_left_alone() -> None:
    ejector, members = ejector_of(OutlierDetection(max_ejected=1.0)), members_of(4)
    for member in members[:3]:
        ejector.eject(member, members, 100.0)
    ejector.park(members[1], 5.0, 100.0)
    standing = ejector.settle(members, 100.0)
    assert ("acd", True, 105.0) == (names(standing.usable), standing.is_panic, standing.changes_at)


def test_where_all_are_out_or_left_alone_all_are_used_and_that_is_a_panic() -> None:
    ejector, members = ejector_of(OutlierDetection(panic=0.0)), members_of(3)
    ejector.eject(members[0], members, 100.0)
    for member in members[1:]:
        ejector.park(member, 10.0, 100.0)
    standing = ejector.settle(members, 100.0)
    assert ("abc", True, 110.0) == (names(standing.usable), standing.is_panic, standing.changes_at)
    standing = ejector.settle(members, 130.0)
    assert ("abc", False, "a") == (names(standing.usable), standing.is_panic, names(standing.returned))
    assert standing.usable is not members


def test_a_lone_one_that_asked_to_be_left_alone_is_asked_all_the_same_and_there_is_no_panic() -> None:
    ejector, members = ejector_of(), members_of(1)
    ejector.park(members[0], 10.0, 100.0)
    standing = ejector.settle(members, 100.0)
    assert ("a", False, 110.0, "") == (
        names(standing.usable), standing.is_panic, standing.changes_at, names(standing.returned),
    )  # fmt: skip


def test_those_that_return_while_the_others_are_left_alone_are_told() -> None:
    ejector, members = ejector_of(), members_of(2)
    ejector.eject(members[0], members, 100.0)
    for member in members:
        ejector.park(member, 100.0, 100.0)
    standing = ejector.settle(members, 130.0)
    assert ("ab", True, 200.0, "a") == (
        names(standing.usable), standing.is_panic, standing.changes_at, names(standing.returned),
    )  # fmt: skip


def test_without_a_policy_nothing_is_a_panic_and_one_that_asks_is_left_alone() -> None:
    ejector, members = ejector_of(None), members_of(2)
    assert 5.0 == ejector.park(members[0], 5.0, 100.0)
    standing = ejector.settle(members, 100.0)
    assert ("b", False, 105.0) == (names(standing.usable), standing.is_panic, standing.changes_at)
