"""Write a request's head, so that nothing in it can be taken for another header, request or resource."""

import re
from contextlib import suppress
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


def check_target(request: Request, context: Context) -> None:
    """Raise `UnsafePath` where the target could name another resource than the one that was meant."""
    target = request.target
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
    _lowered(request.method)
    lines = [f"{request.method} {request.target} HTTP/1.1", f"accept-encoding: {ACCEPT_ENCODING}"]
    has_host = False
    for name, value in request.headers:
        lowered = _lowered(name)
        if lowered not in FRAMING:
            has_host = has_host or lowered == "host"
            lines.append(f"{name}: {value}")
        elif is_raw and lowered == "accept-encoding":
            lines[1] = f"{lowered}: {value}"
    if not has_host:
        lines.append(f"host: {host}")
    content = request.content
    if not isinstance(content, bytes):
        length = declared_length(request)
        lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    elif content or request.method in _WITH_BODY:
        lines.append(f"content-length: {len(content)}")
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise ValueError("a header holds a line break or NUL")
    with suppress(UnicodeEncodeError):
        return f"{text}\r\n\r\n".encode()
    # Raised out here: the other error quotes the whole head.
    raise ValueError("a header holds what is no text")
