"""Look away from our own work while a trace is watched: the interpreter would tell of every step of it."""

import sys
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_WATCH = "bff.declare._watch"


def unwatched(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that is not watched from within. It must run nothing of the user's."""

    @wraps(function)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> R:
        watch: Any = sys.getprofile()
        if type(watch) is not FunctionType or watch.__module__ != _WATCH:
            return function(*args, **kwargs)
        sys.setprofile(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.setprofile(watch)

    return quiet
