"""Cut the lists of an answer to the length that a client takes, and say where that was done."""

from collections.abc import Iterator, Mapping, MutableSequence
from typing import Any, Final, cast

from pydantic_core import from_json, to_json

from bff.rest._partial import bare_item

__all__ = ["TRUNCATED_HEADER", "cut", "truncated_header"]

TRUNCATED_HEADER: Final = "BFF-Truncated"

_MOST_PATHS = 20


def cut(body: bytes, longest: int) -> tuple[bytes, dict[str, int]]:
    """
    Return an answer with its lists cut to `longest` items, and the whole lengths of those that were, by path.

    A `*` in a path stands for every item of a list; the length is then that of the longest of them.

    >>> cut(b'{"lines":[1,2,3]}', 2)
    (b'{"lines":[1,2]}', {'lines': 3})
    """
    value = from_json(body)
    cuts: dict[str, int] = {}
    for path, items in _lists(value, ()):
        if len(items) > longest:
            name = ".".join(path) or "*"
            cuts[name] = max(len(items), cuts.get(name, 0))
            del items[longest:]
    return (to_json(value), cuts) if cuts else (body, cuts)


def truncated_header(cuts: Mapping[str, int]) -> str:
    """
    Return an RFC 9651 List of the paths where a list was cut, each with how long it was.

    Past so many paths, which only a mapping with a list under every key has, a last item `*` stands for the rest.

    >>> truncated_header({"reviews": 120})
    'reviews;total=120'
    """
    items = [f"{bare_item(path)};total={total}" for path, total in [*cuts.items()][:_MOST_PATHS]]
    return ", ".join([*items, "*"] if len(cuts) > _MOST_PATHS else items)


def _lists(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], MutableSequence[Any]]]:
    """Yield the lists of an answer with their paths, the outer ones first, so that what is cut off is not gone into."""
    if isinstance(value, list):
        items = cast("MutableSequence[Any]", value)
        yield path, items
        for item in items:
            yield from _lists(item, (*path, "*"))
    elif isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            yield from _lists(part, (*path, key))
