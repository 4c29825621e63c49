"""Write the arguments of a call into a request, so that none of them can leave its place."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from enum import Enum
from typing import Any, TypeAlias, TypeGuard, cast
from urllib.parse import quote

from pydantic import BaseModel

from bff.errors import ContractViolation, UnsafePath

Place: TypeAlias = str
"""Where a parameter travels: `"path"`, `"query"`, `"header"` or `"body"`."""

_UNSAFE_IN_PATH = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")
# What needs no look at: nothing in it is encoded, and it is neither empty nor a dot segment.
_PLAIN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_PLAIN_LINES = re.compile(rf"{_PLAIN.pattern}(?:\n{_PLAIN.pattern})*")
_UNSAFE_IN_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation; `wire_name` is what it is called on the wire."""

    name: str
    place: Place
    wire_name: str
    annotation: Any


@dataclass(frozen=True, slots=True)
class Template:
    """
    A path template with its parameters, worked out once.

    `name` is the operation's, as errors tell it: `(upstream, operation)`. Given one value for each parameter, in their
    order, `target` writes path and query, fully percent-encoded, `headers` those that are parameters, and `content` the
    body; where there is never anything to write it is `None`.

    `target` raises `UnsafePath` for a path value that is empty, `.`, `..` or holds a slash, a backslash or a control
    character, and `headers` raises `ContractViolation` for a value that no header can hold.
    """

    path: str
    parameters: tuple[Parameter, ...]
    name: tuple[str, str]
    target: Callable[[Sequence[Any]], str] = field(init=False, repr=False, compare=False)
    headers: Callable[[Sequence[Any]], list[tuple[str, str]]] | None = field(init=False, repr=False, compare=False)
    content: Callable[[Sequence[Any]], bytes] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {parameter.name: number for number, parameter in enumerate(self.parameters)}
        query, header, body = (
            [(number, p.wire_name) for number, p in enumerate(self.parameters) if p.place == place]
            for place in ("query", "header", "body")
        )
        object.__setattr__(self, "target", _target(*_split(self.path, index), query, self.name))
        object.__setattr__(self, "headers", _headers(header, self.name) if header else None)
        object.__setattr__(self, "content", _content(body[0][0]) if body else None)


def _target(
    literals: list[str], slots: list[int], query: list[tuple[int, str]], name: tuple[str, str]
) -> Callable[[Sequence[Any]], str]:
    first, *others = literals
    segments = [*zip(slots, others, strict=True)]
    queries = [(number, quote(name, safe="") + "=") for number, name in query]

    def target(values: Sequence[Any]) -> str:
        written = first
        for slot, literal in segments:
            value = values[slot]
            written += (str(value) if type(value) is int else _segment(value, name)) + literal
        if queries:
            pairs: list[str] = []
            for number, begun in queries:
                value = values[number]
                if type(value) is int:
                    pairs.append(begun + str(value))
                elif value is not None:
                    _add_pairs(pairs, begun, value)
            if pairs:
                written += "?" + "&".join(pairs)
        return written

    return target


def _split(path: str, index: dict[str, int]) -> tuple[list[str], list[int]]:
    """Split a template at its parameters into encoded literals and the numbers of the values between them."""
    parts = re.split(r"\{(\w+)\}", path)
    return [quote(part, safe="/:@!$&'()*+,;=~-._") for part in parts[::2]], [index[name] for name in parts[1::2]]


def _segment(value: object, name: tuple[str, str]) -> str:
    text = value if type(value) is str else text_of(value)
    if _PLAIN.fullmatch(text) is not None:
        return text
    if text in ("", ".", "..") or _UNSAFE_IN_PATH.search(text):
        raise UnsafePath("a path value could reach another resource", upstream=name[0], operation=name[1])
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise UnsafePath("a path value is not text", upstream=name[0], operation=name[1]) from error


def _add_pairs(pairs: list[str], name: str, value: object) -> None:
    if type(value) is list and _are_plain(cast("list[object]", value)):
        pairs.append(name + f"&{name}".join(value))
    elif isinstance(value, (list, tuple, set, frozenset)):
        pairs += [name + _encoded(item) for item in cast("Iterable[object]", value) if item is not None]
    else:
        pairs.append(name + _encoded(value))


def _are_plain(values: list[object]) -> TypeGuard[list[str]]:
    """Say whether nothing in a list is encoded: one look at all of it costs less than one at every value."""
    if {*map(type, values)} != {str}:
        return False
    lines = "\n".join(cast("list[str]", values))
    # A value with a line break of its own is none that is plain.
    return lines.count("\n") == len(values) - 1 and _PLAIN_LINES.fullmatch(lines) is not None


def _encoded(value: object) -> str:
    text = value if type(value) is str else text_of(value)
    return text if _PLAIN.fullmatch(text) is not None else quote(text, safe="", errors="replace")


def _headers(wanted: list[tuple[int, str]], name: tuple[str, str]) -> Callable[[Sequence[Any]], list[tuple[str, str]]]:
    def headers(values: Sequence[Any]) -> list[tuple[str, str]]:
        written: list[tuple[str, str]] = []
        for number, wire_name in wanted:
            value = values[number]
            if value is None:
                continue
            text = text_of(value)
            if _UNSAFE_IN_HEADER.search(text):
                what = f"the value for the header {wire_name} cannot travel in a header"
                raise ContractViolation(what, upstream=name[0], operation=name[1])
            written.append((wire_name, text))
        return written

    return headers


def _content(number: int) -> Callable[[Sequence[Any]], bytes]:
    def content(values: Sequence[Any]) -> bytes:
        return cast("BaseModel", values[number]).model_dump_json(by_alias=True).encode()

    return content


def text_of(value: object) -> str:
    """
    Return a value as paths, queries and headers spell it.

    >>> text_of(True), text_of(1.5), text_of(None)
    ('true', '1.5', '')
    """
    match value:
        case str() if not isinstance(value, Enum):
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Enum():
            return text_of(value.value)
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)
