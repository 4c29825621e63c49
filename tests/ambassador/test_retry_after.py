"""How long an upstream asks to be left alone: seconds, and the dates of all who ever wrote one."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.ambassador._retry_after import retry_after


@pytest.fixture(autouse=True)
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is read as local time is nine hours away from what was meant."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("9999999999", 9999999999.0),
        ("99999999999", 9999999999.0),
        ("-1", None),
        ("1.5", None),
        ("1 second", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}", None),
    ],
)
def test_seconds_are_read_up_to_those_of_three_centuries(asked: str, expected: float | None) -> None:
    assert expected == retry_after({"retry-after": asked}, wall=lambda: 1000.0)


def test_who_asks_for_nothing_gets_nothing() -> None:
    assert retry_after({"date": "Thu, 01 Jan 1970 00:17:10 GMT"}) is None


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Thu, 01 Jan 1970 00:17:10 GMT", 30.0),
        ("Thursday, 01-Jan-70 00:17:10 GMT", 30.0),
        ("Thu Jan  1 00:17:10 1970", 30.0),
        ("Thu, 01 Jan 1970 00:17:10 -0000", 30.0),
        ("Thu, 01 Jan 1970 02:17:10 +0200", 30.0),
        ("Thu, 01 Jan 1970 00:16:10 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:17 GMT", 20.0),
        ("Thu, 99999999999999999999 Jan 1970 00:17:10 GMT", None),
        ("Thu, 32 Jan 1970 00:17:10 GMT", None),
        ("Thu, 01 Jan", None),
        (" ", None),
        ("", None),
    ],
)
def test_a_date_is_read_in_any_of_its_forms(date: str, expected: float | None) -> None:
    assert expected == retry_after({"retry-after": date}, wall=lambda: 1000.0)


@pytest.mark.parametrize("now", ["", "yesterday", "Thu, 99999999999999999999 Jan 1970 00:17:10 GMT"])
def test_where_the_answers_own_date_is_none_ours_counts(now: str) -> None:
    headers = {"retry-after": "Thu, 01 Jan 1970 00:17:10 GMT", "date": now}
    assert 30.0 == retry_after(headers, wall=lambda: 1000.0)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9990, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(-1400, 1400),
    st.integers(-1000, 1000),
)
def test_a_date_is_measured_from_the_answers_own(now: datetime, zone: int, seconds: int) -> None:
    now = now.replace(microsecond=0)
    then = (now + timedelta(seconds=seconds)).astimezone(timezone(timedelta(minutes=zone)))
    headers = {"retry-after": format_datetime(then), "date": format_datetime(now, usegmt=True)}
    assert max(seconds, 0) == retry_after(headers, wall=lambda: 0.0)


@given(st.text(), st.text())
def test_nothing_that_an_upstream_may_write_is_an_error(asked: str, date: str) -> None:
    seconds = retry_after({"retry-after": asked, "date": date}, wall=lambda: 1000.0)
    assert seconds is None or seconds >= 0
