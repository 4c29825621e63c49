"""A body is let through to msgspec where nothing in it, read or skipped, is what pydantic's parser refuses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from bff.plan._tame import DEEPEST, MOST_DIGITS, is_tame

LONG = b'"%s"' % (b"text, and more of it. " * 400)
MANY = b"[%s]" % b",".join([b'{"a":[1,{"b":[]}]}'] * 300)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        "{'é': 1}".encode(),
        b"[%s,%s]" % (LONG, b"9" * 100),
        MANY,
        b'["\\"[",%s,"[[[[\\\\"]' % MANY,
        b"[%s,%s]" % (MANY, b'"%s"' % (b"[" * 500)),
        nested(DEEPEST),
    ],
)
def test_what_services_answer_is_tame(content: bytes) -> None:
    assert is_tame(content)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":"\xff"}',
        b'["\xed\xa0\x80"]',
        b'["\xc0\x80"]',
        b"9" * MOST_DIGITS,
        b"[%s,%s]" % (LONG, b"9" * MOST_DIGITS),
        b"[0.%s]" % (b"9" * MOST_DIGITS),
        nested(DEEPEST + 1),
        b"[%s,%s]" % (MANY, nested(DEEPEST)),
        b'{"a":["]]]]]]]]",%s,%s]}' % (MANY, b'["]",' * 200 + b"1" + b"]" * 200),
        b'["\\\\",%s,%s]' % (MANY, b'["\\"]",' * 200 + b"1" + b"]" * 200),
    ],
)
def test_what_pydantic_refuses_wherever_it_stands_is_not(content: bytes) -> None:
    assert not is_tame(content)


values = st.recursive(
    st.none() | st.text(st.sampled_from('[]{}"\\a'), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('"]{\\'), max_size=2), inner),
)


@given(values, st.integers(0, 250), st.booleans())
def test_depth_is_counted_past_strings(value: object, depth: int, is_first: bool) -> None:
    deep = nested(depth) if depth else b"1"
    parts = [deep, MANY, json.dumps(value).encode()]
    content = b"[%s]" % b",".join(parts if is_first else reversed(parts))
    if is_tame(content):
        from_json(content)
    if depth >= DEEPEST:
        assert not is_tame(content)
    if depth < DEEPEST - 100:
        assert is_tame(content)
