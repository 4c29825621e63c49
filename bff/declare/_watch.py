"""Watch a trace: which functions it runs, and which of the names that they know are symbolic."""

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, cast

from bff._frames import is_users
from bff.declare._symbol import Symbol


@dataclass(slots=True)
class Ran:
    """A function of the user's that ran: what it knows when it begins, and which of that is symbolic."""

    known: Mapping[str, object]
    symbolic: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Watched:
    """
    What was seen of a trace.

    `line` is where the endpoint returned, 0 where it did not.
    """

    functions: dict[CodeType, Ran] = field(default_factory=dict[CodeType, Ran])
    line: int = 0


@contextmanager
def watching(endpoint: CodeType) -> Generator[Watched]:
    """Note what runs, for as long as the context lasts; `endpoint` is the code of the endpoint itself."""
    seen = Watched()

    def note(frame: FrameType, event: str, _: Any) -> None:  # pragma: no cover - what a profiler calls is not measured
        code = frame.f_code
        if event == "call" and is_users(frame):
            own = dict(frame.f_locals)
            ran = seen.functions.setdefault(code, Ran({**frame.f_globals, **own}))
            ran.symbolic |= {name for name, value in own.items() if _is_symbolic(value)}
            ran.symbolic |= {name for name in code.co_names if type(frame.f_globals.get(name)) is Symbol}
        elif event == "return" and code is endpoint:
            seen.line = frame.f_lineno

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(before)


def _is_symbolic(value: object) -> bool:  # pragma: no cover - as above
    """Say whether a value is symbolic, or holds one that is, as `*args` and `**kwargs` do."""
    if type(value) is tuple:
        return any(type(part) is Symbol for part in cast("tuple[object, ...]", value))
    if type(value) is dict:
        return any(type(part) is Symbol for part in cast("dict[object, object]", value).values())
    return type(value) is Symbol
