"""Name a request, and name an answer, so that both can be recognised when they come again."""

import os
import re

from xxhash import xxh3_128_hexdigest

__all__ = ["etag", "matches", "request_id"]

_SANE_ID = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}")
_OPAQUE = r'"[\x21\x23-\x7e\x80-\xff]*"'
_TAG = re.compile(rf"(?:W/)?({_OPAQUE})")
_TAGS = re.compile(rf"[ \t,]*(?:W/)?{_OPAQUE}(?:[ \t]*,[ \t,]*(?:W/)?{_OPAQUE})*[ \t,]*")


def request_id(inbound: str | None) -> str:
    """
    Return the id that came with a request if it is fit for a header and a log line, else a new one.

    New ones are 128 random bits of the system's, which a fork or a seed cannot repeat, at a quarter of
    what `uuid4` costs.
    """
    return inbound if inbound is not None and _SANE_ID.fullmatch(inbound) else os.urandom(16).hex()


def etag(body: bytes) -> str:
    """
    Return a strong entity tag for `body`, quotes included.

    It tells versions of one resource apart, which nobody gains anything by confusing, and no secret hangs on it: 128
    bits that anybody can compute will do, at a twentieth of what SHA-256 costs.
    """
    return f'"{xxh3_128_hexdigest(body)}"'


def matches(if_none_match: str, tag: str) -> bool:
    """
    Say whether an `If-None-Match` names `tag`, by weak comparison (RFC 9110 sections 8.8.3.2 and 13.1.2).

    A field that is no list of entity tags names none: the client then gets the whole answer.

    >>> matches('W/"a", "b,c"', '"b,c"')
    True
    """
    if if_none_match == tag or if_none_match.strip(" \t") == "*":
        return True
    return _TAGS.fullmatch(if_none_match) is not None and tag.removeprefix("W/") in _TAG.findall(if_none_match)
