"""Write an outcome, or a failure, as a status, headers and a body."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from bff.ambassador._freshness import UNSTORABLE, Freshness, header, strictest
from bff.rest._cut import TRUNCATED_HEADER, truncated_header
from bff.rest._identity import etag, matches
from bff.rest._partial import PARTIAL_HEADER, partial_header
from bff.rest._problems import PROBLEM_MEDIA_TYPE, ProblemDetails

Headers: TypeAlias = list[tuple[bytes, bytes]]

_CACHE_CONTROL, _ETAG, _VARY = b"cache-control", b"etag", b"vary"
_PARTIAL = PARTIAL_HEADER.lower().encode()
_TRUNCATED = TRUNCATED_HEADER.lower().encode()
_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", PROBLEM_MEDIA_TYPE.encode())
_NO_STORE = (_CACHE_CONTROL, header(UNSTORABLE, personal=False).encode())


BODILESS = (204, 205)
"""Statuses of answers that hold nothing: RFC 9110 sections 15.3.5 and 15.3.6."""


@dataclass(frozen=True, slots=True)
class Manner:
    """
    What holds for every answer of an endpoint.

    `is_personal` says that who is asking takes part in it, `vary` names the headers that do; only a `is_read` may be
    kept by caches and asked for again with `If-None-Match`. `chosen_by` are the headers by which a request came to
    this endpoint and not to another client's: they decide about failures too.
    """

    status: int
    is_read: bool
    is_personal: bool
    vary: tuple[str, ...]
    chosen_by: tuple[str, ...] = ()


@dataclass(slots=True)
class Reply:
    """
    What goes back to a client; `cause` is that of a failure, `missing` the paths that took a default.

    It is not frozen, as there is one for every request: that would make it three times as dear.
    """

    status: int
    headers: Headers
    body: bytes
    missing: tuple[str, ...] = ()
    cause: str = ""


def success(
    body: bytes,
    manner: Manner,
    *,
    missing: Sequence[tuple[str, str]],
    freshness: Iterable[Freshness],
    if_none_match: str | None,
    cuts: Mapping[str, int] | None = None,
) -> Reply:
    """
    Return the reply for an answer; a client that has it already gets `304`.

    A partial answer, and that of a write, is not to be kept: it has neither freshness nor an `ETag`. `cuts` are the
    whole lengths of lists that were cut, by path.
    """
    headers: Headers = [_JSON]
    if manner.status in BODILESS:
        headers, body = [], b""
    if cuts:
        headers.append((_TRUNCATED, truncated_header(cuts).encode()))
    if missing:
        headers += [(_PARTIAL, partial_header(missing).encode()), _NO_STORE]
        return Reply(manner.status, with_vary(headers, manner.vary), body, tuple(path for path, _ in missing))
    if not manner.is_read:
        headers.append(_NO_STORE)
        return Reply(manner.status, with_vary(headers, manner.chosen_by), body)
    control = _control(tuple(freshness), manner.is_personal)
    if control is _NO_STORE:
        headers.append(_NO_STORE)
        return Reply(manner.status, with_vary(headers, manner.vary), body)
    tag = etag(body)
    if if_none_match is not None and matches(if_none_match, tag):
        return Reply(304, with_vary([(_ETAG, tag.encode()), control], manner.vary), b"")
    headers.append((_ETAG, tag.encode()))
    headers.append(control)
    return Reply(manner.status, with_vary(headers, manner.vary), body)


def failure(problem: ProblemDetails, chosen_by: Sequence[str] = ()) -> Reply:
    """Return the reply for a problem; `chosen_by` are the headers by which the request came to who answers it."""
    headers: Headers = [_PROBLEM, _NO_STORE]
    if problem.retry_after is not None:
        headers.append((b"retry-after", b"%d" % problem.retry_after))
    return Reply(problem.status, with_vary(headers, chosen_by), problem.body(), cause=problem.cause)


def with_vary(headers: Headers, names: Sequence[str]) -> Headers:
    """Add `Vary` to headers, where there is anything to vary by."""
    if names:
        headers.append(_vary(tuple(names)))
    return headers


@lru_cache(maxsize=256)
def _vary(names: tuple[str, ...]) -> tuple[bytes, bytes]:
    return _VARY, ", ".join(names).encode()


@lru_cache(maxsize=1024)
def _control(answers: tuple[Freshness, ...], is_personal: bool) -> tuple[bytes, bytes]:
    """Return the `Cache-Control` of what is made of several answers; many pages are made of the same few."""
    allowed = strictest(*answers)
    return _NO_STORE if allowed.no_store else (_CACHE_CONTROL, header(allowed, personal=is_personal).encode())
