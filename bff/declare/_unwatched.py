"""Look away from our own work while a trace is watched: the interpreter would tell of every step of it."""

import sys
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class _Watch(threading.local):
    """What is told of a trace in this thread, if anything is."""

    note: Callable[[FrameType, str, Any], None] | None = None


WATCH = _Watch()


def unwatched(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that is not watched from within. It must run nothing of the user's."""

    @wraps(function)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> R:
        # Asking the interpreter who watches would be told, too.
        note = WATCH.note
        if note is None:
            return function(*args, **kwargs)
        WATCH.note = None
        sys.setprofile(None)
        try:
            return function(*args, **kwargs)
        finally:
            WATCH.note = note
            sys.setprofile(note)

    return quiet
