"""What msgspec reads, and what it writes, exactly as pydantic does."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from types import UnionType
from typing import Annotated, Any, Literal, Never, Union, get_args
from uuid import UUID

from msgspec import Meta
from pydantic import BaseModel, TypeAdapter

from bff.declare._generics import remembered
from bff.declare._types import Type, as_class, origin_of, unwrap

__all__ = ["is_made_alike", "is_read_alike", "is_written_alike", "reader_of_text", "small_float"]

_READ = frozenset({str, int, float, bool, type(None), date})
_TEXTS = frozenset({Decimal, datetime, time, timedelta, UUID})
_WRITTEN = frozenset({str, int, bool, type(None), date, datetime, time, Decimal, UUID})


def small_float() -> Type:
    """
    Return the type of the floats that msgspec writes as pydantic does: from 1e16 on it leaves out the `+` of `1e+16`.
    """
    return Annotated[float, Meta(gt=-1e16, lt=1e16)]


def is_read_alike(tp: Type) -> bool:
    """Say whether msgspec makes what pydantic makes of all that it accepts for a type without parts."""
    return tp is None or (as_class(tp) is not None and tp in _READ) or _is_plain_choice(tp)


@remembered
def reader_of_text(tp: Type) -> Callable[[str], Any] | None:
    """Return what makes a value of a text as pydantic does, where one is sent for a type; else `None`."""
    if as_class(tp) is None or tp not in _TEXTS:
        return None
    return TypeAdapter[Any](tp).validator.validate_python


def is_written_alike(tp: Type, *, has_small_floats: bool = False) -> bool:
    """
    Say whether msgspec writes all values of a type as pydantic does, where they have been read from JSON.

    Models may be among them: pydantic itself writes those, wherever they stand.
    """
    return all(leaf is float and has_small_floats for leaf in _unlike(tp))


def is_made_alike(tp: Type, *, has_small_floats: bool = False) -> bool:
    """Say the same of values that code of the user's may have made: their offsets from UTC are of any length."""
    return is_written_alike(tp, has_small_floats=has_small_floats) and not _has_offsets(tp)


@remembered
def _has_offsets(tp: Type) -> bool:
    return any(leaf in (datetime, time) for leaf in _leaves(tp))


@remembered
def _unlike(tp: Type) -> tuple[Type, ...]:
    return tuple(leaf for leaf in _leaves(tp) if not _is_written_alike(leaf))


@remembered
def _leaves(tp: Type) -> tuple[Type, ...]:
    """Return what the values of a type are in the end; a container of an unknown kind is one of them."""
    found: list[Type] = []
    inside: list[Type] = []  # an alias may be made of itself
    waiting = [tp]
    while waiting:
        part = unwrap(waiting.pop())
        inner = _inner(part)
        if inner is None:
            found += map(type, get_args(part)) if origin_of(part) is Literal else (part,)
        elif part not in inside:
            inside.append(part)
            waiting += inner
    return tuple(found)


def _inner(tp: Type) -> Sequence[Type] | None:
    """Return what a union or a container is made of; `None` for anything else."""
    origin, args = origin_of(tp) or tp, get_args(tp)
    if origin in (Union, UnionType) or (origin in (list, tuple, Sequence) and args):
        return [arg for arg in args if arg is not Ellipsis]
    return args[1:] if origin in (dict, Mapping) and args and unwrap(args[0]) is str else None


def _is_written_alike(leaf: Type) -> bool:
    cls = as_class(leaf)
    is_known = cls is not None and (cls in _WRITTEN or issubclass(cls, BaseModel))
    return is_known or leaf is Never or _is_plain_choice(leaf)


def _is_plain_choice(tp: Type) -> bool:
    """Say whether a type is a few texts or whole numbers: a `Literal`, or an `Enum` that does nothing of its own."""
    if origin_of(tp) is Literal:
        return {*map(type, get_args(tp))} <= {str, int}
    cls = as_class(tp)
    if cls is None or not issubclass(cls, Enum) or issubclass(cls, Flag):
        return False
    is_own = any(name in vars(base) for base in cls.__mro__ if base is not Enum for name in _OWN)
    kinds: set[type] = {type(member.value) for member in cls}
    return not is_own and kinds in ({str}, {int})


_OWN = ("_missing_", "__get_pydantic_core_schema__")
"""What an `Enum` of the user's may do besides having members."""
