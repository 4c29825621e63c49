"""Find the line of the user's code that an error is about."""

import sys
from collections.abc import Mapping
from itertools import islice
from types import FrameType

__all__ = ["call_span", "class_body", "is_of_the_project", "is_users", "user_frame"]

# These only pass on what whoever called them wanted, as `dataclasses.replace` does; pydantic brings the others along.
_LIBRARIES = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")
_OURS = frozenset({"bff", *_LIBRARIES, *sys.stdlib_module_names})


def is_users(frame: FrameType) -> bool:
    """Say whether a frame runs the user's code: neither ours nor something that only passes it on."""
    return not PASSES_ON[frame.f_globals.get("__name__", "")]


class _Modules(dict[str, bool]):
    """Whether a module only passes on what was wanted, by its name; not worked out again for every frame."""

    def __missing__(self, module: str) -> bool:
        found = self[module] = module.partition(".")[0] in _OURS
        return found


PASSES_ON = _Modules()


def is_of_the_project(frame: FrameType) -> bool:
    """Say whether a frame runs code of the user's own, as opposed to a library's that is installed."""
    return is_users(frame) and "site-packages" not in frame.f_code.co_filename


def user_frame() -> tuple[str, int]:
    """
    Return file and line of the innermost frame on the stack that is outside this package.

    `("", 0)` where there is none, as in a setting that the environment gave.
    """
    frame = _innermost()
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)


def call_span() -> tuple[str, int, int]:
    """Return the file, the first and the last line of the call in the user's code that led here; `("", 0, 0)`."""
    frame = _innermost()
    if frame is None:
        return "", 0, 0
    code = frame.f_code
    first, last, *_ = next(islice(code.co_positions(), frame.f_lasti // 2, None))
    return code.co_filename, first or frame.f_lineno, last or frame.f_lineno


def class_body() -> Mapping[str, object] | None:
    """Return what the body of the user's class that is running has defined so far; `None` where none is."""
    frame = _innermost()
    return frame.f_locals if frame is not None and "__qualname__" in frame.f_locals else None


def _innermost() -> FrameType | None:
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - `inspect.stack()` reads every source file on the stack
    while frame is not None:
        # As `is_users`, without a call for each frame: this runs for every value of every trace.
        if not PASSES_ON[frame.f_globals.get("__name__", "")]:
            break
        frame = frame.f_back
    return frame
