"""Find floats in an answer that msgspec would spell in another way than pydantic: `1e16` for `1e+16`."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias, Union, cast

__all__ = ["Where", "has_large", "where"]

Where: TypeAlias = Mapping[str | None, Union["Where", None]]
"""Where floats may stand: by the key of a dict, by `None` the items of a list; `None` as a value is anywhere below."""

_FIRST_LARGE: Final = 1e16


def where(paths: Iterable[tuple[str | None, ...]]) -> Where | None:
    """
    Return the places that paths lead to, `None` for the items of a list.

    >>> where([("rating",), ("reviews", None, "score")])
    {'rating': None, 'reviews': {None: {'score': None}}}
    """
    found: dict[str | None, Any] = {}
    for path in paths:
        if not path:
            return None
        here: MutableMapping[str | None, Any] = found
        for key in path[:-1]:
            inner = here.setdefault(key, {})
            if inner is None:
                break
            here = inner
        else:
            here[path[-1]] = None
    return found


def has_large(value: object, places: Where | None) -> bool:
    """Say whether one of the floats in an answer is as large as that, or no number at all."""
    if isinstance(value, float):
        return not -_FIRST_LARGE < value < _FIRST_LARGE
    if isinstance(value, (list, tuple)):
        items = cast("Iterable[object]", value)
        if places is None:
            return any(has_large(item, None) for item in items)
        return None in places and any(has_large(item, places[None]) for item in items)
    if isinstance(value, dict):
        parts = cast("Mapping[str | None, object]", value)
        if places is None:
            return any(has_large(part, None) for part in parts.values())
        return any(has_large(parts.get(key), inner) for key, inner in places.items() if key is not None)
    return False
