"""What is known of a symbolic value's type, and what fits where."""

import collections.abc
import dataclasses
import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import (
    Annotated,
    Any,
    Literal,
    Never,
    NewType,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel
from typing_extensions import TypeAliasType, get_protocol_members, is_protocol, is_typeddict

Type: TypeAlias = Any
"""A type as Python spells it: a class, or a form of `typing`."""

SEQUENCES = frozenset({list, tuple, collections.abc.Sequence, collections.abc.Collection, collections.abc.Iterable})
MAPPINGS = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})


def origin_of(tp: Type) -> Any:
    """Return what a form of `typing` is made of: `list` for `list[int]`; `None` for a class."""
    return get_origin(tp)


def as_class(tp: Type) -> type[Any] | None:
    """Return a type that is a class, `None` for a form of `typing`."""
    return cast("type[Any]", tp) if isinstance(tp, type) else None


def unwrap(tp: Type) -> Type:
    """
    Strip what does not change which values there are: `Annotated`, type aliases, `NewType`, `TypeVar` bounds.

    A generic alias has its parameters filled in.

    >>> unwrap(Annotated[int, "metres"])
    <class 'int'>
    """
    while True:
        if origin_of(tp) is Annotated:
            tp = get_args(tp)[0]
        elif isinstance(tp, TypeAliasType):
            tp = tp.__value__
        elif isinstance(origin_of(tp), TypeAliasType):
            tp = origin_of(tp).__value__[get_args(tp)]
        elif isinstance(tp, NewType):
            tp = tp.__supertype__
        elif isinstance(tp, TypeVar):
            tp = union(tp.__constraints__) if tp.__constraints__ else tp.__bound__ or object
        else:
            return type(None) if tp is None else tp


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
    kept = [part for part in flat if not any(_is_covered(part, other) for other in flat)]
    return Union[tuple(kept)] if kept else Never  # noqa: UP007 - made of a tuple


def _is_covered(part: Type, other: Type) -> bool:
    """Say whether a container holds nothing that another kind of the same container does not."""
    is_container = element(part) is not None or mapping_value(part) is not None
    return is_container and part != other and _member_fits(part, other) and not _member_fits(other, part)


def is_nullable(tp: Type) -> bool:
    """Say whether `None` is one of the values."""
    return any(part in (type(None), Any, object) for part in members(tp))


def without_none(tp: Type) -> Type:
    """Return the type less `None`."""
    return union(part for part in members(tp) if part is not type(None))


def nullable_if(condition: bool, tp: Type) -> Type:
    """Return `tp | None` where the condition holds, else `tp`."""
    return union((tp, None)) if condition else tp


def listed(tp: Type) -> Type:
    """Return the type of a list of such items."""
    return list.__class_getitem__(tp)


def mapped(key: Type, value: Type) -> Type:
    """Return the type of a dict from such keys to such values."""
    return dict.__class_getitem__((key, value))


def spell(tp: Type) -> str:
    """
    Write a type as a user would.

    >>> spell(Union[list[int], None])
    'list[int] | None'
    """
    tp = unwrap(tp)
    if tp is type(None):
        return "None"
    origin, args = origin_of(tp), get_args(tp)
    if origin in (Union, types.UnionType):
        return " | ".join(spell(part) for part in members(tp))
    if origin is Literal:
        return f"Literal[{', '.join(repr(arg) for arg in args)}]"
    if origin is not None:
        inner = ", ".join("..." if arg is Ellipsis else spell(arg) for arg in args)
        return f"{getattr(origin, '__name__', origin)}[{inner}]"
    return str(getattr(tp, "__name__", tp))


def element(tp: Type) -> Type | None:
    """Return the type of the items of a sequence, or `None` where it is none."""
    tp = unwrap(tp)
    origin = origin_of(tp) or tp
    if origin not in SEQUENCES:
        return None
    args = [arg for arg in get_args(tp) if arg is not Ellipsis]
    return union(args) if args else object


def mapping_value(tp: Type) -> Type | None:
    """Return the type of the values of a mapping, or `None` where it is none."""
    tp = unwrap(tp)
    if (origin_of(tp) or tp) not in MAPPINGS:
        return None
    args = get_args(tp)
    return args[1] if args else object


def is_model(tp: Type) -> bool:
    """Say whether a type has fields that we know of."""
    cls = as_class(tp)
    return cls is not None and (issubclass(cls, BaseModel) or dataclasses.is_dataclass(cls))


def fields(tp: Type) -> Mapping[str, Type]:
    """Return the fields of a model and their types, in their order."""
    if issubclass(tp, BaseModel):
        return {name: info.annotation for name, info in tp.model_fields.items()}
    hints = get_type_hints(tp, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(tp)}


def protocol_members(tp: Type) -> Mapping[str, Type] | None:
    """Return what a `Protocol` asks for, read-only, by name; `None` for anything that is no protocol."""
    if not (isinstance(tp, type) and is_protocol(tp)):
        return None
    hints = get_type_hints(tp)
    asked: dict[str, Type] = {}
    for name in sorted(get_protocol_members(tp)):
        declared = inspect.getattr_static(tp, name, None)
        getter = declared.fget if isinstance(declared, property) else None
        asked[name] = get_type_hints(getter).get("return", object) if getter else hints.get(name, Callable)
    return asked


def typed_keys(tp: Type) -> Mapping[str, Type] | None:
    """Return the keys of a `TypedDict` and their types, or `None` where it is none."""
    tp = unwrap(tp)
    return get_type_hints(tp) if is_typeddict(tp) else None


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
    return any(part in (Any, object) for part in wanted) or all(
        any(_member_fits(part, other) for other in wanted) for part in _alternatives(source)
    )


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
    item, wanted = element(source), element(target)
    if item is not None or wanted is not None:
        return item is not None and wanted is not None and _sequence_fits(source, target)
    value, wanted = mapping_value(source), mapping_value(target)
    if value is not None or wanted is not None:
        return value is not None and wanted is not None and _keys_fit(source, target) and fits(value, wanted)
    if target is float and source is int:
        return True
    if (source, target) in _LOOKS_LIKE_ANOTHER:
        return False
    asked = protocol_members(target)
    if asked is not None and is_model(source):
        known = fields(source)
        return all(name in known and fits(known[name], tp) for name, tp in asked.items())
    return isinstance(source, type) and isinstance(target, type) and issubclass(source, target)


def _literal_fits(value: object, target: Type) -> bool:
    if origin_of(target) is Literal:
        return any(value == other and type(value) is type(other) for other in get_args(target))
    return _member_fits(type(value), target)


def _sequence_fits(source: Type, target: Type) -> bool:
    sort, wanted = origin_of(source) or source, origin_of(target) or target
    if sort is not wanted and wanted in (list, tuple):
        return False
    parts, asked = get_args(source), get_args(target)
    if wanted is tuple and asked and Ellipsis not in asked:
        return len(parts) == len(asked) and Ellipsis not in parts and all(map(fits, parts, asked))
    return fits(element(source), element(target))


def _keys_fit(source: Type, target: Type) -> bool:
    keys, wanted = get_args(source), get_args(target)
    return not wanted or not keys or fits(keys[0], wanted[0])
