"""What type an operator gives for two types."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, cast, get_args

from bff.declare._types import Type, as_class, element, fits, listed, members, origin_of, union


def base_of(tp: Type) -> Type:
    """Return a type with its literals widened to their classes."""
    if origin_of(tp) is Literal:
        return union(cast("Type", type(value)) for value in get_args(tp))
    return tp


_NUMBERS = (int, float, Decimal)
_ORDERED = (str, bytes, int, float, Decimal, date, datetime, time, timedelta)
_ADDED: Mapping[tuple[Type, Type], Type] = {
    (str, str): str,
    (datetime, timedelta): datetime,
    (timedelta, datetime): datetime,
    (date, timedelta): date,
    (timedelta, timedelta): timedelta,
}
_SUBTRACTED: Mapping[tuple[Type, Type], Type] = {
    (datetime, datetime): timedelta,
    (datetime, timedelta): datetime,
    (date, timedelta): date,
    (date, date): timedelta,
    (timedelta, timedelta): timedelta,
}


def result_of(operator: str, left: Type, right: Type) -> Type | None:
    """
    Return the type that `left operator right` has for two types without `None`, or `None` where it has none.

    >>> result_of("/", int, int)
    <class 'float'>
    """
    pairs = [(base_of(a), base_of(b)) for a in members(left) for b in members(right)]
    pairs = [(a, b) for wide_a, wide_b in pairs for a in members(wide_a) for b in members(wide_b)]
    results = [_RULES[operator](operator, _plain(a), _plain(b)) for a, b in pairs]
    return None if any(result is None for result in results) else union(results)


def _plain(tp: Type) -> Type:
    """Return the builtin that a class is for arithmetic: an `IntEnum` is an `int`, a `StrEnum` a `str`."""
    cls = as_class(tp)
    builtins = (bool, int, float, str, Decimal)
    return tp if cls is None else next((base for base in builtins if issubclass(cls, base)), tp)


def _arithmetic(operator: str, left: Type, right: Type) -> Type | None:
    left, right = (int if side is bool else side for side in (left, right))
    if left in _NUMBERS and right in _NUMBERS:
        if Decimal in (left, right):
            return None if float in (left, right) else Decimal
        return float if float in (left, right) or operator == "/" else int
    table = {"+": _ADDED, "-": _SUBTRACTED}.get(operator, {})
    item, other = element(left), element(right)
    if operator == "+" and item is not None and other is not None:
        return listed(union((item, other)))
    return table.get((left, right))


def _logic(_: str, left: Type, right: Type) -> Type | None:
    if left is bool and right is bool:
        return bool
    return int if left in (int, bool) and right in (int, bool) else None


def _order(_: str, left: Type, right: Type) -> Type | None:
    left, right = (int if side is bool else side for side in (left, right))
    if left in _NUMBERS and right in _NUMBERS:
        return bool
    return bool if left is right and left in _ORDERED else None


def _equality(_: str, left: Type, right: Type) -> Type | None:
    left, right = (int if side is bool else side for side in (left, right))
    both_numbers = left in _NUMBERS and right in _NUMBERS
    return bool if both_numbers or fits(left, right) or fits(right, left) else None


_RULES: Mapping[str, Callable[[str, Type, Type], Type | None]] = {
    **dict.fromkeys(("+", "-", "*", "/", "//", "%"), _arithmetic),
    **dict.fromkeys(("&", "|"), _logic),
    **dict.fromkeys(("<", "<=", ">", ">="), _order),
    **dict.fromkeys(("==", "!="), _equality),
}
