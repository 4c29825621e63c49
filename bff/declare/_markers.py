"""FastAPI's markers in `Annotated[...]`, and the paths of decorators: what is wrong with how they are written."""

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args

from fastapi import params

from bff._frames import class_body, user_frame
from bff.declare._types import origin_of
from bff.errors import DeclarationError, Problem

_SORTS = {
    kind.__name__: kind
    for kind in (params.Path, params.Query, params.Header, params.Cookie, params.Body, params.Form, params.Depends)
}


def markers_of(annotation: Any) -> tuple[object, ...]:
    """Return what `Annotated` adds to a type."""
    return get_args(annotation)[1:] if origin_of(annotation) is Annotated else ()


def marker_mistakes(name: str, annotation: Any, *, is_in_path: bool) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the markers of a parameter, wherever it belongs to."""
    for marker in markers_of(annotation):
        word = getattr(marker, "__name__", "")
        if (inspect.isfunction(marker) or isinstance(marker, type)) and word in _SORTS:
            yield f"`{name}` has the marker `{word}`, which is not called", f"write `{word}()`"
        elif isinstance(marker, (params.Param, params.Body)) and isinstance(marker, params.Path) is not is_in_path:
            word = type(marker).__name__
            if is_in_path:
                yield f"`{name}` stands in the path, and is marked `{word}()`", "drop the marker, or name it otherwise"
            else:
                yield f"`{name}` is marked `{word}()`, and the path does not name it", f"write `{{{name}}}` in the path"


def require_path(decorator: str, path: object) -> None:
    """Refuse a decorator that is not called, and takes the function for its path."""
    if not isinstance(path, str):
        what = f"`@{decorator}` takes a path, and gets {'a function' if callable(path) else repr(path)}"
        place = (path.__code__.co_filename, path.__code__.co_firstlineno) if inspect.isfunction(path) else user_frame()
        raise DeclarationError(Problem(what, f'write `@{decorator}("/path")`', decorator, *place))


def refuse_twice(decorator: str, function: object, is_one: Callable[[object], bool]) -> None:
    """Refuse a method that replaces one of the same class that was declared above it, as Python would silently."""
    body = class_body()
    name = getattr(function, "__name__", "")
    if body is not None and name in body and is_one(body[name]):
        what = f"`{name}` is declared twice in one class: the second replaces the first"
        raise DeclarationError(Problem(what, "give one of them another name", decorator, *user_frame()))
