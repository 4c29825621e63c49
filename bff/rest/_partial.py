"""Tell a client which places of a partial answer took a default, in a header it can parse."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

__all__ = ["PARTIAL_HEADER", "partial_header"]

PARTIAL_HEADER: Final = "BFF-Partial"

_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_STRING = re.compile(r"[\x20-\x7e]*")
_TO_ESCAPE_IN_DISPLAY = re.compile(rb'[^\x20-\x7e]|[%"]')


def partial_header(missing: Iterable[tuple[str, str]]) -> str:
    """
    Return an RFC 9651 List of the paths in `missing`, pairs of path and cause, each with its cause as a parameter.

    Empty for no pairs: the field is then not sent (RFC 9651 section 4.1).

    >>> partial_header([("reviews", "timeout"), ("in stock", "open")])
    'reviews;cause=timeout, "in stock";cause=open'
    """
    return ", ".join(f"{bare_item(path)};cause={bare_item(cause)}" for path, cause in missing)


@lru_cache(maxsize=1024)
def bare_item(text: str) -> str:
    """Return `text` as a Token where it can be one, else as a String, or as a Display String beyond printable ASCII."""
    if _TOKEN.fullmatch(text):
        return text
    if _STRING.fullmatch(text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    octets = text.encode(errors="replace")
    return f'%"{_TO_ESCAPE_IN_DISPLAY.sub(_percent, octets).decode("ascii")}"'


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02x" % match[0][0]
