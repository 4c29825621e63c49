"""Watch a trace: which functions it runs, and which of the names that they know are symbolic."""

import sys
from collections import ChainMap
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, cast

from bff._frames import PASSES_ON, is_of_the_project
from bff.declare._once import TELLING, called_builtin, called_function
from bff.declare._symbol import Symbol
from bff.declare._unwatched import WATCH

_OF_C = frozenset({"c_call", "c_return", "c_exception"})


@dataclass(slots=True)
class Ran:
    """
    A function of the user's that ran: what it knows when it begins, and which of its names were symbolic.

    `lines` are those where something that it called returned a symbolic value.
    """

    known: Mapping[str, object]
    symbolic: set[str] = field(default_factory=set[str])
    lines: set[int] = field(default_factory=set[int])


@dataclass(slots=True)
class Watched:
    """
    What was seen of a trace.

    `line` is where the endpoint returned, 0 where it did not; `once` has what was called that has a meaning only at
    the time of its call, with its place.
    """

    functions: dict[CodeType, Ran] = field(default_factory=dict[CodeType, Ran])
    line: int = 0
    once: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])


@contextmanager
def watching(endpoint: CodeType, seen: Watched) -> Generator[None]:
    """Note what runs, for as long as the context lasts; `endpoint` is the code of the endpoint itself."""

    def note(frame: FrameType, event: str, what: Any) -> None:  # pragma: no cover - a profiler's calls are not measured
        # As `is_users`, without a call: nearly all that happens is what our own functions call.
        module = frame.f_globals.get("__name__", "")
        is_own = not PASSES_ON[module]
        if not is_own and (event in _OF_C or (event == "call" and module not in TELLING)):
            return
        code, outer = frame.f_code, frame.f_back
        if event in ("call", "return") and is_own:
            own = dict(frame.f_locals)
            ran = seen.functions.get(code)
            if ran is None:
                ran = seen.functions[code] = Ran(ChainMap(own, frame.f_globals))
            ran.symbolic |= {name for name, value in own.items() if _is_symbolic(value)}
            ran.symbolic |= {name for name in code.co_names if type(frame.f_globals.get(name)) is Symbol}
        if event == "return":
            seen.line = frame.f_lineno if code is endpoint else seen.line
            if type(what) is Symbol and outer is not None and outer.f_code in seen.functions:
                seen.functions[outer.f_code].lines.add(outer.f_lineno)
        elif event == "call" and module in TELLING and outer is not None and is_of_the_project(outer):
            _note_once(seen, outer, called_function(frame))
        elif event == "c_call" and is_own and is_of_the_project(frame):
            _note_once(seen, frame, called_builtin(what))

    before, outer = sys.getprofile(), WATCH.note
    WATCH.note = note
    sys.setprofile(note)
    try:
        yield
    finally:
        WATCH.note = outer
        _resume(before)


def _resume(profiler: Any) -> None:
    """Give back to whoever watched before: to a function, to nobody, or to a profiler that is no function."""
    if profiler is None or callable(profiler):
        sys.setprofile(profiler)
    else:
        profiler.enable()


def _note_once(seen: Watched, frame: FrameType, name: str) -> None:  # pragma: no cover - as above
    if name:
        seen.once.setdefault((frame.f_code.co_filename, frame.f_lineno), name)


def _is_symbolic(value: object) -> bool:  # pragma: no cover - as above
    """Say whether a value is symbolic, or holds one that is, as `*args` and `**kwargs` do."""
    if type(value) is tuple:
        return any(type(part) is Symbol for part in cast("tuple[object, ...]", value))
    if type(value) is dict:
        return any(type(part) is Symbol for part in cast("dict[object, object]", value).values())
    return type(value) is Symbol
