"""What is known of a symbolic value's type, and what fits where."""

import collections.abc
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, Never, Union, cast, get_args

from typing_extensions import TypeAliasType, is_typeddict

from bff.declare._generics import (
    Type,
    as_class,
    bases_of,
    class_of,
    listed,
    mapped,
    origin_of,
    remembered,
    remembered_together,
    unwrap,
)
from bff.declare._models import fields, is_model, protocol_members, typed_keys

__all__ = [
    "Type",
    "as_class",
    "element",
    "fields",
    "fits",
    "has_length",
    "is_model",
    "is_nullable",
    "item_at",
    "listed",
    "mapped",
    "mapping_value",
    "members",
    "nullable_if",
    "origin_of",
    "protocol_members",
    "spell",
    "type_of_constant",
    "typed_keys",
    "union",
    "unwrap",
    "without_none",
]

_READ = (collections.abc.Collection, collections.abc.Iterable)
_READ_SEQUENCES = (collections.abc.Sequence, *_READ)
_READ_SETS = (collections.abc.Set, *_READ)
SEQUENCES = frozenset({list, tuple, *_READ_SEQUENCES})
SETS = frozenset({set, frozenset, collections.abc.Set})
MAPPINGS = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})


@remembered
def members(tp: Type) -> tuple[Type, ...]:
    """Return what a union is made of; anything else is a union of itself."""
    tp = unwrap(tp)
    if origin_of(tp) in (Union, types.UnionType):
        return tuple(dict.fromkeys(inner for arg in get_args(tp) for inner in members(arg)))
    return (tp,)


def union(parts: Iterable[Type]) -> Type:
    """Return the union of types, less those that add nothing: `Never`, and `list[Never]` beside `list[int]`."""
    flat = dict.fromkeys(inner for part in parts for inner in members(part))
    flat.pop(Never, None)
    if len(flat) == 1:
        return next(iter(flat))
    return _joined(tuple(flat))


@remembered_together
def _joined(parts: tuple[Type, ...]) -> Type:
    kept = [part for part in parts if not _is_covered(part, parts)]
    return Union[tuple(kept)] if kept else Never  # noqa: UP007 - made of a tuple


def _is_covered(part: Type, others: Iterable[Type]) -> bool:
    """Say whether a container holds nothing that one of the others, of the same kind, does not."""
    is_container = element(part) is not None or mapping_value(part) is not None
    return is_container and any(
        part != other and _member_fits(part, other) and not _member_fits(other, part) for other in others
    )


@remembered
def is_nullable(tp: Type) -> bool:
    """Say whether `None` is one of the values."""
    return any(part in (type(None), Any, object) for part in members(tp))


@remembered
def without_none(tp: Type) -> Type:
    """Return the type less `None`."""
    parts = members(tp)
    if len(parts) == 1:
        return parts[0] if parts[0] is not type(None) else Never
    return union(part for part in parts if part is not type(None))


def nullable_if(condition: bool, tp: Type) -> Type:
    """Return `tp | None` where the condition holds, else `tp`."""
    return union((tp, None)) if condition else tp


def spell(tp: Type, _inside: tuple[Type, ...] = ()) -> str:
    """
    Write a type as a user would; an alias that is made of itself goes by its name where it comes again.

    >>> spell(Union[list[int], None])
    'list[int] | None'
    """
    if any(tp is alias for alias in _inside):
        return str(tp)
    inside = (*_inside, tp) if isinstance(tp, TypeAliasType) else _inside
    tp = unwrap(tp)
    if tp is type(None):
        return "None"
    origin, args = origin_of(tp), get_args(tp)
    if origin in (Union, types.UnionType):
        return " | ".join(spell(part, inside) for part in members(tp))
    if origin is Literal:
        return f"Literal[{', '.join(str(arg) if isinstance(arg, Enum) else repr(arg) for arg in args)}]"
    if origin is not None:
        inner = ", ".join("..." if arg is Ellipsis else spell(arg, inside) for arg in args)
        return f"{getattr(origin, '__name__', origin)}[{inner}]"
    return str(getattr(tp, "__name__", tp))


@remembered
def element(tp: Type) -> Type | None:
    """Return the type of the items of a sequence, or of any of a union of them; `None` where it is none."""
    return _of_every(tp, SEQUENCES, lambda args: union(arg for arg in args if arg is not Ellipsis))


@remembered
def mapping_value(tp: Type) -> Type | None:
    """Return the type of the values of a mapping, or of any of a union of them; `None` where it is none."""
    return _of_every(tp, MAPPINGS, lambda args: args[1])


def _of_every(tp: Type, kinds: frozenset[Any], inner: Callable[[tuple[Type, ...]], Type]) -> Type | None:
    parts = members(tp)
    if any((origin_of(part) or part) not in kinds for part in parts):
        return None
    return union(inner(get_args(part)) if get_args(part) else object for part in parts)


def has_length(tp: Type) -> bool:
    """Say whether a type is a tuple of a certain length."""
    tp = unwrap(tp)
    return origin_of(tp) is tuple and Ellipsis not in get_args(tp)


def item_at(tp: Type, index: int) -> Type | None:
    """Return what a tuple of a certain length holds at an index; `None` for anything else, and past its ends."""
    args = get_args(unwrap(tp))
    return args[index] if has_length(tp) and -len(args) <= index < len(args) else None


def type_of_constant(value: object) -> Type:
    """
    Return the narrowest type that we know for a real value.

    >>> spell(type_of_constant([1, None]))
    'list[Literal[1] | None]'
    """
    if value is None:
        return type(None)
    if isinstance(value, (str, bytes, bool, int, Enum)):
        return Literal[value]
    if isinstance(value, (list, tuple)):
        items = cast("Iterable[object]", value)
        return listed(union(type_of_constant(item) for item in items))
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        key = union(type_of_constant(item) for item in entries)
        return mapped(key, union(type_of_constant(item) for item in entries.values()))
    return type(value)


_LOOKS_LIKE_ANOTHER = frozenset({(bool, int), (datetime, date)})


def fits(source: Type, target: Type) -> bool:
    """
    Say whether every value of `source` may stand where `target` is promised.

    What mypy would accept, plus `int` to `float`, a `Literal` to its base type, and items of sequences and
    mappings by the same rules (they are read, never written). Nothing is parsed: `str` never becomes `Decimal`.
    A `bool` is no `int` here, and a `datetime` no `date`: on the wire they are not what was promised.
    """
    wanted = members(target)
    if source is target or source in wanted or Any in wanted or object in wanted:
        return True
    return all(any(_member_fits(part, other) for other in wanted) for part in _alternatives(source))


def _alternatives(tp: Type) -> Iterator[Type]:
    """Yield what a value may be, one literal at a time."""
    for part in members(tp):
        if origin_of(part) is Literal:
            yield from (Literal[value] for value in get_args(part))
        else:
            yield part


def _member_fits(source: Type, target: Type) -> bool:
    if source is target or source is Never or source == target:
        return True
    if origin_of(source) is Literal:
        return _literal_fits(get_args(source)[0], target)
    if origin_of(target) is Literal:
        return _all_literals_fit(source, target)
    for kinds, rule in ((SETS, _set_fits), (SEQUENCES, _sequence_fits), (MAPPINGS, _mapping_fits)):
        if (origin_of(source) or source) in kinds:
            return rule(source, target)
    return _class_fits(source, target)


def _literal_fits(value: object, target: Type) -> bool:
    if origin_of(target) is Literal:
        return any(value == other and type(value) is type(other) for other in get_args(target))
    return _member_fits(type(value), target)


def _all_literals_fit(source: Type, target: Type) -> bool:
    """Say whether a type that has but a few values is made of those that are wanted."""
    cls = as_class(source)
    is_enum = cls is not None and issubclass(cls, Enum)
    values = list[object](cast("Iterable[object]", source)) if is_enum else [True, False] if source is bool else []
    return bool(values) and all(_literal_fits(value, target) for value in values)


def _set_fits(source: Type, target: Type) -> bool:
    sort, wanted = origin_of(source) or source, origin_of(target) or target
    if wanted not in (sort, *_READ_SETS):
        return False
    return fits(_first(source), _first(target))


def _first(tp: Type) -> Type:
    return next(iter(get_args(tp)), object)


def _sequence_fits(source: Type, target: Type) -> bool:
    sort, wanted = origin_of(source) or source, origin_of(target) or target
    if wanted not in (sort, *_READ_SEQUENCES):
        return False
    parts, asked = get_args(source), get_args(target)
    if wanted is tuple and asked and Ellipsis not in asked:
        return len(parts) == len(asked) and Ellipsis not in parts and all(map(fits, parts, asked))
    return fits(element(source), element(target))


def _mapping_fits(source: Type, target: Type) -> bool:
    sort, asked = origin_of(source) or source, origin_of(target) or target
    if asked not in (sort, collections.abc.Mapping) and (sort, asked) != (dict, collections.abc.MutableMapping):
        return False
    keys, wanted = get_args(source), get_args(target)
    return fits(mapping_value(source), mapping_value(target)) and (not wanted or not keys or fits(keys[0], wanted[0]))


def _class_fits(source: Type, target: Type) -> bool:
    cls, wanted = class_of(source), class_of(target)
    if cls is None or wanted is None or (cls, wanted) in _LOOKS_LIKE_ANOTHER:
        return False
    keys = typed_keys(source)
    if keys is not None:
        # Another TypedDict may be met by its keys alone, and would let the others out.
        return wanted is collections.abc.Mapping and fits(mapped(str, union(keys.values())), target)
    asked = protocol_members(target)
    if asked is not None:
        known = fields(source) if is_model(source) else protocol_members(source) or {}
        return all(name in known and fits(known[name], tp) for name, tp in asked.items())
    if wanted is float and issubclass(cls, int) and cls is not bool:
        return True
    if get_args(target):
        return target in bases_of(source)
    return not is_typeddict(wanted) and issubclass(cls, wanted)
