"""Undo an answer's content coding, and stop where it grows too large."""

import zlib
from collections.abc import Mapping
from typing import Final

__all__ = ["TooLarge", "decoded"]

_GZIP: Final = 31  # window bits: the largest window, gzip's header
_ZLIB: Final = 15
_RAW: Final = -15


class TooLarge(ValueError):
    """More bytes than allowed."""


def decoded(content: bytes, headers: Mapping[str, str], *, max_size: int) -> bytes:
    """
    Return `content` without its content codings (RFC 9110 section 8.4: gzip, deflate, identity).

    Raises `TooLarge` as soon as there are more than `max_size` decoded bytes, and `ValueError` for a coding
    that is unknown, broken or cut short.
    """
    coding = headers.get("content-encoding")
    if coding is None or not content:
        return content
    for name in reversed([part.strip().lower() for part in coding.split(",")]):
        if name in {"gzip", "x-gzip"}:
            content = _inflate(content, _GZIP, max_size)
        elif name == "deflate":
            # The name means the zlib format; some servers send the bare stream, which never begins like it.
            content = _inflate(content, _ZLIB if content[0] & 0x0F == zlib.DEFLATED else _RAW, max_size)
        elif name not in {"identity", ""}:
            raise ValueError(f"content coding {name!r}, which was not asked for")
    return content


def _inflate(content: bytes, window: int, max_size: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while content:
        # A gzip file may be several, one after the other (RFC 1952 section 2.2).
        engine = zlib.decompressobj(window)
        try:
            part = engine.decompress(content, max_size - size + 1)
        except zlib.error as error:
            raise ValueError(f"broken content coding: {error}") from error
        size += len(part)
        if size > max_size:
            raise TooLarge(f"more than {max_size} decoded bytes")
        if not engine.eof:
            raise ValueError("the coded body is cut short")
        parts.append(part)
        content = engine.unused_data
    return b"".join(parts)
