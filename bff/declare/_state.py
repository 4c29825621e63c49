"""See what code changes around it while it is traced: it runs once then, and not for every item or request."""

import inspect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import count
from operator import length_hint
from types import FunctionType, MethodType
from typing import Any, TypeAlias, cast

from bff.declare._functions import closed_over
from bff.declare._symbol import Symbol

State: TypeAlias = Mapping[tuple[int, str], tuple[object, ...]]
_CHANGEABLE = (list, set, deque)


def state_around(function: object) -> State:
    """Return the state of what a function closes over, through the functions among it, and of the objects there."""
    return {
        (number, name): _print_of(value)
        for number, names in enumerate(_namespaces(function, []))
        for name, value in names.items()
    }


def state_of_class(cls: type) -> State:
    """Return the state of the attributes of a class and of those that it inherits from classes of the user's."""
    return {
        (number, name): _print_of(value)
        for number, base in enumerate(cls.__mro__)
        if not base.__module__.startswith("bff.") and base is not object
        for name, value in vars(base).items()
        if not name.startswith("__")
    }


def changed(before: State, after: State) -> Iterator[str]:
    """Yield the names of what is another value now, or has other contents."""
    for key, state in after.items():
        if before.get(key, ()) != state:
            yield key[1]


def hidden(profile: object) -> Iterator[str]:
    """Yield the attributes of the class that an instance has set to real values of its own."""
    for name, value in vars(profile).items():
        of_class = inspect.getattr_static(type(profile), name, None)
        if hasattr(type(profile), name) and not isinstance(of_class, cached_property) and type(value) is not Symbol:
            yield name


def _namespaces(function: object, seen: list[object]) -> Iterator[Mapping[str, Any]]:
    # `isinstance` may not be asked of a symbolic value.
    if any(function is one for one in seen):
        return
    seen.append(function)
    if type(function) is MethodType:
        yield _attributes(function.__self__)
        yield from _namespaces(function.__func__, seen)
    elif type(function) is FunctionType:
        names = closed_over(function)
        yield names
        for value in names.values():
            yield _attributes(value)
            yield from _namespaces(value, seen)


def _attributes(value: object) -> Mapping[str, Any]:
    """Return what the attributes of a value of the user's are called and hold."""
    cls = type(value)
    if cls is Symbol or cls.__module__ == "builtins" or issubclass(cls, type):
        return {}
    return {f"{cls.__name__}.{name}": part for name, part in getattr(value, "__dict__", {}).items()}


def _print_of(value: object) -> tuple[object, ...]:
    """Return what is the same just as long as a value is; one level deep, and by identity."""
    number, cls = id(value), type(value)
    if cls is count:
        return (number, repr(value))
    if hasattr(cls, "__length_hint__"):
        return (number, length_hint(value))
    if issubclass(cls, dict):
        items = cast("dict[object, object]", value)
        return (number, *map(id, items), *map(id, items.values()))
    if issubclass(cls, _CHANGEABLE):
        return (number, *map(id, cast("Iterable[object]", value)))
    return (number,)
