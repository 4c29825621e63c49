"""What a client's requests must say: hosts, headers, ranges of versions."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.declare._selector import Versions, selector, versions

NUMBERS = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(tuple)
HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}
COMPARISONS = st.tuples(st.sampled_from([*HOLDS]), NUMBERS)


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def padded(version: tuple[int, ...]) -> tuple[int, ...]:
    return (*version, *[0] * (8 - len(version)))


@pytest.mark.parametrize(
    ("text", "version", "is_in"),
    [
        (">=2", "2", True),
        (">=2", "2.0.0", True),
        (">=2", "1.99", False),
        (">=2,<3", "2.10.3", True),
        (">=2, <3", "3.0", False),
        (">2", "2.0", False),
        (">2", "2.0.1", True),
        ("<=2.1", "2.1.0", True),
        ("==2.1", "2.1.0", True),
        ("==2.1", "2.1.1", False),
        (">=2", "10", True),
        (">=2", "v2.4.0-beta.1+7", True),
        (">=2", "", False),
        (">=2", "two", False),
        (">=2", "2.x", False),
        (">=2", "2, 3", False),
        (">=2", "9" * 5000, False),
        (">=2", "٣", False),
    ],
)
def test_a_version_is_in_a_range(text: str, version: str, is_in: bool) -> None:
    found = versions(text)
    assert found is not None
    assert is_in == (version in found)


@given(st.lists(COMPARISONS, min_size=1, max_size=3), NUMBERS)
def test_a_range_holds_what_every_comparison_in_it_holds(
    comparisons: list[tuple[str, tuple[int, ...]]], version: tuple[int, ...]
) -> None:
    found = versions(",".join(f"{comparison}{dotted(bound)}" for comparison, bound in comparisons))
    value = padded(version)
    expected = all(HOLDS[comparison](value, padded(bound)) for comparison, bound in comparisons)
    assert expected == (found is not None and dotted(version) in found)


@pytest.mark.parametrize("text", ["2", ">=", ">=2,", "=>2", "~=2", ">=2 <3", ">3,<2", ">2,<2.0", ">=2.x"])
def test_what_describes_no_version_is_no_range(text: str) -> None:
    assert versions(text) is None


@pytest.mark.parametrize(
    ("host", "is_theirs"),
    [
        ("m.example.com", True),
        ("M.Example.com:8080", True),
        ("m.example.com.", True),
        ("example.com", False),
        ("m.example.com.evil.test", False),
        ("", False),
    ],
)
def test_a_host_is_compared_without_case_port_and_last_dot(host: str, is_theirs: bool) -> None:
    assert is_theirs == selector(("m.example.com", "[::1]"), None).matches({"host": host})


def test_an_address_in_brackets_is_a_host() -> None:
    assert selector("[::1]", None).matches({"host": "[::1]:8000"})


def test_a_request_has_to_say_all_that_is_asked_for() -> None:
    both = selector("m.example.com", {"X-Client": "mobile", "x-app-version": ">=2"})
    said = {"host": "m.example.com", "x-client": "mobile", "x-app-version": "2.1"}
    assert both.matches(said)
    assert [] == [name for name in said if both.matches({key: said[key] for key in said if key != name})]


def test_an_exact_value_is_compared_as_it_is_written() -> None:
    exact = selector(None, ("x-client", "mobile"))
    assert [True, True, False, False] == [
        exact.matches({"x-client": text}) for text in ("mobile", " mobile ", "Mobile", "mobile, web")
    ]


@pytest.mark.parametrize(
    ("one", "other", "is_tie"),
    [
        (("x-client", "a"), ("x-client", "b"), False),
        (("x-client", "a"), ("X-Client", "a"), True),
        (("x-client", "a"), ("x-app", "a"), False),
        (("v", ">=1,<2"), ("v", ">=2"), False),
        (("v", ">=1"), ("v", ">=2"), True),
        (("v", "<=2"), ("v", ">=2"), True),
        (("v", "2"), ("v", ">=2"), False),
        ({"v": ">=2", "w": "1"}, {"v": "2", "w": ">=1"}, True),
        ({"v": ">=2", "w": "1"}, {"v": "1", "w": ">=1"}, False),
        ({"v": ">=2", "x-client": "a"}, {"x-client": "a", "v": ">3"}, True),
    ],
)
def test_selectors_tie_where_one_request_is_both_s(one: object, other: object, is_tie: bool) -> None:
    assert (is_tie, is_tie) == (
        selector(None, one).ties(selector(None, other)),
        selector(None, other).ties(selector(None, one)),
    )


def test_hosts_that_differ_do_not_tie() -> None:
    one, other, third = selector("a.test", None), selector(("b.test", "c.test"), None), selector("c.test", None)
    assert (False, True) == (one.ties(other), other.ties(third))


def test_the_narrower_range_is_that_of_both() -> None:
    assert Versions(((2,), False), ((3,), False)) == Versions(((2,), True), ((4,), True)).meet(
        Versions(((2,), False), ((3,), False))
    )
