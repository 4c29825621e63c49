"""Who is calling: what a profile's `identify` returns, by its annotation."""

import collections.abc
import functools
import inspect
from typing import Any, get_args, get_type_hints

from bff._unset import UNSET
from bff.declare._types import Type, origin_of
from bff.errors import Problem

_YIELDING = frozenset(
    {
        collections.abc.Generator,
        collections.abc.Iterator,
        collections.abc.Iterable,
        collections.abc.AsyncGenerator,
        collections.abc.AsyncIterator,
        collections.abc.AsyncIterable,
    }
)


def callable_of(identify: Any) -> Any:
    """Return the function of a dependency, which may be wrapped in FastAPI's `Depends`."""
    return getattr(identify, "dependency", identify)


def caller_type(profile: type[Any]) -> Type | Problem:
    """Return the type of a profile's callers, or what is missing to know it."""
    identify = callable_of(profile.identify)
    if identify is None:
        what = f"`caller` is used, and `{profile.__name__}` does not say who that is"
        return Problem(what, "set `identify` to a FastAPI dependency that returns who is calling")
    if isinstance(identify, type):
        return identify
    function = inspect.unwrap(identify.func if isinstance(identify, functools.partial) else identify)
    if not inspect.isroutine(function):
        function = type(function).__call__
    name = getattr(function, "__name__", "identify")
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        what = f"an annotation of `{name}`, the `identify` of `{profile.__name__}`, cannot be read: {error}"
        return Problem(what, "define the name at module level")
    tp = hints.get("return", UNSET)
    if tp is UNSET:
        what = f"`caller` is used, and `{name}`, the `identify` of `{profile.__name__}`, does not say what it returns"
        return Problem(what, f"annotate its result: `def {name}(...) -> User`")
    is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    return get_args(tp)[0] if is_generator and origin_of(tp) in _YIELDING else tp
