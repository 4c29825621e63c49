"""The same bytes in: what h11 makes of them, or a refusal, and never another status, another body, another framing."""

from collections import Counter

from tests.fuzz import fuzz
from tests.support.answers import case, read_by_h11, read_by_us

CASES = 5_000  # `make fuzz` tries more


def test_what_is_accepted_is_what_h11_reads_and_what_is_well_formed_is_accepted() -> None:
    assert [] == fuzz(range(CASES))


def test_the_cases_are_of_every_kind() -> None:
    """Right and wrong, taken and refused, whole and in pieces, of connections that last and that do not."""
    cases = [case(number) for number in range(300)]
    verdicts = Counter((read_by_us(each) is not None, read_by_h11(each) is not None) for each in cases)
    assert verdicts[True, True] > 100
    assert verdicts[False, False] > 50
    assert verdicts[False, True] > 5
    outcomes = [each.expected for each in cases if each.expected is not None]
    assert {True, False} == {outcome.is_reusable for outcome in outcomes}
    assert {True, False} == {outcome.body == b"" for outcome in outcomes}
    assert {1, 2, 3} <= {len(each.pieces) for each in cases}
