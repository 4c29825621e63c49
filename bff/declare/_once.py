"""Tell calls that mean something only when they are made: a trace makes them at start-up, and never again."""

import random
from contextvars import ContextVar
from types import FrameType
from typing import Any

_CLOCKS = frozenset({"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime", "gmtime", "strftime"})
_DATES = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"})
_CHANCE = frozenset({"random", "secrets"})
_UNIQUE = frozenset({"uuid1", "uuid4", "uuid6", "uuid7"})
_EFFECTS = frozenset({"print", "input"})

TELLING = frozenset({"logging", "uuid", *_CHANCE})
"""Modules of the standard library with functions that are told of."""

ABOUT_VALUES = (
    "is asked once, at start-up, and never when a request comes",
    "make it per request in a @derived function; for the time use now(); what a request brings is a parameter",
)
ABOUT_EFFECTS = (
    "runs at start-up, and never when a request comes",
    "leave it out, or make the endpoint `async def`, which runs per request",
)
_DOES = frozenset({"print", "input", "time.sleep", "logging"})


def explained(name: str) -> tuple[str, str]:
    """Say what is wrong with calling something in a trace, and how to mend it."""
    what, mend = ABOUT_EFFECTS if name in _DOES else ABOUT_VALUES
    return f"`{name}` {what}", mend


def called_builtin(function: Any) -> str:  # pragma: no cover - a profiler's calls are not measured
    """Return the name of a function of the interpreter if it is such a one, else nothing."""
    module, name = getattr(function, "__module__", None), function.__name__
    bound = getattr(function, "__self__", None)
    if type(bound) is ContextVar and name == "get":
        return f"{bound.name}.get"
    if module == "builtins" and name in _EFFECTS:
        return str(name)
    if module == "time" and (name in _CLOCKS or name == "sleep"):
        return f"time.{name}"
    if isinstance(bound, type) and function.__qualname__ in _DATES:
        return str(function.__qualname__)
    return f"random.{name}" if bound is _shared() else ""


def called_function(frame: FrameType) -> str:  # pragma: no cover - as above
    """Return the name of a function of the standard library that was called, if it is such a one, else nothing."""
    module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
    if module == "logging":
        return "logging" if name != "getLogger" else ""
    if module == "uuid":
        return f"uuid.{name}" if name in _UNIQUE else ""
    bound = frame.f_locals.get("self")
    # A generator with a seed of its own says the same every time.
    is_seeded = bound is not None and bound is not _shared()
    return f"{module}.{name}" if module in _CHANCE and not is_seeded and not name.startswith("_") else ""


def _shared() -> object:
    """Return the generator behind the functions of `random`."""
    return getattr(random.random, "__self__", None)
