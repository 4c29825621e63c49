"""Headers of which most are known beforehand: for all that anybody can see, they are a list of pairs."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bff.ambassador import Request
from bff.ambassador._fields import Fields, Pair, Part
from bff.ambassador._message import head

NAMES = st.sampled_from(
    ["accept", "X-Name", "x-request-id", "host", "Host", "accept-encoding", "te", "content-length", "", "x y", "x\n"]
)
VALUES = st.sampled_from(["", "a value", "a\tb", "ü", "1", "x\r\ny: z", "\n", "\r", "\0", "\udcff", "\x85"])
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=3)
BODIES = st.sampled_from([b"", b"body"])


def written(headers: Sequence[Pair], method: str, content: bytes, host: str, *, is_raw: bool) -> bytes | None:
    """Return a head, or nothing where it is refused."""
    try:
        return head(Request(method, "http://test", "/a?b=%20", headers, content), host, is_raw=is_raw)
    except ValueError:
        return None


@given(
    fixed=PAIRS,
    own=PAIRS,
    told=PAIRS,
    method=st.sampled_from(["GET", "HEAD", "POST", "DELETE", "G T"]),
    content=BODIES,
    host=st.sampled_from(["test", "test:80", "a\r\nb: c", "\udcff"]),
    is_raw=st.booleans(),
)
@example([("accept", "*/*")], [("x-name", "1")], [("x-told", "2")], "GET", b"", "test", False)
@example([("accept", "*/*")], [("x-name", "a\r\nb: c")], [], "GET", b"", "test", False)
@example([("host", "other")], [], [], "GET", b"", "test", False)
@example([], [("accept-encoding", "br")], [], "GET", b"", "test", True)
def test_a_head_is_the_same_whether_its_parts_were_known_before_or_not(
    fixed: list[Pair], own: list[Pair], told: list[Pair], method: str, content: bytes, host: str, is_raw: bool
) -> None:
    plain = written([*fixed, *own, *told], method, content, host, is_raw=is_raw)
    assert plain == written(Fields(Part(fixed), own, Part(told)), method, content, host, is_raw=is_raw)


def test_a_head_of_known_parts_is_what_it_says() -> None:
    headers = Fields(Part([("accept", "*/*")]), [("x-name", "1")], Part([("x-told", "2")]))
    lines = [b"GET /a?b=%20 HTTP/1.1", b"accept: */*", b"x-name: 1", b"x-told: 2", b"host: test"]
    for _ in range(2):  # the second time its own names are known, too
        found = written(headers, "GET", b"", "test", is_raw=False)
        assert [*lines, b"accept-encoding: gzip, deflate", b"", b""] == (found or b"").split(b"\r\n")


def test_a_target_that_would_begin_another_line_is_not_written() -> None:
    both: tuple[Sequence[Pair], ...] = ((), Fields(Part(()), ()))
    for headers in both:
        with pytest.raises(ValueError, match="a header holds"):
            head(Request("GET", "http://test", "/ HTTP/1.1\r\nx: y", headers), "test")


@given(PAIRS, PAIRS, PAIRS)
def test_fields_are_a_sequence_of_pairs(fixed: list[Pair], own: list[Pair], told: list[Pair]) -> None:
    fields, plain = Fields(Part(fixed), own, Part(told)), [*fixed, *own, *told]
    assert plain == [*fields]
    assert fields == plain == fields
    assert fields == Fields(Part(plain), ())
    assert fields != [*plain, ("x", "y")]
    assert fields != "x"
    assert len(plain) == len(fields)
    assert plain[1:] == fields[1:]
    assert [*reversed(plain)] == [*reversed(fields)]
    assert all(pair in fields for pair in plain)


def test_neither_a_part_nor_fields_show_a_value() -> None:
    part = Part([("authorization", "secret"), ("accept", "secret")])
    assert "<Part authorization, accept>" == repr(part)
    assert "<Fields authorization, accept, x>" == repr(Fields(part, [("x", "secret")]))
