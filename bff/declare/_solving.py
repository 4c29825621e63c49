"""Find what the variables of a generic type have to be."""

import types
from collections.abc import Iterator
from typing import TypeVar, Union, get_args

from bff.declare._generics import bases_of
from bff.declare._types import Type, element, mapping_value, origin_of, without_none


def solved(pattern: Type, given: Type) -> Iterator[tuple[Type, Type]]:
    """
    Yield what type variables have to be for a type to fit a pattern.

    >>> T = TypeVar("T")
    >>> [*solved(list[T], list[int])]
    [(~T, <class 'int'>)]
    """
    if isinstance(pattern, TypeVar):
        yield pattern, given
    elif origin_of(pattern) in (Union, types.UnionType):
        parts = [part for part in get_args(pattern) if part is not type(None)]
        rest = without_none(given) if len(parts) < len(get_args(pattern)) else given
        yield from (pair for part in parts for pair in solved(part, rest))
    elif element(pattern) is not None and element(given) is not None:
        yield from solved(get_args(pattern)[0] if get_args(pattern) else object, element(given))
    elif mapping_value(pattern) is not None and mapping_value(given) is not None and get_args(pattern):
        yield from solved(get_args(pattern)[1], mapping_value(given))
    else:
        known = {origin_of(base): get_args(base) for base in bases_of(given)}
        for part, argument in zip(get_args(pattern), known.get(origin_of(pattern), ()), strict=False):
            yield from solved(part, argument)
