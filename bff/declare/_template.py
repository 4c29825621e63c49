"""Write the arguments of a call into a request, so that none of them can leave its place."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from enum import Enum
from typing import Any, TypeAlias, cast
from urllib.parse import quote

from pydantic import BaseModel

from bff.errors import ContractViolation, UnsafePath

Place: TypeAlias = str
"""Where a parameter travels: `"path"`, `"query"`, `"header"` or `"body"`."""

_UNSAFE_IN_PATH = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")
# What needs no look at: nothing in it is encoded, and it is neither empty nor a dot segment.
_PLAIN = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*")
_UNSAFE_IN_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation; `wire_name` is what it is called on the wire."""

    name: str
    place: Place
    wire_name: str
    annotation: Any


@dataclass(slots=True)  # not frozen, as there is one for every call: that would make it three times as dear
class Written:
    """A request's variable parts; `target` is fully percent-encoded."""

    target: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Template:
    """
    A path template with its parameters, worked out once.

    `name` is the operation's, as errors tell it: `(upstream, operation)`.
    """

    path: str
    parameters: tuple[Parameter, ...]
    name: tuple[str, str]
    _write: Callable[[Sequence[Any]], Written] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_write", _compile(self))

    def write(self, values: Sequence[Any]) -> Written:
        """
        Fill in one value for each parameter, in their order.

        Raises `UnsafePath` for a path value that is empty, `.`, `..` or holds a slash, a backslash or a control
        character, and `ContractViolation` for a header value that no header can hold.
        """
        return self._write(values)


def _compile(template: Template) -> Callable[[Sequence[Any]], Written]:
    """Work out everything that does not depend on the values."""
    index = {parameter.name: number for number, parameter in enumerate(template.parameters)}
    (first, *literals), slots = _split(template.path, index)
    segments = [*zip(slots, literals, strict=True)]
    by_place = {
        place: [(number, p.wire_name) for number, p in enumerate(template.parameters) if p.place == place]
        for place in ("query", "header", "body")
    }
    query, header, body = by_place["query"], by_place["header"], by_place["body"]
    queries = [(number, quote(name, safe="") + "=") for number, name in query]

    def write(values: Sequence[Any]) -> Written:
        target = first
        for slot, literal in segments:
            target += _segment(values[slot], template.name) + literal
        if queries:
            pairs: list[str] = []
            for number, name in queries:
                _add_pairs(pairs, name, values[number])
            if pairs:
                target += "?" + "&".join(pairs)
        if not header and not body:
            return Written(target)
        return Written(target, _headers(header, values, template.name), _content(body, values))

    return write


def _split(path: str, index: dict[str, int]) -> tuple[list[str], list[int]]:
    """Split a template at its parameters into encoded literals and the numbers of the values between them."""
    parts = re.split(r"\{(\w+)\}", path)
    return [quote(part, safe="/:@!$&'()*+,;=~-._") for part in parts[::2]], [index[name] for name in parts[1::2]]


def _segment(value: object, name: tuple[str, str]) -> str:
    if type(value) is int:
        return str(value)
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
    if type(value) is int:
        pairs.append(name + str(value))
    elif isinstance(value, (list, tuple, set, frozenset)):
        pairs += [name + _encoded(item) for item in cast("Iterable[object]", value) if item is not None]
    elif value is not None:
        pairs.append(name + _encoded(value))


def _encoded(value: object) -> str:
    text = value if type(value) is str else text_of(value)
    return text if _PLAIN.fullmatch(text) is not None else quote(text, safe="", errors="replace")


def _headers(
    wanted: list[tuple[int, str]], values: Sequence[Any], name: tuple[str, str]
) -> tuple[tuple[str, str], ...]:
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
    return tuple(written)


def _content(wanted: list[tuple[int, str]], values: Sequence[Any]) -> bytes:
    if not wanted:
        return b""
    return cast("BaseModel", values[wanted[0][0]]).model_dump_json(by_alias=True).encode()


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
