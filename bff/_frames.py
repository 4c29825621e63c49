"""Find the line of the user's code that an error is about."""

import sys
from types import FrameType

__all__ = ["user_frame"]

# `dataclasses.replace` builds policies on behalf of whoever called it.
_OURS = frozenset({"bff", "dataclasses"})


def user_frame() -> tuple[str, int]:
    """
    Return file and line of the innermost frame on the stack that is outside this package.

    `("", 0)` where there is none, as in a setting that the environment gave.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - `inspect.stack()` reads every source file on the stack
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in _OURS:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0
