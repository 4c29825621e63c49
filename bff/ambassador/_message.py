"""Write a request's head, so that nothing in it can be taken for another header, request or resource."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from bff.ambassador._core import Context, Request
from bff.ambassador._fields import FRAMING, TOKEN, Fields
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

ENTITY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""The headers of an answer that describe its body as it was sent, and not as it is once decoded."""

# RFC 9112 section 3.2.1: visible ASCII, and no fragment.
_TARGET = re.compile(r"/[!\"$-~]*")
# Of that what has neither a dot, nor a percent sign, nor a backslash, as most have: no look for dot segments is needed.
_PLAIN_TARGET = re.compile(r"/[!\"$&-\-/-\[\]-~]*")
# RFC 3986 section 5.2.4, with `%2e` for the dot and `\` for the slash, as lenient servers have it.
_DOT_SEGMENT = re.compile(r"[/\\](?:\.|%2e){1,2}(?=[/\\?;]|%2f|%5c|$)", re.IGNORECASE)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_BODILESS = frozenset({"GET", "HEAD"})
_MOST_NAMES: Final = 1024
_BESIDES: Final = 4  # lines that stand in every head, the empty one among them


def check_target(request: Request, context: Context) -> None:
    """Raise `UnsafePath` where the target could name another resource than the one that was meant."""
    target = request.target
    if _PLAIN_TARGET.fullmatch(target) is not None:
        return
    if _TARGET.fullmatch(target) is None or _DOT_SEGMENT.search(target.partition("?")[0]) is not None:
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
    if TOKEN.fullmatch(token) is None:
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
    headers = request.headers
    if type(headers) is Fields and request.method in _BODILESS and request.content == b"":
        known = _known(request, headers, host)
        if known is not None:
            return known.encode()
    (lines, count), coding = _written(headers), ACCEPT_ENCODING
    if count < len(headers):
        ours = {name.lower(): value for name, value in headers}
        host = ours.get("host", host)
        if is_raw:
            coding = ours.get("accept-encoding", coding)
    framing = ""
    if request.method not in _BODILESS or request.content != b"":
        _lowered(request.method)
        framing = _framing(request)
    text = (
        f"{request.method} {request.target} HTTP/1.1\r\n"
        f"{lines}host: {host}\r\naccept-encoding: {coding}\r\n{framing}\r\n"
    )
    breaks = count + (_BESIDES + 1 if framing else _BESIDES)
    # As many breaks as lines, and so none within one.
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise ValueError("a header holds a line break or NUL")
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    # Raised out here: the other error quotes the whole head.
    raise ValueError("a header holds what is no text")


def _known(request: Request, headers: Fields, host: str) -> str | None:
    """Return the head of a request without a body, where no more than a look at each own value is needed for it."""
    target, lines, told = request.target, headers.fixed.lines, headers.told.lines
    # What is printable holds no break, no NUL, and nothing but text.
    if lines is None or told is None or not (target.isprintable() and host.isprintable()):
        return None
    for name, value in headers.own:
        begin = _begun.get(name)
        if not begin or not value.isprintable():
            return None
        lines = f"{lines}{begin}{value}\r\n"
    return (
        f"{request.method} {target} HTTP/1.1\r\n{lines}{told}host: {host}\r\naccept-encoding: {ACCEPT_ENCODING}\r\n\r\n"
    )


def _written(headers: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """Return a line for each header that is not ours to write, and how many these are."""
    try:
        return _with_fields(headers, _begun)
    except KeyError:
        return _with_fields(headers, _learned(headers))


def _with_fields(headers: Sequence[tuple[str, str]], begun: Mapping[str, str]) -> tuple[str, int]:
    text, count = "", 0
    for name, value in headers:
        begin = begun[name]
        if begin:
            text = f"{text}{begin}{value}\r\n"
            count += 1
    return text, count


def _framing(request: Request) -> str:
    """Return the line that says how long a request's body is, empty where there is none to be."""
    content = request.content
    if not isinstance(content, bytes):
        length = declared_length(request)
        return "transfer-encoding: chunked\r\n" if length is None else f"content-length: {length}\r\n"
    return f"content-length: {len(content)}\r\n" if content or request.method in _WITH_BODY else ""


def _learned(headers: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, _ in headers:
        lowered = _lowered(name)
        found[name] = "" if lowered in FRAMING or lowered == "host" else f"{name}: "
    # The same few names come with every request; a caller who makes them up fills no memory.
    if len(_begun) < _MOST_NAMES:
        _begun.update(found)
    return found
