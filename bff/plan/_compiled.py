"""Compile the functions that were written for a plan, each text once for all plans that it stands in."""

import linecache
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

_BETWEEN = "\n\n\n"


def compiled(
    head: str, texts: Sequence[str], file: str, names: Mapping[str, object]
) -> tuple[str, Mapping[str, Callable[..., Any]]]:
    """
    Return the source that functions make below a head, and the functions, by name; tracebacks show it as `file`.

    `names` are the objects that the functions use; each text is that of one function.
    """
    source = _BETWEEN.join([head, *texts]) + "\n"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    known: dict[str, object] = {**names}
    made: dict[str, Callable[..., Any]] = {}
    line = 1 + head.count("\n")
    for text in texts:
        line += len(_BETWEEN)
        code = _at(_code_of(text), file, line - 1)
        made[code.co_name] = FunctionType(code, known)
        line += text.count("\n")
    known.update(made)
    return source, made


@lru_cache(maxsize=2048)
def _code_of(text: str) -> CodeType:
    """Return the code of the function that a text defines."""
    module = compile(text, "<bff plan>", "exec", dont_inherit=True)
    return next(part for part in module.co_consts if isinstance(part, CodeType))


def _at(code: CodeType, file: str, lines: int) -> CodeType:
    """Return a code, and all code in it, moved so many lines down in a file."""
    inner = tuple(_at(part, file, lines) if isinstance(part, CodeType) else part for part in code.co_consts)
    return code.replace(co_filename=file, co_firstlineno=code.co_firstlineno + lines, co_consts=inner)
