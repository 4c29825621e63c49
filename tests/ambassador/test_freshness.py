"""What an upstream's answer allows a cache to do, and what several allow together."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bff.ambassador._freshness import UNSTORABLE, Freshness, freshness_of, header, strictest
from bff.ambassador._headers import Headers

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"
A_MINUTE_PAST = "Sun, 06 Nov 1994 12:01:00 GMT"


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("max-age=60", Freshness(60)),
        ("MAX-AGE=60", Freshness(60)),
        ('max-age="60"', Freshness(60)),
        (" max-age=60 , , public,", Freshness(60)),
        ("max-age=60, stale-while-revalidate=30, made-up, other=1", Freshness(60)),
        ('made-up="a, no-store, \\" private", max-age=60', Freshness(60)),
        ("max-age=0", Freshness(0)),
        ("max-age=60, must-revalidate", Freshness(60, must_revalidate=True)),
        ("max-age=60, proxy-revalidate", Freshness(60, must_revalidate=True)),
        ("", Freshness(None)),
        ("public", Freshness(None)),
        ("no-cache", Freshness(None)),
        ("max-age=60, no-cache", Freshness(None)),
        ('max-age=60, no-cache="set-cookie"', Freshness(None)),
        ("private, max-age=60", Freshness(60, private=True)),
        ('private="x-name", max-age=60', Freshness(60, private=True)),
        ("no-store", UNSTORABLE),
        ("max-age=60, No-Store", UNSTORABLE),
    ],
)
def test_a_cache_control_is_read_by_its_grammar(control: str, expected: Freshness) -> None:
    assert expected == freshness_of({"cache-control": control})


@pytest.mark.parametrize("number", ["", "-1", "1.5", "abc", "0x10", "٣", '" 60"'])
def test_a_bad_number_is_stale(number: str) -> None:
    expected = UNSTORABLE if number in {"", "٣"} else Freshness(0)  # these two do not even fit the grammar

    assert expected == freshness_of({"cache-control": f"max-age={number}"})


def test_a_max_age_without_a_number_is_stale() -> None:
    assert Freshness(0) == freshness_of({"cache-control": "max-age"})


@pytest.mark.parametrize("number", ["2147483649", "99999999999", "9" * 5000])
def test_a_huge_number_is_the_largest_that_caches_know(number: str) -> None:
    assert Freshness(2**31) == freshness_of({"cache-control": f"max-age={number}"})


@pytest.mark.parametrize("control", ["max-age=60, max-age=5", "max-age=5, max-age=60"])
def test_of_several_max_ages_the_shortest_counts(control: str) -> None:
    assert Freshness(5) == freshness_of({"cache-control": control})


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("max-age=60, s-maxage=5", 5),
        ("max-age=5, s-maxage=60", 5),
        ("s-maxage=60", None),
        ("max-age=60, s-maxage=x", 0),
    ],
)
def test_s_maxage_shortens_and_never_lengthens(control: str, seconds: int | None) -> None:
    assert Freshness(seconds) == freshness_of({"cache-control": control})


@pytest.mark.parametrize(
    "control", ["private; max-age=60", 'max-age=60, x="', "max-age = 60", "max-age=60 private", "="]
)
def test_what_breaks_the_grammar_may_not_be_kept(control: str) -> None:
    assert UNSTORABLE == freshness_of({"cache-control": control})


@pytest.mark.parametrize(("age", "seconds"), [("0", 60), ("45", 15), ("60", 0), ("61", 0), ("45, 3", 15), ("old", 0)])
def test_the_age_of_an_answer_is_subtracted_and_a_bad_age_is_stale(age: str, seconds: int) -> None:
    assert Freshness(seconds) == freshness_of({"cache-control": "max-age=60", "age": age})


def test_an_age_without_freshness_changes_nothing() -> None:
    assert Freshness(None) == freshness_of({"age": "5"})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"expires": A_MINUTE_PAST, "date": NOON}, Freshness(60)),
        ({"expires": A_MINUTE_PAST, "date": NOON, "age": "20"}, Freshness(40)),
        ({"expires": NOON, "date": A_MINUTE_PAST}, Freshness(0)),
        ({"expires": "0", "date": NOON}, Freshness(0)),
        ({"expires": f"{A_MINUTE_PAST}, {NOON}", "date": "garbage"}, Freshness(None)),
        ({"expires": "Sun, 06 Nov 0000 99:99:99 GMT", "date": NOON}, Freshness(0)),
        ({"expires": A_MINUTE_PAST}, Freshness(None)),
        ({"expires": A_MINUTE_PAST, "date": NOON, "cache-control": "max-age=5"}, Freshness(5)),
        ({"expires": A_MINUTE_PAST, "date": NOON, "cache-control": "no-cache"}, Freshness(None)),
        ({"expires": A_MINUTE_PAST, "date": NOON, "cache-control": "s-maxage=5"}, Freshness(5)),
        ({"expires": A_MINUTE_PAST, "date": NOON, "cache-control": "private"}, Freshness(60, private=True)),
        ({"expires": A_MINUTE_PAST, "date": NOON, "cache-control": "no-store"}, UNSTORABLE),
    ],
)
def test_expires_counts_from_date_where_no_max_age_was_given(headers: Mapping[str, str], expected: Freshness) -> None:
    assert expected == freshness_of(headers)


@pytest.mark.parametrize(("vary", "seconds"), [("*", None), ("accept, *", None), ("accept-language", 60)])
def test_an_answer_that_varies_by_everything_gives_no_freshness(vary: str, seconds: int | None) -> None:
    assert Freshness(seconds) == freshness_of({"cache-control": "max-age=60", "vary": vary})


def test_an_answer_that_sets_a_cookie_is_private() -> None:
    assert Freshness(60, private=True) == freshness_of({"cache-control": "max-age=60", "set-cookie": "a=b"})


def test_every_line_of_a_field_counts() -> None:
    headers = CIMultiDict([("Cache-Control", "max-age=60"), ("Cache-Control", "private"), ("Vary", "a"), ("Vary", "*")])

    assert Freshness(None, private=True) == freshness_of(headers)


def test_an_answer_without_any_header_gives_no_freshness() -> None:
    assert Freshness(None) == freshness_of({})


@given(st.dictionaries(st.sampled_from(["cache-control", "age", "expires", "date", "vary", "set-cookie"]), st.text()))
def test_no_header_makes_it_raise_or_last_longer_than_caches_know(headers: Mapping[str, str]) -> None:
    freshness = freshness_of(headers)

    assert freshness.seconds is None or 0 <= freshness.seconds <= 2**31


LINES = st.tuples(
    st.sampled_from(
        ["Cache-Control", "cache-control", "Age", "Expires", "Date", "Vary", "Set-Cookie", "ETag", "X-Age"]
    ),
    st.sampled_from(
        [
            "max-age=60",
            "Max-Age=5 ",
            "private",
            "No-Store",
            "no-cache",
            "*",
            "accept",
            "10",
            "",
            NOON,
            A_MINUTE_PAST,
            "\u00e9",
        ]
    ),
)


@given(st.lists(LINES, max_size=5))
def test_it_is_the_same_whether_the_head_is_kept_as_it_came_or_taken_apart(lines: list[tuple[str, str]]) -> None:
    kept = Headers(("\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)).encode())
    assert freshness_of(CIMultiDict(lines)) == freshness_of(kept)


freshness = st.builds(
    Freshness,
    st.none() | st.integers(0, 1000),
    private=st.booleans(),
    no_store=st.booleans(),
    must_revalidate=st.booleans(),
)


@given(freshness, freshness, freshness)
def test_the_strictest_does_not_depend_on_order_grouping_or_repetition(
    a: Freshness, b: Freshness, c: Freshness
) -> None:
    assert strictest(a, b) == strictest(b, a)
    assert strictest(a, strictest(b, c)) == strictest(strictest(a, b), c) == strictest(a, b, c)
    assert strictest(a, a) == strictest(a) == a


@given(freshness, freshness)
def test_what_cannot_be_kept_takes_everything_with_it(a: Freshness, b: Freshness) -> None:
    combined = strictest(a, b)

    assert combined.no_store == (a.no_store or b.no_store)
    assert combined.private == (a.private or b.private)
    assert (combined.seconds is None) == (a.seconds is None or b.seconds is None)
    assert strictest(a, UNSTORABLE).no_store


def test_a_page_that_asked_no_upstream_gives_no_freshness() -> None:
    assert "no-cache" == header(strictest(), personal=False)


@pytest.mark.parametrize(
    ("freshness", "personal", "expected"),
    [
        (Freshness(60), False, "max-age=60"),
        (Freshness(60), True, "private, max-age=60"),
        (Freshness(60, private=True), False, "private, max-age=60"),
        (Freshness(60, must_revalidate=True), False, "max-age=60, must-revalidate"),
        (Freshness(0), False, "max-age=0"),
        (Freshness(None), False, "no-cache"),
        (Freshness(None, must_revalidate=True), False, "no-cache"),
        (Freshness(None), True, "private, no-cache"),
        (Freshness(60, no_store=True), False, "no-store"),
        (UNSTORABLE, True, "no-store"),
    ],
)
def test_a_client_is_told_in_one_cache_control(freshness: Freshness, personal: bool, expected: str) -> None:
    assert expected == header(freshness, personal=personal)


@given(freshness)
def test_what_a_client_is_told_reads_back_as_no_looser_than_it_was(freshness: Freshness) -> None:
    told = freshness_of({"cache-control": header(freshness, personal=False)})

    assert strictest(told, freshness).seconds == (None if freshness.no_store else freshness.seconds)
    assert told.private >= freshness.private
    assert told.no_store == freshness.no_store
