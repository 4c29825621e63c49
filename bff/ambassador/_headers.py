"""The head of an answer, kept as it came: a field is found when somebody asks for it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar, overload

from bff.ambassador._fields import TOKEN
from bff.ambassador._message import LONGEST_HEADER, MOST_HEADERS

__all__ = ["Headers", "StatusLine", "read_fields", "status_line"]

_T = TypeVar("_T")

_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
# As a pattern, for which a search takes half of the time that `in` does.
_CODING = re.compile(rb"-encoding:")
_BLANK: Final = b" \t"
_SHORTEST: Final = len(b"\r\na:")


@dataclass(frozen=True, slots=True)
class StatusLine:
    """The first line of an answer; `minor` is 0 or 1, of HTTP/1."""

    minor: int
    status: int
    reason: bytes


class Headers(Mapping[str, str]):
    """
    The fields of an answer, by names of any case: several of one name are one, joined (RFC 9110 section 5.3).

    `block` are all lines as they came, each with the line break that ends it, after the one that ends the status
    line, and has been found well-formed. `raw` and `multi_items()` are its lines one by one, as httpx has them. What
    is no text is kept as `surrogateescape` has it.
    """

    __slots__ = ("_block", "_lowered", "is_coded")

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._lowered = block.lower()
        self.is_coded = _CODING.search(self._lowered) is not None
        """Whether there may be a coding, of the content or the transfer."""

    @overload
    def get(self, key: str, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str | _T, /) -> str | _T: ...
    def get(self, key: str, default: object = None, /) -> object:
        """Return the value of a field, or `default`."""
        # Most of what is asked for is not there: one search says so, which is less than taking all lines apart.
        start = self._lowered.find(_needle(key))
        return default if start < 0 else self._value(key, start)

    def __getitem__(self, key: str) -> str:
        start = self._lowered.find(_needle(key))
        if start < 0:
            raise KeyError(key)
        return self._value(key, start)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _needle(key) in self._lowered

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.multi_items()))

    def __len__(self) -> int:
        return len(dict.fromkeys(name for name, _ in self.multi_items()))

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self)}>"  # values may be secrets

    def search(self, pattern: re.Pattern[bytes]) -> list[tuple[bytes, bytes]]:
        """Return what a pattern of two groups finds in the lines, which begin with a line break, in lower case."""
        return pattern.findall(self._lowered)

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Names and values as they came."""
        pairs = (line.partition(b":") for line in self._block.split(b"\r\n")[1:-1])
        return [(name, value.strip(_BLANK)) for name, _, value in pairs]

    def multi_items(self) -> list[tuple[str, str]]:
        """Return each line's name, in lower case, and value."""
        return [(name.decode("ascii").lower(), _text(value)) for name, value in self.raw]

    def _value(self, key: str, start: int) -> str:
        needle, block, lowered = _needle(key), self._block, self._lowered
        values: list[bytes] = []
        while start >= 0:
            start += len(needle)
            end = block.find(b"\r\n", start)
            values.append(block[start:end].strip(_BLANK))
            start = lowered.find(needle, end)
        return _text(values[0] if len(values) == 1 else b", ".join(values))


def read_fields(block: bytes, *, minor: int) -> Headers:
    """
    Return the fields of an answer that a parser has found well-formed.

    Raises `ValueError` where there are too many, or one is too long, or where it says how its body is framed in a way
    that not all understand alike (RFC 9112 section 6.1: chunked alone, and nothing of the kind in HTTP/1.0).
    """
    size = len(block)
    if size > _SHORTEST * MOST_HEADERS and block.count(b"\r\n") > MOST_HEADERS + 1:
        raise ValueError(f"more than {MOST_HEADERS} headers")
    if size > LONGEST_HEADER and any(len(line) > LONGEST_HEADER for line in block.split(b"\r\n")):
        raise ValueError(f"a header of more than {LONGEST_HEADER} bytes")
    headers = Headers(block)
    if headers.is_coded:
        coding = headers.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or not minor):
            raise ValueError("its transfer coding is not chunked alone")
    return headers


# The same few come with every answer.
@lru_cache(64)
def status_line(line: bytes) -> StatusLine:
    """
    Return the parts of a status line; raises `ValueError` for what is none of HTTP/1.0 or 1.1.

    >>> status_line(b"HTTP/1.1 404 Not Found")
    StatusLine(minor=1, status=404, reason=b'Not Found')
    """
    match = _LINE.fullmatch(line)
    if match is None or len(line) > LONGEST_HEADER:
        raise ValueError("its status line is none")
    return StatusLine(int(match[1]), int(match[2]), match[3] or b"")


@lru_cache(256)
def _needle(name: str) -> bytes:
    # What is no name is found nowhere: a block has no NUL.
    return f"\r\n{name.lower()}:".encode("ascii") if TOKEN.fullmatch(name) else b"\0"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
