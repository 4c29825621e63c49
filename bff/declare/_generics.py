"""Types as Python spells them: aliases looked through, generics filled in."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import date, datetime
from functools import cache, wraps
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from types import UnionType
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import pydantic
from typing_extensions import NoDefault, TypeAliasType, is_typeddict

R = TypeVar("R")

_MOST = 10_000
"""How many types are remembered at a time."""

Type: TypeAlias = Any
"""A type as Python spells it: a class, or a form of `typing`."""

CHECKED: Mapping[Type, Type] = {
    pydantic.AwareDatetime: datetime,
    pydantic.NaiveDatetime: datetime,
    pydantic.PastDatetime: datetime,
    pydantic.FutureDatetime: datetime,
    pydantic.PastDate: date,
    pydantic.FutureDate: date,
    pydantic.EmailStr: str,
    pydantic.IPvAnyAddress: IPv4Address | IPv6Address,
    pydantic.IPvAnyInterface: IPv4Interface | IPv6Interface,
    pydantic.IPvAnyNetwork: IPv4Network | IPv6Network,
}
"""Classes of pydantic's that only check: what they are for a type checker, and what their values are."""


def origin_of(tp: Type) -> Any:
    """Return what a form of `typing` is made of: `list` for `list[int]`; `None` for a class."""
    # Most types are classes, and `get_origin` tells them last.
    return get_origin(tp) if not isinstance(tp, type) or tp is Generic else None


def as_class(tp: Type) -> type[Any] | None:
    """Return a type that is a class, `None` for a form of `typing`."""
    return cast("type[Any]", tp) if isinstance(tp, type) else None


def class_of(tp: Type) -> type[Any] | None:
    """Return the class of a type, its parameters left out: `Box` for `Box[int]`, `None` where there is none."""
    return as_class(origin_of(tp) or tp)


def peeled(tp: Type) -> Type:
    """
    Take off one name: that of an alias, a `NewType`, a `TypeVar`, a class that only checks.

    A generic alias has its parameters filled in; a `TypeVar` is its default, its bound, or any of its constraints.
    """
    if isinstance(tp, TypeAliasType):
        return _value_of(tp)
    if isinstance(origin_of(tp), TypeAliasType):
        return substituted(
            _value_of(origin_of(tp)), dict(zip(origin_of(tp).__type_params__, get_args(tp), strict=True))
        )
    if isinstance(tp, NewType):
        return tp.__supertype__
    if isinstance(tp, TypeVar):
        default = getattr(tp, "__default__", NoDefault)
        if default is not NoDefault:
            return default
        return Union[tp.__constraints__] if tp.__constraints__ else tp.__bound__ or object  # noqa: UP007 - of a tuple
    return CHECKED.get(tp, tp) if as_class(tp) else tp


@cache
def _value_of(alias: TypeAliasType) -> Type:
    """Return what an alias stands for; what is written as text, as an alias made of itself has to be, is read."""
    reader = type(alias.__name__, (), {"__annotations__": {"value": alias.__value__}, "__module__": alias.__module__})
    try:
        return get_type_hints(reader, include_extras=True)["value"]
    except NameError:
        return alias.__value__


def remembered(function: Callable[[Type], R]) -> Callable[[Type], R]:
    """
    Work something out once for each type, told apart by identity.

    Equal types may differ: `int | str` equals `str | int`, and is written otherwise. Unions of the same parts in the
    same order do not.
    """
    known: dict[int, tuple[Type, R]] = {}
    unions: dict[tuple[int, ...], R] = {}

    @wraps(function)
    def found(tp: Type) -> R:
        number = id(tp)
        try:
            return known[number][1]
        except KeyError:
            if len(known) >= _MOST:
                known.clear()
                unions.clear()
            parts = tuple(map(id, tp.__args__)) if type(tp) is UnionType else ()
            value = unions[parts] if parts in unions else function(tp)
            # The type is kept, so that nothing else gets its number.
            known[number] = tp, value
            if parts:
                unions[parts] = value
            return value

    return found


def remembered_together(function: Callable[[tuple[Type, ...]], R]) -> Callable[[tuple[Type, ...]], R]:
    """Work something out once for types that come together, as `remembered` does for one."""
    known: dict[tuple[int, ...], tuple[tuple[Type, ...], R]] = {}

    @wraps(function)
    def found(types: tuple[Type, ...]) -> R:
        numbers = tuple(map(id, types))
        try:
            return known[numbers][1]
        except KeyError:
            if len(known) >= _MOST:
                known.clear()
            value = function(types)
            known[numbers] = types, value
            return value

    return found


@remembered
def unwrap(tp: Type) -> Type:
    """
    Strip what does not change which values there are: `Annotated`, and the names that `peeled` takes off.

    >>> unwrap(Annotated[int, "metres"])
    <class 'int'>
    """
    while True:
        inner = get_args(tp)[0] if origin_of(tp) is Annotated else peeled(tp)
        if inner is tp:
            return type(None) if tp is None else tp
        tp = inner


@remembered
def listed(tp: Type) -> Type:
    """Return the type of a list of such items."""
    return list.__class_getitem__(tp)


def mapped(key: Type, value: Type) -> Type:
    """Return the type of a dict from such keys to such values."""
    return dict.__class_getitem__((key, value))


def walk(tp: Type) -> Iterator[Type]:
    """Yield a type and all that it is made of, names as well as what they stand for; each name once."""
    if isinstance(tp, type) and tp not in CHECKED:
        yield tp
        return
    seen: set[int] = set()
    waiting = [tp]
    while waiting:
        part = waiting.pop()
        yield part
        if type(part) is UnionType:
            waiting += part.__args__
            continue
        inner = peeled(part)
        if inner is not part and id(part) not in seen:
            seen.add(id(part))
            waiting.append(inner)
        elif inner is part:
            waiting += get_args(part)


def substituted(tp: Type, known: Mapping[Type, Type]) -> Type:
    """
    Return a type with what is known of its variables filled in.

    >>> T = TypeVar("T")
    >>> substituted(list[T], {T: int})
    list[int]
    """
    args = _arguments(tp)
    if not args:
        return known.get(tp, tp) if isinstance(tp, Hashable) else tp
    filled = tuple(substituted(arg, known) for arg in args)
    if all(new is old for new, old in zip(filled, args, strict=True)):
        return tp
    origin = origin_of(tp)
    if origin is Annotated:
        return Annotated[(filled[0], *tp.__metadata__)]
    if origin in (Union, UnionType):
        return Union[filled]  # noqa: UP007 - made of a tuple
    return (origin or tp.__pydantic_generic_metadata__["origin"])[filled]


def _arguments(tp: Type) -> tuple[Type, ...]:
    """Return the parameters of a form of `typing`, or of a model that pydantic has made of a generic one."""
    made = cast("Mapping[str, Any]", getattr(as_class(tp), "__pydantic_generic_metadata__", {}))
    return () if origin_of(tp) is Literal else get_args(tp) or tuple(made.get("args", ()))


def arguments_of(tp: Type) -> Mapping[Type, Type]:
    """Return what the variables of a generic class are in a type: `{T: int}` for `Box[int]`."""
    cls = class_of(tp)
    return dict(zip(getattr(cls, "__parameters__", ()), get_args(tp), strict=False))


def bases_of(tp: Type) -> Iterator[Type]:
    """Yield a class and what it is derived from, parameters filled in: `Box[int]` for `class Ints(Box[int])`."""
    yield tp
    cls = class_of(tp)
    if cls is None:
        return
    known = arguments_of(tp)
    for base in vars(cls).get("__orig_bases__", () if is_typeddict(cls) else cls.__bases__):
        if class_of(base) not in (None, object, Generic, Protocol):
            yield from bases_of(substituted(base, known))


def hints_of(tp: Type) -> dict[str, Type]:
    """Return the annotations of a class, inherited ones too, with the parameters of generic classes filled in."""
    hints: dict[str, Type] = {}
    for base in reversed([*bases_of(tp)]):
        cls = class_of(base)
        own = get_type_hints(cls, include_extras=True)
        written = cast("Mapping[str, Any]", vars(cls).get("__annotations__", {}))
        for name in written:
            # A TypedDict repeats what it inherits, without the parameters.
            if not (is_typeddict(cls) and name in hints):
                hints[name] = substituted(own[name], arguments_of(base))
    return hints
