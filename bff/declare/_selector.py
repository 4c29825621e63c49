"""Which requests are a client's where one process serves several: by their host, a header, a range of versions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

__all__ = ["Selector", "Versions", "hosts_in", "pairs_in", "selector"]

Version: TypeAlias = tuple[int, ...]

_COMPARISON = re.compile(r"\s*(>=|<=|==|>|<)\s*(\d{1,9}(?:\.\d{1,9}){0,7})\s*", re.ASCII)
# What follows a hyphen or a plus says how a version was built, and not which one it is.
_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,7})(?:[-+].*)?", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
_PORT = re.compile(r":\d*$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Versions:
    """A range of dotted version numbers; a bound is a version and whether it is in the range itself, or `None`."""

    low: tuple[Version, bool] | None = None
    high: tuple[Version, bool] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no version is in it."""
        if self.low is None or self.high is None:
            return False
        (low, with_low), (high, with_high) = self.low, self.high
        return low > high or (low == high and not (with_low and with_high))

    def __contains__(self, text: object) -> bool:
        match = _VERSION.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            return False
        version = _version(match[1])
        return not self.meet(Versions((version, True), (version, True))).is_empty

    def meet(self, other: "Versions") -> "Versions":
        """Return the versions that are in both."""
        # Of two lower bounds at one version, the one without it is the stricter; of two upper bounds too.
        lows = [bound for bound in (self.low, other.low) if bound]
        highs = [bound for bound in (self.high, other.high) if bound]
        low = max(lows, key=lambda bound: (bound[0], not bound[1]), default=None)
        return Versions(low, min(highs, default=None))


@dataclass(frozen=True, slots=True)
class Selector:
    """
    What a request must say to be a client's: one of `hosts`, where there are any, and all of `headers`.

    A header, by its name in lower case, has a value of its own or a version out of a range.
    """

    hosts: frozenset[str] = frozenset()
    headers: tuple[tuple[str, str | Versions], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.hosts or self.headers)

    @property
    def rank(self) -> tuple[int, int]:
        """How much it asks for: the number of conditions, then how many of them are exact."""
        exact = bool(self.hosts) + sum(isinstance(wanted, str) for _, wanted in self.headers)
        return bool(self.hosts) + len(self.headers), exact

    def matches(self, headers: Mapping[str, str]) -> bool:
        """Say whether a request with these headers, by lower-case name, is the client's."""
        if self.hosts and _hostname(headers.get("host", "")) not in self.hosts:
            return False
        return all(_is_said(headers.get(name), wanted) for name, wanted in self.headers)

    def shares_host(self, other: "Selector") -> bool:
        """Say whether a request's host may be that of both."""
        return not (self.hosts and other.hosts) or bool(self.hosts & other.hosts)

    def ties(self, other: "Selector") -> bool:
        """Say whether there are requests that are both's, with nothing to say whose more."""
        if self.rank != other.rank or bool(self.hosts) != bool(other.hosts) or not self.shares_host(other):
            return False
        mine, theirs = dict(self.headers), dict(other.headers)
        return mine.keys() == theirs.keys() and all(_may_be_both(mine[name], theirs[name]) for name in mine)


def selector(host: object, header: object) -> Selector:
    """
    Return the selector for a profile's `host` and `header`; what is malformed in them is left out.

    >>> selector("M.example.com", ("X-App-Version", ">=2")).headers
    (('x-app-version', Versions(low=((2,), True), high=None)),)
    """
    pairs = pairs_in(header) or ()
    return Selector(
        frozenset(hosts_in(host) or ()),
        tuple((name.lower(), versions(text) or text) for name, text in pairs),
    )


def hosts_in(value: object) -> tuple[str, ...] | None:
    """Return the hosts that a setting names, in lower case; `None` where one of them is no host."""
    if value is None:
        return ()
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (tuple, list, set, frozenset)) or not names:
        return None
    known = [name for name in cast("Sequence[object]", names) if isinstance(name, str) and _HOST.fullmatch(name)]
    return tuple(name.lower() for name in known) if len(known) == len(cast("Sequence[object]", names)) else None


def pairs_in(value: object) -> tuple[tuple[str, str], ...] | None:
    """Return the headers that a setting names, with what each has to say; `None` where it is malformed."""
    if value is None:
        return ()
    if isinstance(value, Mapping):
        pairs: Sequence[object] = [*cast("Mapping[object, object]", value).items()]
    else:
        pairs = (value,)
    found = [cast("tuple[str, str]", tuple(cast("Sequence[str]", pair))) for pair in pairs if _is_pair(pair)]
    is_sound = 0 < len(found) == len(pairs) == len({name.lower() for name, _ in found})
    return tuple(found) if is_sound else None


def versions(text: str) -> Versions | None:
    """
    Return the range that a text describes, `None` where it describes none.

    >>> "2.10" in versions(">=2,<3"), "3.0" in versions(">=2, <3")
    (True, False)
    """
    found = Versions()
    for part in text.split(","):
        match = _COMPARISON.fullmatch(part)
        if match is None:
            return None
        operator, version = match[1], _version(match[2])
        bound = (version, "=" in operator)
        low = bound if operator in {">", ">=", "=="} else None
        found = found.meet(Versions(low, bound if operator in {"<", "<=", "=="} else None))
    return None if found.is_empty else found


def _version(text: str) -> Version:
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _is_pair(value: object) -> bool:
    if not isinstance(value, (tuple, list)) or not all(isinstance(part, str) for part in cast("list[object]", value)):
        return False
    match cast("Sequence[str]", value):
        case [name, text]:
            is_range = text.lstrip().startswith(("<", ">", "="))
            return bool(_TOKEN.fullmatch(name) and text.strip()) and (not is_range or versions(text) is not None)
        case _:
            return False


def _hostname(text: str) -> str:
    """Return the host that a `Host` header names, less its port and the dot of a full name."""
    return _PORT.sub("", text.strip()).rstrip(".").lower()


def _is_said(said: str | None, wanted: str | Versions) -> bool:
    if said is None:
        return False
    return said.strip() == wanted if isinstance(wanted, str) else said in wanted


def _may_be_both(one: str | Versions, other: str | Versions) -> bool:
    match one, other:
        case Versions(), Versions():
            return not one.meet(other).is_empty
        case Versions(), str():
            return other in one
        case str(), Versions():
            return one in other
        case _:
            return one == other
