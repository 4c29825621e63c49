"""Choose the client profile that a request belongs to, among those that are served under one prefix."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from bff.declare._profile import Profile, selector_of
from bff.declare._selector import Selector
from bff.declare._source import class_place
from bff.errors import Problem

__all__ = ["Choice", "choices", "indistinct", "prefixes"]

_CHOSEN = "bff.chosen"


class Choice:
    """
    The profiles of one prefix, the most particular one first.

    Of several whose selectors match a request the one with more conditions answers, then a subclass before its base,
    then an exact value before a range, then the one that was given first. One without a selector takes what is left.
    """

    def __init__(self, profiles: Sequence[type[Profile]]) -> None:
        self._selectors: Mapping[type[Profile], Selector] = {cls: selector_of(cls) for cls in _ordered(profiles)}
        self._names = frozenset(
            name.encode()
            for selector in self._selectors.values()
            for name in (*(["host"] if selector.hosts else []), *(name for name, _ in selector.headers))
        )

    def __repr__(self) -> str:
        return f"<Choice of {', '.join(profile.__name__ for profile in self._selectors)}>"

    def of(self, scope: MutableMapping[str, Any]) -> type[Profile] | None:
        """Return the profile that a request belongs to, if any."""
        known = scope.get(_CHOSEN)
        if known is None or known[0] is not self:
            headers = self._headers(scope["headers"])
            chosen = next((cls for cls, selector in self._selectors.items() if selector.matches(headers)), None)
            known = scope[_CHOSEN] = (self, chosen)
        return known[1]

    def place(self, profile: type[Profile]) -> int:
        """Return how many profiles are more particular than this one."""
        return [*self._selectors].index(profile)

    def vary(self, profile: type[Profile]) -> tuple[str, ...]:
        """Return the headers that decide whether a request is this profile's; its host is part of its address."""
        own = self._selectors[profile]
        rivals = (selector for selector in self._selectors.values() if selector.shares_host(own))
        return tuple(dict.fromkeys(name for selector in rivals for name, _ in selector.headers))

    def _headers(self, raw: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        for name, value in raw:
            if name in self._names:
                key, text = name.decode("latin-1"), value.decode("latin-1")
                headers[key] = f"{headers[key]}, {text}" if key in headers else text
        return headers


def _ordered(profiles: Sequence[type[Profile]]) -> Sequence[type[Profile]]:
    ranks = {profile: selector_of(profile).rank for profile in profiles}
    ordered: list[type[Profile]] = []
    for profile in sorted(profiles, key=ranks.__getitem__, reverse=True):
        bases = (at for at, other in enumerate(ordered) if _is_version(profile, other, ranks))
        ordered.insert(next(bases, len(ordered)), profile)
    return ordered


def _is_version(profile: type[Profile], other: type[Profile], ranks: Mapping[type[Profile], tuple[int, int]]) -> bool:
    return issubclass(profile, other) and ranks[profile][0] == ranks[other][0] > 0


def prefixes(profiles: Sequence[type[Profile]]) -> dict[type[Profile], str]:
    """
    Return where each profile is served.

    What tells its requests apart is its prefix, or else its selector, at the root; one that has neither has its name
    for a prefix, unless it is the only such one and takes what the selectors of the others leave.
    """
    bare = [profile for profile in profiles if profile.prefix is None and not selector_of(profile)]
    is_fallback = len(bare) == 1 and all(selector_of(profile) for profile in profiles if profile not in bare)
    found: dict[type[Profile], str] = {}
    for profile in profiles:
        named = f"/{profile.name}" if profile in bare and not is_fallback else ""
        found[profile] = named if profile.prefix is None else profile.prefix
    return found


def choices(prefixed: Mapping[type[Profile], str]) -> Mapping[type[Profile], Choice]:
    """Return the choice that each profile takes part in; there is none where a prefix says it all."""
    found: dict[type[Profile], Choice] = {}
    for prefix in dict.fromkeys(prefixed.values()):
        group = [profile for profile in prefixed if prefixed[profile] == prefix]
        if any(map(selector_of, group)):
            found |= dict.fromkeys(group, Choice(group))
    return found


def indistinct(profiles: Sequence[type[Profile]]) -> list[Problem]:
    """Return what is wrong where nothing tells the requests of two profiles apart."""
    problems: list[Problem] = []
    prefixed = prefixes(profiles)
    for number, profile in enumerate(profiles):
        for first in profiles[:number]:
            if prefixed[first] == prefixed[profile] and _ties(first, profile):
                problems.append(_indistinct(first, profile, prefixed[profile]))
                break
    return problems


def _ties(one: type[Profile], other: type[Profile]) -> bool:
    mine, theirs = selector_of(one), selector_of(other)
    # A version of a client comes before the one that it is made from, if it asks for anything else at all.
    is_version = issubclass(one, other) or issubclass(other, one)
    return mine.ties(theirs) and (mine == theirs or not is_version)


def _indistinct(first: type[Profile], profile: type[Profile], prefix: str) -> Problem:
    selector = selector_of(profile)
    if not selector:
        what = f"{first.__name__} and {profile.__name__} are both served under `{prefix or '/'}`"
        name, mend = "prefix", "give one of them another `prefix`"
    else:
        what = f"one request may be that of {first.__name__} and of {profile.__name__}: their selectors overlap"
        name = "header" if selector.headers else "host"
        mend = f"give one of them another `{name}`, or another `prefix`"
    return Problem(what, mend, f"{profile.__name__}.{name}", *class_place(profile, name))
