"""Tell bodies that hold nothing which pydantic's parser refuses and msgspec, where it skips something, lets pass."""

import re
from typing import Final

__all__ = ["is_tame"]

MOST_DIGITS: Final = 4_300
"""An integer of more digits is an error to pydantic, as it is to Python itself."""

DEEPEST: Final = 190
"""Containers within containers: from about 200 on pydantic gives up."""

_STRIDE: Final = 1_024
_RUN = re.compile(rb"[0-9]{4}")  # no run of `MOST_DIGITS` passes by fewer samples
_NO_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_ALIKE = bytes.maketrans(b"{}", b"[]")


def is_tame(content: bytes) -> bool:
    """
    Say whether a body is text, has no endless integer, and is not nested too deeply: `False` is no more than a doubt.

    Of bytes that are no JSON it says nothing.
    """
    if not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError:
            return False
    size = len(content)
    if size < 2 * DEEPEST:
        return True
    if size >= MOST_DIGITS and _RUN.search(content[::_STRIDE]):
        return False
    # Few containers, whole or not, are not nested deeply.
    others = content.replace(b"{", b"[").replace(b"[", b" ", DEEPEST)
    return b"[" not in others or _is_shallow(content)


def _is_shallow(content: bytes) -> bool:
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Between two quotes with nothing left between them is an empty string, or nothing between two strings.
    structure = content.translate(_ALIKE, _NO_STRUCTURE).replace(b'""', b"")
    structure = b"".join(structure.split(b'"')[::2])
    for _ in range(DEEPEST):
        if not structure:
            return True
        structure = structure.replace(b"[]", b"")
    return False
