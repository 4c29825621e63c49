"""Tell by the code of a function whether its text has to be read: in most nothing is decided silently, or dropped."""

import linecache
from collections.abc import Iterator
from dis import opmap
from types import CodeType

TYPE_TESTS = frozenset({"isinstance", "issubclass", "type", "id", "callable", "vars", "dir"})

_IDENTITY = frozenset(
    number for name, number in opmap.items() if name == "IS_OP" or ("JUMP" in name and "NONE" in name)
)
_DROPS, _GLOBAL, _EXTENDED = opmap["POP_TOP"], opmap["LOAD_GLOBAL"], opmap["EXTENDED_ARG"]
_METHODS = frozenset({"is_", "is_not"})


def may_decide(code: CodeType) -> bool:
    """Say whether a function may hold an identity test, a `match`, a type test, a `try` or a `with`."""
    # A `match` leaves no trace of its own in the code.
    return any(map(_decides, _parts(code))) or (code.co_name != "<lambda>" and "match" in _text(code))


def may_drop(code: CodeType) -> bool:
    """Say whether a function may hold a statement that makes a value, and drops it."""
    return _DROPS in code.co_code[::2]


def _decides(code: CodeType) -> bool:
    if code.co_exceptiontable or not _IDENTITY.isdisjoint(code.co_code[::2]):
        return True
    names, own = code.co_names, (code.co_varnames, code.co_freevars, code.co_cellvars)
    is_told = all(map(TYPE_TESTS.isdisjoint, own)) and _METHODS.isdisjoint(names)
    return not is_told or (not TYPE_TESTS.isdisjoint(names) and not TYPE_TESTS.isdisjoint(_globals_of(code)))


def _globals_of(code: CodeType) -> Iterator[str]:
    """Yield the names that are read from the module, as opposed to those of attributes; all where there are many."""
    text, names = code.co_code, code.co_names
    if _EXTENDED in text[::2]:
        yield from names
    for operation, argument in zip(text[::2], text[1::2], strict=True):
        if operation == _GLOBAL:
            yield names[argument >> 1]


def _parts(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a function and of all that stands in it: comprehensions are functions of their own."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _parts(part)


def _text(code: CodeType) -> str:
    """Return the lines of a function, also those of code that can never run; nothing where they cannot be had."""
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno - 1
    last = max((line for _, _, line in code.co_lines() if line), default=0)
    if not first < last <= len(lines):
        return ""
    depth = _indent(lines[first])
    while last < len(lines) and (not lines[last].strip() or _indent(lines[last]) > depth):
        last += 1
    return "".join(lines[first:last])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
