"""Undo an answer's content coding, and stop where it grows too large."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["Decoder", "TooLarge", "decoded"]

_GZIP: Final = 31  # window bits: the largest window, gzip's header
_ZLIB: Final = 15
_RAW: Final = -15
_PIECE: Final = 1 << 16  # bytes that are unpacked at once
_BROKEN: Final = "broken content coding"
_NO_ENGINE: Final = zlib.decompressobj()  # between two members of a coded body


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
    for name in _named(coding):
        content = _inflate(content, _window(name, content), max_size)
    return content


class Decoder:
    """
    Undo an answer's content codings part by part, in pieces of at most 64 KiB: what is unpacked is never much at once.

    It refuses with `ValueError` what `decoded` does, and knows no limit.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._coding = headers.get("content-encoding", "")
        self._stages: list[_Stage] | None = None

    def feed(self, part: bytes) -> Iterator[bytes]:
        """Give what `part` adds to the decoded body."""
        if self._stages is None:
            self._stages = [_Stage(name) for name in _named(self._coding)]
        pieces: Iterator[bytes] = iter((part,))
        for stage in self._stages:
            pieces = stage.inflated(pieces)
        yield from pieces

    @property
    def is_midway(self) -> bool:
        """Say whether a body that ends here is cut short."""
        return any(stage.is_midway for stage in self._stages or ())


class _Stage:
    """One content coding while it is undone."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._engine = _NO_ENGINE

    @property
    def is_midway(self) -> bool:
        return self._engine is not _NO_ENGINE

    def inflated(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            yield from self._inflate(part)

    def _inflate(self, part: bytes) -> Iterator[bytes]:
        while part:
            if self._engine is _NO_ENGINE:
                self._engine = zlib.decompressobj(_window(self._name, part))
            engine = self._engine
            try:
                piece = engine.decompress(part, _PIECE)
                # What the engine holds back although it has read everything.
                while piece and not engine.eof:
                    yield piece
                    piece = engine.decompress(engine.unconsumed_tail, _PIECE)
            except zlib.error as error:
                raise ValueError(f"{_BROKEN}: {error}") from error
            if piece:
                yield piece
            part = engine.unused_data
            if engine.eof:
                self._engine = _NO_ENGINE


def _named(coding: str) -> list[str]:
    """Return the names of the codings that are to be undone, the last one applied first."""
    names = [part.strip().lower() for part in coding.split(",")]
    for name in names:
        if name not in {"gzip", "x-gzip", "deflate", "identity", ""}:
            raise ValueError(f"content coding {name!r}, which was not asked for")
    return [name for name in reversed(names) if name not in {"identity", ""}]


def _window(name: str, content: bytes) -> int:
    if name != "deflate":
        return _GZIP
    # The name means the zlib format; some servers send the bare stream, which never begins like it.
    return _ZLIB if content and content[0] & 0x0F == zlib.DEFLATED else _RAW


def _inflate(content: bytes, window: int, max_size: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while content:
        # A gzip file may be several, one after the other (RFC 1952 section 2.2).
        engine = zlib.decompressobj(window)
        try:
            part = engine.decompress(content, max_size - size + 1)
        except zlib.error as error:
            raise ValueError(f"{_BROKEN}: {error}") from error
        size += len(part)
        if size > max_size:
            raise TooLarge(f"more than {max_size} decoded bytes")
        if not engine.eof:
            raise ValueError("the coded body is cut short")
        parts.append(part)
        content = engine.unused_data
    return b"".join(parts)
