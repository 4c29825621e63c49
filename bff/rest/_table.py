"""Find the page of a path at a cost that does not grow with the number of pages."""

import re
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from starlette._utils import get_route_path
from starlette.convertors import StringConvertor
from starlette.routing import BaseRoute, Match

from bff.rest._route import ChosenRoute, PageRoute

__all__ = ["Found", "Table"]

_PARAMETER = re.compile(r"\{([a-zA-Z_]\w*)(?::\w+)?\}", re.ASCII)


Found: TypeAlias = tuple[PageRoute, dict[str, str]]
"""The page that a request is for, and the values in its path."""


class _Placed(NamedTuple):
    """
    A page at its `place` among the routes; so many of the `others`, which are in no table, stand before it.

    `names` are those of its parameters, each with the number of its segment.
    """

    place: int
    others: int
    route: PageRoute
    names: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class _Node:
    """A place between two segments of paths: where it goes on by name, where by any segment, and what ends here."""

    named: dict[str, "_Node"] = field(default_factory=dict[str, "_Node"])
    other: "_Node | None" = None
    pages: list[_Placed] = field(default_factory=list[_Placed])

    def add(self, placed: _Placed, segments: Sequence[str]) -> None:
        """Add a page whose path goes on with `segments`."""
        node = self
        for segment in segments:
            if _PARAMETER.fullmatch(segment):
                node.other = node.other or _Node()
                node = node.other
            else:
                node = node.named.setdefault(segment, _Node())
        node.pages.append(placed)


class Table:
    """
    The pages among `routes` whose parameters are whole segments of their paths, for requests with their methods.

    What it finds is what the routes, tried one after the other, would come to. It finds nothing where it is not sure:
    for other methods, no page at all, a path that another page or a route of the user's has before.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._trees: dict[str, _Node] = {}
        self._others: list[BaseRoute] = []
        for place, route in enumerate(routes):
            segments = _segments(route)
            if segments is None or not isinstance(route, PageRoute):
                self._others.append(route)
                continue
            names = ((number, _PARAMETER.fullmatch(segment)) for number, segment in enumerate(segments))
            found = tuple((number, match[1]) for number, match in names if match)
            tree = self._trees.setdefault(route.page.method, _Node())
            tree.add(_Placed(place, len(self._others), route, found), segments)

    def find(self, scope: MutableMapping[str, Any]) -> Found | None:
        """Return the page that a request is for, if it can tell."""
        tree = self._trees.get(scope["method"])
        path: str = get_route_path(scope) if scope.get("root_path") else scope["path"]
        # A pattern of the router's ends before a newline that ends the path, too.
        if tree is None or path[-1:] == "\n":
            return None
        segments = path.split("/")
        for placed in _reached(tree, segments):
            _, others, route, names = placed
            if isinstance(route, ChosenRoute) and not route.is_chosen(scope):
                continue
            if others and self._is_taken(others, scope):
                return None
            values: dict[str, str] = {}
            for number, name in names:
                values[name] = segments[number]
            return route, values
        return None

    def _is_taken(self, others: int, scope: MutableMapping[str, Any]) -> bool:
        return any(other.matches(scope)[0] is Match.FULL for other in self._others[:others])


def _segments(route: BaseRoute) -> list[str] | None:
    """Return the segments of a page's path; of others, and of paths that have more than names in braces, none."""
    # A class that somebody derived may match as it likes.
    if type(route) not in (PageRoute, ChosenRoute) or not isinstance(route, PageRoute):
        return None
    if any(type(convertor) is not StringConvertor for convertor in route.param_convertors.values()):
        return None
    segments = route.path.split("/")
    is_plain = all(_PARAMETER.fullmatch(segment) for segment in segments if "{" in segment or "}" in segment)
    # What the router takes for methods besides the declared one (HEAD beside GET) is the router's.
    return segments if is_plain and route.page.method in (route.methods or ()) else None


def _reached(node: _Node, segments: Sequence[str]) -> Sequence[_Placed]:
    """Return the pages whose paths have these segments, in the order of their places."""
    for number, segment in enumerate(segments, 1):
        named, other = node.named.get(segment), node.other
        # A parameter takes anything but an empty segment.
        if other is None or not segment:
            if named is None:
                return ()
            node = named
        elif named is None:
            node = other
        else:
            rest = segments[number:]
            return sorted([*_reached(named, rest), *_reached(other, rest)], key=attrgetter("place"))
    return node.pages
