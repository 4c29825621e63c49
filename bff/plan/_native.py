"""What msgspec reads, and what it writes, exactly as pydantic does."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from types import UnionType
from typing import Any, Literal, Never, Union, get_args
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from bff.declare._types import Type, as_class, origin_of, unwrap

__all__ = ["is_read_alike", "is_written_alike", "reader_of_text"]

_READ = frozenset({str, int, float, bool, type(None), date})
_TEXTS = frozenset({Decimal, datetime, time, timedelta, UUID})
_WRITTEN = _READ | {Decimal, UUID}


def is_read_alike(tp: Type) -> bool:
    """Say whether msgspec makes what pydantic makes of all that it accepts for a type without parts."""
    return tp is None or (as_class(tp) is not None and tp in _READ) or _is_plain_choice(tp)


def reader_of_text(tp: Type) -> Callable[[str], Any] | None:
    """Return what makes a value of a text as pydantic does, where one is sent for a type; else `None`."""
    if as_class(tp) is None or tp not in _TEXTS:
        return None
    return TypeAdapter[Any](tp).validator.validate_python


def is_written_alike(tp: Type) -> bool:
    """
    Say whether msgspec writes all values of a type as pydantic does.

    Models may be among them: pydantic itself writes those, wherever they stand.
    """
    tp = unwrap(tp)
    origin, args = origin_of(tp) or tp, get_args(tp)
    if origin in (Union, UnionType):
        return all(map(is_written_alike, args))
    if origin in (list, tuple, Sequence):
        return bool(args) and all(arg is Ellipsis or is_written_alike(arg) for arg in args)
    if origin in (dict, Mapping):
        return bool(args) and unwrap(args[0]) is str and is_written_alike(args[1])
    if origin is Literal:
        return all(is_written_alike(type(value)) for value in args)
    cls = as_class(tp)
    is_known = cls is not None and (cls in _WRITTEN or issubclass(cls, BaseModel))
    return is_known or tp is Never or _is_plain_choice(tp)


def _is_plain_choice(tp: Type) -> bool:
    """Say whether a type is a few texts or whole numbers: a `Literal`, or an `Enum` that does nothing of its own."""
    if origin_of(tp) is Literal:
        return _are_plain(get_args(tp))
    cls = as_class(tp)
    if cls is None or not issubclass(cls, Enum) or issubclass(cls, Flag):
        return False
    is_own = any(name in vars(base) for base in cls.__mro__ if base is not Enum for name in _OWN)
    return not is_own and _are_plain([member.value for member in cls])


_OWN = ("_missing_", "__get_pydantic_core_schema__", "__reduce_ex__")
"""What an `Enum` of the user's may do besides having members."""


def _are_plain(values: Sequence[object]) -> bool:
    kinds: set[type] = {*map(type, values)}
    return bool(kinds) and kinds <= {str, int}
