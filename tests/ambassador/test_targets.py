"""A target names one resource, whatever a server makes of dots and slashes, or it is refused."""

import asyncio
import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bff.ambassador import Context, Request
from bff.ambassador._message import check_target
from bff.errors import UnsafePath

PIECES = [
    "/",
    ".",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%5C",
    "\\",
    "?",
    ";",
    "#",
    "%",
    "2e",
    "a",
    "~",
    '"',
    " ",
    "\x7f",
    "ü",
    "\n",
]


def is_refused(target: str) -> bool:
    loop = asyncio.new_event_loop()  # which a context is of; it never runs
    try:
        check_target(Request("GET", "http://test", target), Context("test", loop=loop))
    except UnsafePath:
        return True
    finally:
        loop.close()
    return False


def names_another(target: str) -> bool:
    """Say slowly what the regular expressions are to find."""
    visible = {*string.printable} - {*string.whitespace} - {"#"}
    path = target.partition("?")[0].lower().replace("%2e", ".")
    segments = [re.split(";|%2f|%5c", segment)[0] for segment in re.split(r"[/\\]", path)[1:]]
    return target[:1] != "/" or not {*target} <= visible or not {".", ".."}.isdisjoint(segments)


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join).map("/{}".format))
@example("/products/7")
@example("/products/7.json?q=../%2e")
@example("/a/..;x/b")
@example("/a/%2e%2E")
@example("/a\\..")
def test_it_is_refused_where_it_could_name_another_resource(target: str) -> None:
    assert names_another(target) == is_refused(target)


@pytest.mark.parametrize("target", ["", "a", "*", "http://other/"])
def test_it_begins_with_a_slash(target: str) -> None:
    assert is_refused(target)
