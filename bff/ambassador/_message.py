"""Write a request's head, so that nothing in it can be taken for another header, request or resource."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from bff.ambassador._core import Context, Request
from bff.ambassador._masking import masked
from bff.errors import UnsafePath

__all__ = [
    "ACCEPT_ENCODING",
    "ENTITY",
    "FRAMING",
    "LONGEST_HEADER",
    "MOST_HEADERS",
    "check_target",
    "declared_length",
    "head",
    "unquoted",
]

ACCEPT_ENCODING: Final = "gzip, deflate"
MOST_HEADERS: Final = 128  # of an answer
LONGEST_HEADER: Final = 8190  # bytes of one

# RFC 9110 section 7.6.1 and RFC 9112: how a message is framed and coded is the wire's business alone.
FRAMING: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

ENTITY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""The headers of an answer that describe its body as it was sent, and not as it is once decoded."""

# RFC 9112 section 3.2.1: visible ASCII, and no fragment.
_TARGET = re.compile(r"/[!\"$-~]*")
# RFC 3986 section 5.2.4, with `%2e` for the dot and `\` for the slash, as lenient servers have it.
_DOT_SEGMENT = re.compile(r"[/\\](?:\.|%2e){1,2}(?=[/\\?;]|%2f|%5c|$)", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_BODILESS = frozenset({"GET", "HEAD"})
_MOST_NAMES: Final = 1024


def check_target(request: Request, context: Context) -> None:
    """Raise `UnsafePath` where the target could name another resource than the one that was meant."""
    target = request.target
    if _TARGET.fullmatch(target) is None or (
        # A quick look first: what most paths do not have at all.
        ("/." in target or "%2" in target or "\\" in target)
        and _DOT_SEGMENT.search(target.partition("?")[0]) is not None
    ):
        raise UnsafePath(
            f"{masked(target)!r} is no path that names one resource",
            upstream=context.upstream,
            operation=context.operation,
        )


def unquoted(text: str) -> str:
    """
    Return what a parser complains of, without the bytes it quotes: they are what an upstream sent.

    >>> unquoted("Got more than 8190 bytes when reading: b'set-cookie: session=...'")
    'Got more than 8190 bytes when reading'
    """
    return text.splitlines()[0].partition(":")[0].partition("'")[0].partition('"')[0].strip() if text else ""


_begun: dict[str, str] = {}
"""What a header's line begins with, by its name; nothing for one that is the wire's business."""


@lru_cache(1024)
def _lowered(token: str) -> str:
    # The same few names come with every request.
    if _TOKEN.fullmatch(token) is None:
        raise ValueError("a method or header name is no token")
    return token.lower()


def declared_length(request: Request) -> int | None:
    """Return the length that the headers declare for a body that is no bytes; raises `ValueError` where it is none."""
    lengths = {value for name, value in request.headers if name.lower() == "content-length"}
    if len(lengths) > 1 or any(not (value.isascii() and value.isdigit()) for value in lengths):
        raise ValueError("a header declares a length that is none")
    return next(map(int, lengths), None)


def head(request: Request, host: str, *, is_raw: bool = False) -> bytes:
    """
    Return the request line and all headers of an HTTP/1.1 request; `host` is for a request that names none.

    With `is_raw` the caller undoes content codings himself, and may say which he can.

    Raises `ValueError` where a name or value holds what would begin another line.
    """
    method, headers, content = request.method, request.headers, request.content
    coding = ACCEPT_ENCODING
    try:
        lines = _lines(headers, _begun)
    except KeyError:
        lines = _lines(headers, _learned(headers))
    if len(lines) < len(headers):
        ours = {name.lower(): value for name, value in headers}
        host = ours.get("host", host)
        if is_raw:
            coding = ours.get("accept-encoding", coding)
    lines.append(f"host: {host}")
    if method not in _BODILESS or content != b"":
        _lowered(method)
        if not isinstance(content, bytes):
            length = declared_length(request)
            lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
        elif content or method in _WITH_BODY:
            lines.append(f"content-length: {len(content)}")
    written = "".join((request.target, coding, *lines))
    # What can be printed holds neither breaks nor what cannot be encoded.
    if not written.isprintable():
        if any(character in written for character in "\r\n\0"):
            raise ValueError("a header holds a line break or NUL")
        if any("\ud800" <= character <= "\udfff" for character in written):
            raise ValueError("a header holds what is no text")
    text = "\r\n".join(lines)
    return f"{method} {request.target} HTTP/1.1\r\naccept-encoding: {coding}\r\n{text}\r\n\r\n".encode()


def _lines(headers: Sequence[tuple[str, str]], begun: Mapping[str, str]) -> list[str]:
    return [f"{begin}{value}" for name, value in headers if (begin := begun[name])]


def _learned(headers: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, _ in headers:
        lowered = _lowered(name)
        found[name] = "" if lowered in FRAMING or lowered == "host" else f"{name}: "
    # The same few names come with every request; a caller who makes them up fills no memory.
    if len(_begun) < _MOST_NAMES:
        _begun.update(found)
    return found
