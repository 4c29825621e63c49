"""The header that lists what a partial answer lacks."""

from typing import cast

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.rest._partial import partial_header


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ([], ""),
        ([("reviews", "timeout")], "reviews;cause=timeout"),
        ([("reviews", "timeout"), ("in_stock", "open")], "reviews;cause=timeout, in_stock;cause=open"),
        ([("items/3/stock", "not-found")], "items/3/stock;cause=not-found"),
        ([("items[3].stock", "status")], '"items[3].stock";cause=status'),
        ([("_links", "status")], '"_links";cause=status'),
        ([("3d", "status")], '"3d";cause=status'),
        ([("", "status")], '"";cause=status'),
        ([('a"b\\c', "status")], '"a\\"b\\\\c";cause=status'),
        ([("größe", "already there")], '%"gr%c3%b6%c3%9fe";cause="already there"'),
        ([('50% "ä"\n', "status")], '%"50%25 %22%c3%a4%22%0a";cause=status'),
        ([("lone \ud800", "status")], '%"lone ?";cause=status'),
        ([("reviews\n", "status")], '%"reviews%0a";cause=status'),
    ],
)
def test_each_path_takes_the_plainest_form_that_holds_it(missing: list[tuple[str, str]], expected: str) -> None:
    assert expected == partial_header(missing)


text = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.characters(max_codepoint=127))


@given(st.lists(st.tuples(text, text), min_size=1))
def test_another_parser_of_structured_fields_reads_back_what_was_missing(missing: list[tuple[str, str]]) -> None:
    header = partial_header(missing)

    parsed = cast("list[tuple[object, dict[str, object]]]", http_sf.parse(header.encode("ascii"), tltype="list"))

    assert missing == [(str(path), str(parameters["cause"])) for path, parameters in parsed]
