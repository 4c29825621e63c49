"""See what code changes around it while it is traced: it runs once then, and not for every item or request."""

import inspect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import count
from operator import is_, length_hint
from types import FunctionType, MappingProxyType, MethodType
from typing import Any, TypeAlias, cast

from bff._unset import UNSET
from bff.declare._functions import closed_over
from bff.declare._symbol import Symbol
from bff.declare._unwatched import unwatched

State: TypeAlias = Mapping[tuple[int, str], tuple[object, ...]]
_CHANGEABLE = (list, set, deque)


@unwatched
def state_around(function: object) -> State:
    """Return the state of what a function closes over, through the functions among it, and of the objects there."""
    return {
        (number, name): _print_of(value)
        for number, names in enumerate(_namespaces(function, []))
        for name, value in names.items()
    }


@dataclass(frozen=True, slots=True)
class ClassState:
    """What the attributes of a class are, and the prints of those among them that can change."""

    values: Mapping[str, object]
    prints: Mapping[str, tuple[object, ...]]

    def after(self, attributes: "MappingProxyType[str, object]") -> "ClassState":
        """Return the state of the same class later."""
        # A class may have a thousand endpoints, and each is compared: nothing is looked at one by one without need.
        values = self.values
        are_same_names = len(values) == len(attributes) and all(map(is_, values, attributes))
        if not (are_same_names and all(map(is_, values.values(), attributes.values()))):
            return _state_of(attributes)
        return ClassState(values, {name: _print_of(values[name]) for name in self.prints})

    def changed(self, after: "ClassState") -> Iterator[str]:
        """Yield the names of what is another value later, or has other contents."""
        if self.values is not after.values or self.prints != after.prints:
            for name, value in after.values.items():
                is_kept = self.values.get(name, UNSET) is value and self.prints.get(name) == after.prints.get(name)
                if not is_kept and not name.startswith("__"):
                    yield name


def state_of_class(cls: type) -> Sequence[ClassState]:
    """Return the state of the attributes of a class and of those that it inherits from classes of the user's."""
    return [_state_of(vars(base)) for base in _bases_of(cls)]


def state_after(cls: type, before: Sequence[ClassState]) -> Sequence[ClassState]:
    """Return the state of a class later."""
    return [state.after(vars(base)) for state, base in zip(before, _bases_of(cls), strict=True)]


def _bases_of(cls: type) -> Iterator[type]:
    return (base for base in cls.__mro__ if not base.__module__.startswith("bff.") and base is not object)


def _state_of(attributes: "MappingProxyType[str, object]") -> ClassState:
    own = attributes.copy()
    changing = {kind for kind in set(map(type, own.values())) if _is_changeable(kind)}
    found = own.items() if changing else ()
    told = {name: _print_of(value) for name, value in found if type(value) in changing and name != "__annotations__"}
    return ClassState(own, told)


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


@lru_cache(maxsize=256)
def _is_changeable(cls: type) -> bool:
    """Say whether a value can be another one while it stays the same object, as far as `_print_of` sees."""
    return cls is count or hasattr(cls, "__length_hint__") or issubclass(cls, (dict, *_CHANGEABLE))


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
