"""Read from an upstream's answer how long it may be used again, and combine what several answers allow."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["UNSTORABLE", "Freshness", "freshness_of", "header", "list_field", "strictest"]

_LONGEST: Final = 2**31  # RFC 9111 section 1.2.2: a larger delta-seconds counts as this
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# All that counts, but for the `Date` that goes with `Expires`.
_SAID: Final = re.compile(rb"\r\n(cache-control|set-cookie|vary|expires|age):([^\r]*)")
_MEMBER = re.compile(rf'[ \t]*(?:({_WORD})(?:=({_WORD}|"(?:[^"\\]|\\.)*"))?)?[ \t]*(?:,|\Z)')


class Freshness(NamedTuple):
    """
    What one answer, or several together, allow a cache to do.

    `seconds` is the freshness that remains, never negative, and `None` where the answer gives none: it may be
    kept, but has to be asked about every time. `must_revalidate` forbids to use it stale, also in need.
    """

    seconds: int | None = None
    private: bool = False
    no_store: bool = False
    must_revalidate: bool = False


UNSTORABLE: Final = Freshness(private=True, no_store=True, must_revalidate=True)
"""What partial answers, errors and writes allow, and what a header that nobody can read is taken to mean."""


_NOTHING: Final = Freshness()


def freshness_of(headers: Mapping[str, str]) -> Freshness:
    """
    Return what an answer with these headers allows.

    `headers` is looked up by lower-case names; of a multi-dict, which has `getall`, every line of a field counts.
    One that has `search` finds a pattern in all of its lines, in lower case.
    What we say goes to a client's own cache and to shared ones before it, in one `max-age` for both, so every
    doubt is settled for the shorter: `s-maxage` shortens and never lengthens (alone it gives a client's own
    cache nothing), the arguments of `private="..."` and `no-cache="..."` do not narrow them, a bad number is
    stale, and an answer that sets a cookie is private.
    """
    search: Callable[[re.Pattern[bytes]], list[tuple[bytes, bytes]]] | None = getattr(headers, "search", None)
    if search is not None:
        # Where an answer's head is kept as it came, one look at it is often all that is needed.
        said = search(_SAID)
        if not said:
            return _NOTHING
        if len(said) == 1 and said[0][0] == b"cache-control":
            return _read_line(said[0][1])
    return _looked_up(headers)


def _looked_up(headers: Mapping[str, str]) -> Freshness:
    control = list_field(headers, "cache-control")
    freshness = _NOTHING if control is None else _read(control)
    if freshness.no_store:
        return UNSTORABLE
    if "set-cookie" in headers and not freshness.private:
        freshness = freshness._replace(private=True)
    if "vary" in headers and "*" in (list_field(headers, "vary") or ""):
        return freshness._replace(seconds=None)
    expires = headers.get("expires")
    if expires is not None and not _settles(control):
        freshness = freshness._replace(seconds=_capped(_until(expires, headers.get("date", "")), control))
    age = headers.get("age")
    if age is None or not freshness.seconds:
        return freshness
    remaining = freshness.seconds - _seconds(age.partition(",")[0].strip(), bad=_LONGEST)
    return Freshness(max(0, remaining), freshness.private, freshness.no_store, freshness.must_revalidate)


def strictest(*answers: Freshness) -> Freshness:
    """
    Return what all of `answers` allow; without any, nobody said how long it holds, and so it gives no freshness.

    >>> strictest(Freshness(60), Freshness(10, private=True))
    Freshness(seconds=10, private=True, no_store=False, must_revalidate=False)
    """
    if not answers:
        return Freshness()
    first, *others = answers
    if not others:
        return first
    seconds, private, no_store, must = first.seconds, first.private, first.no_store, first.must_revalidate
    for other in others:
        seconds = None if seconds is None or other.seconds is None else min(seconds, other.seconds)
        private, no_store = private or other.private, no_store or other.no_store
        must = must or other.must_revalidate
    return Freshness(seconds, private, no_store, must)


def header(freshness: Freshness, *, personal: bool) -> str:
    """
    Return the `Cache-Control` of an answer; `personal` says that who is asking took part in it.

    >>> header(Freshness(60), personal=True)
    'private, max-age=60'
    """
    if freshness.no_store:
        return "no-store"
    private = "private, " if personal or freshness.private else ""
    if freshness.seconds is None:
        return f"{private}no-cache"
    return f"{private}max-age={freshness.seconds}{', must-revalidate' if freshness.must_revalidate else ''}"


def list_field(headers: Mapping[str, str], name: str) -> str | None:
    """Return the value of a list-based field, its lines joined (RFC 9110 section 5.2)."""
    value = headers.get(name)
    getall: Callable[[str], list[str]] | None = getattr(headers, "getall", None)
    return value if value is None or getall is None else ", ".join(getall(name))


@lru_cache(maxsize=256)
def _directives(control: str) -> Mapping[str, tuple[str, ...]] | None:
    """Parse a Cache-Control (RFC 9111 section 5.2) into the arguments of each directive, `None` where it is none."""
    found: dict[str, tuple[str, ...]] = {}
    position = 0
    while position < len(control):
        member = _MEMBER.match(control, position)
        if member is None:
            return None
        name, argument = member[1], member[2] or ""
        if name is not None:
            if argument.startswith('"'):
                argument = re.sub(r"\\(.)", r"\1", argument[1:-1])
            found[name.lower()] = (*found.get(name.lower(), ()), argument)
        position = member.end()
    return found


@lru_cache(maxsize=256)
def _read(control: str) -> Freshness:
    directives = _directives(control)
    if directives is None or "no-store" in directives:
        return UNSTORABLE
    given = [_seconds(argument) for argument in directives.get("max-age", ())]
    return Freshness(
        seconds=_capped(min(given), control) if given and "no-cache" not in directives else None,
        private="private" in directives,
        must_revalidate="must-revalidate" in directives or "proxy-revalidate" in directives,
    )


@lru_cache(maxsize=256)
def _read_line(control: bytes) -> Freshness:
    return _read(control.decode("utf-8", "surrogateescape"))


def _settles(control: str | None) -> bool:
    """Say whether a Cache-Control leaves `Expires` without a say (RFC 9111 section 5.3)."""
    return control is not None and not {"max-age", "no-cache"}.isdisjoint(_directives(control) or ())


def _capped(seconds: int | None, control: str | None) -> int | None:
    directives = _directives(control) if control is not None else None
    if seconds is None or not directives:
        return seconds
    return min(seconds, *(_seconds(argument) for argument in directives.get("s-maxage", ())), _LONGEST)


@lru_cache(maxsize=256)
def _until(expires: str, date: str) -> int | None:
    """Return the seconds from `date` to `expires`; no `Date` gives no freshness, a bad `Expires` is long past."""
    start, end = _timestamp(date), _timestamp(expires)
    if start is None:
        return None
    return 0 if end is None else min(max(0, end - start), _LONGEST)


def _timestamp(date: str) -> int | None:
    try:
        moment = parsedate_to_datetime(date)
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (OverflowError, ValueError):
        return None


def _seconds(text: str, *, bad: int = 0) -> int:
    """Return delta-seconds (RFC 9111 section 1.2.2), or `bad` where it is none."""
    if not (text.isascii() and text.isdigit()):
        return bad
    return min(int(text), _LONGEST) if len(text) <= len(str(_LONGEST)) else _LONGEST
