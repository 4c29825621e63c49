"""The header that shows where the time went."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bff.declare._scope import CallRecord
from bff.rest._server_timing import server_timing


def test_calls_are_listed_after_the_whole_in_milliseconds() -> None:
    timings = [
        CallRecord("catalog", "product", start=0.0004, duration=0.0123, attempts=1, status=200),
        CallRecord("reviews", "of_product", start=0.0127, duration=1.5, attempts=3, status=200),
    ]

    assert server_timing(timings, total=1.52) == (
        "total;dur=1520.0, catalog.product;start=0.4;dur=12.3, "
        'reviews.of_product;start=12.7;dur=1500.0;desc="3 attempts"'
    )


def test_a_page_without_calls_shows_the_whole() -> None:
    assert server_timing([], total=0.001) == "total;dur=1.0"


CALLS = st.builds(
    CallRecord, st.text(), st.text(), st.floats(0, 100), st.floats(0, 100), st.integers(1, 9), st.just(200)
)


@given(st.lists(CALLS))
def test_no_name_breaks_the_header(timings: list[CallRecord]) -> None:
    metric = r"""[!#$%&'*+\-.^_`|~0-9A-Za-z]+(;start=[0-9.]+)?;dur=[0-9.]+(;desc="\d attempts")?"""

    header = server_timing(timings, total=1.0)

    assert re.fullmatch(rf"{metric}(, {metric})*", header)
    assert len(header.split(", ")) == len(timings) + 1
