"""Lay out generated code as a person would: short things on one line, long ones entry by entry."""

from collections.abc import Sequence

_WIDTH = 88


def quoted(value: object) -> str:
    """
    Return the literal of a value, a text in double quotes where it needs no escapes.

    >>> print(quoted("id"), quoted(7), quoted('"'))
    "id" 7 '"'
    """
    text = repr(value)
    is_plain = isinstance(value, str) and text == f"'{value}'" and '"' not in value
    return f'"{value}"' if is_plain else text


def tupled(codes: Sequence[str]) -> str:
    """
    Return the text of a tuple.

    >>> tupled(["a"]), tupled(["a", "b"])
    ('(a,)', '(a, b)')
    """
    return f"({codes[0]},)" if len(codes) == 1 else bracketed("(", codes, ")")


def bracketed(opening: str, codes: Sequence[str], closing: str) -> str:
    """Return expressions in brackets, one to a line where they would be too long for one line."""
    return spread(opening, codes, closing, between=", ")


def spread(opening: str, codes: Sequence[str], closing: str, *, between: str) -> str:
    """Return parts in brackets; where they do not fit on one line, every part has its own."""
    line = opening + between.join(codes) + closing
    if "\n" not in line and len(line) <= _WIDTH:
        return line
    mark = between.rstrip()
    return "\n".join([opening, *("    " + (code + mark).replace("\n", "\n    ") for code in codes), closing])


def unpacked(item: int, frame: str) -> str:
    """Return the line that takes a frame apart."""
    return f"v{item}, f{item}, i{item} = {frame}.v, {frame}.f, {frame}.item"


def value_name(number: int, *, is_data: bool) -> str:
    """Return the name of a variable for a value, by the number of its node."""
    return f"d{number}" if is_data else f"n{number}"
