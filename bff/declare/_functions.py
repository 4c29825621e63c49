"""What can be told of a plain function without running it: what it closes over, asks for, says and returns."""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any, TypeGuard

from bff.declare._operation import Operation
from bff.declare._source import definitions

_WORDS = frozenset({"optional", "fallback", "header", "now"})


def closed_over(function: FunctionType) -> Mapping[str, object]:
    """Return the names of outer functions that a function uses, with their values; those without one are left out."""
    found: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def words_in(function: FunctionType) -> Iterator[tuple[str, int]]:
    """Yield, with its line, what a function calls that only a traced endpoint can: operations on classes, words."""
    own = {*function.__code__.co_varnames}
    known = {
        name: value for name, value in {**function.__globals__, **closed_over(function)}.items() if name not in own
    }
    for definition in definitions(function.__code__):
        for node in ast.walk(definition):
            match node:
                case ast.Call(func=ast.Name(id=name)) if _is_word(known.get(name)):
                    yield name, node.lineno
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute)):
                    cls = known.get(name)
                    if isinstance(cls, type) and isinstance(inspect.getattr_static(cls, attribute, None), Operation):
                        yield f"{name}.{attribute}", node.lineno
                case _:
                    pass


def _is_word(value: object) -> bool:
    return inspect.isfunction(value) and value.__module__ == "bff.declare._expressions" and value.__name__ in _WORDS


def required(function: Callable[..., Any]) -> list[str]:
    """Return the parameters that a call without arguments leaves open."""
    if isinstance(function, MethodType) and _is_bare(function.__func__):
        return _open_in(function.__func__, 1)
    if _is_bare(function):
        return _open_in(function)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    loose = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in loose]


def _is_bare(function: object) -> TypeGuard[FunctionType]:
    """Say whether a function is what its code says: it wraps no other one, and says nothing else of itself."""
    return type(function) is FunctionType and not function.__dict__


def _open_in(function: FunctionType, bound: int = 0) -> list[str]:
    code = function.__code__
    count, defaults = code.co_argcount, len(function.__defaults__ or ())
    by_name = code.co_varnames[count : count + code.co_kwonlyargcount]
    optional = function.__kwdefaults__ or {}
    return [
        *code.co_varnames[bound : max(bound, count - defaults)],
        *(name for name in by_name if name not in optional),
    ]


def forgets_return(function: object) -> bool:
    """Say whether a function with a body of statements has no `return` of a value among them."""
    if not inspect.isfunction(function) or function.__name__ == "<lambda>":
        return False
    found = definitions(function.__code__)
    return bool(found) and not any(
        isinstance(node, ast.Return) and node.value is not None for tree in found for node in ast.walk(tree)
    )
