"""Content codings undone, with a limit."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.ambassador._decoding import Decoder, TooLarge, decoded

TEXT = b"hello " * 100


def gzipped(data: bytes) -> bytes:
    """Compress the same way at any time: the cases are named by their content."""
    return gzip.compress(data, mtime=0)


RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(TEXT) + RAW.flush()


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzipped(TEXT)),
        ("X-GZIP", gzipped(TEXT)),
        ("gzip", gzipped(TEXT[:50]) + gzipped(TEXT[50:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", DEFLATED),
        ("identity", TEXT),
        ("", TEXT),
        ("deflate, gzip", gzipped(zlib.compress(TEXT))),
    ],
)
def test_the_codings_that_were_asked_for_are_undone(coding: str, content: bytes) -> None:
    assert TEXT == decoded(content, {"content-encoding": coding}, max_size=len(TEXT))


def test_no_coding_and_no_content_are_left_as_they_are() -> None:
    assert TEXT == decoded(TEXT, {}, max_size=1)
    assert b"" == decoded(b"", {"content-encoding": "gzip"}, max_size=1)


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("br", TEXT),
        ("gzip", TEXT),
        ("gzip", gzipped(TEXT)[:-4]),
        ("gzip", gzipped(TEXT) + b"more"),
        ("deflate", zlib.compress(TEXT)[:-1]),
    ],
)
def test_what_is_unknown_broken_or_cut_short_is_refused(coding: str, content: bytes) -> None:
    with pytest.raises(ValueError, match="cod"):
        decoded(content, {"content-encoding": coding}, max_size=10_000)


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_bomb_is_stopped_before_it_takes_memory(repeats: int) -> None:
    bomb = gzipped(bytes(30_000_000)) * repeats
    tracemalloc.start()
    with pytest.raises(TooLarge):
        decoded(bomb, {"content-encoding": "gzip"}, max_size=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@given(st.binary(min_size=1), st.integers(min_value=-1, max_value=1))
def test_the_limit_is_exact(content: bytes, more: int) -> None:
    coded = gzipped(content)
    if more < 0:
        with pytest.raises(TooLarge):
            decoded(coded, {"content-encoding": "gzip"}, max_size=len(content) - 1)
    else:
        assert content == decoded(coded, {"content-encoding": "gzip"}, max_size=len(content) + more)


def in_parts(coding: str, content: bytes, *, size: int) -> bytes:
    """Decode what comes `size` bytes at a time."""
    decoder = Decoder({"content-encoding": coding})
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    pieces = [piece for part in parts for piece in decoder.feed(part)]
    assert all(0 < len(piece) <= 1 << 16 for piece in pieces)
    if decoder.is_midway:
        raise ValueError("the coded body is cut short")
    return b"".join(pieces)


CODED: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda data: data,
    "": lambda data: data,
    "gzip": gzipped,
    "x-gzip, identity": lambda data: gzipped(data[:7]) + gzipped(data[7:]),
    "deflate": zlib.compress,
    "deflate, gzip": lambda data: gzipped(zlib.compress(data)),
}


@given(
    st.binary(min_size=1, max_size=500),
    st.integers(1, 1000),
    st.sampled_from(sorted(CODED)),
    st.integers(1, 50),
    st.binary(max_size=3),
    st.integers(0, 3),
)
def test_decoding_in_parts_is_decoding_at_once(
    data: bytes, repeats: int, coding: str, size: int, more: bytes, less: int
) -> None:
    """Both give the same, or both refuse: also where bytes are missing at the end, or foreign ones follow."""
    coded = CODED[coding](data * repeats) + more
    coded = coded[: len(coded) - less] or b"x"
    try:
        expected: object = decoded(coded, {"content-encoding": coding}, max_size=1_000_000)
    except ValueError:
        expected = ValueError
    try:
        found: object = in_parts(coding, coded, size=size)
    except ValueError:
        found = ValueError
    assert expected == found


def test_a_bomb_comes_in_small_pieces() -> None:
    bomb = gzipped(gzipped(bytes(30_000_000)))
    tracemalloc.start()
    assert 30_000_000 == sum(len(piece) for piece in Decoder({"content-encoding": "gzip, gzip"}).feed(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
