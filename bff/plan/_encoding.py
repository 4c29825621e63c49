"""Encode an answer once: by msgspec, where it writes all of it as pydantic does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw, Struct
from pydantic_core import to_json

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import spell, type_of_constant
from bff.plan._asking import node_fields, passed_on
from bff.plan._native import is_made_alike, is_written_alike
from bff.plan._shapes import shape_facts
from bff.plan._style import Style, has_fields

__all__ = ["Encoder", "by_msgspec", "by_pydantic", "encoder_of"]


@dataclass(frozen=True, slots=True)
class Encoder:
    """
    Write an answer as JSON.

    `engine` is what writes it; where that is pydantic, `left` are the parts that msgspec would write in another way.
    """

    encode: Callable[[Any], bytes]
    engine: str
    left: tuple[tuple[str, str], ...]


def encoder_of(answer: Node, style: Style) -> Encoder:
    """Return what writes the answer of a graph, which is data by now: its Shapes are dicts."""
    left = dict(_unlike(answer, style, "", set()))
    if left:
        return Encoder(by_pydantic, "pydantic", tuple(left.items()))
    return Encoder(by_msgspec, "msgspec", ())


def by_pydantic(value: Any) -> bytes:
    """Return an answer as JSON: models by their aliases, decimals as text, what is no number as null."""
    return to_json(value, by_alias=True, inf_nan_mode="null", fallback=_data_of)


def _raw(value: Any) -> Raw:
    return Raw(by_pydantic(value))


_write = msgspec.json.Encoder(enc_hook=_raw).encode


def by_msgspec(value: Any) -> bytes:
    try:
        return _write(value)
    except Exception:  # noqa: BLE001 - whatever it was, pydantic can write it or says why not
        return by_pydantic(value)


def _data_of(value: Any) -> Any:
    """Return what stands in for a contract as a dict; raises `TypeError` for what nobody can write."""
    if isinstance(value, Struct):
        kind = type(value)
        pairs = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        return {key: getattr(value, name) for name, key in pairs}
    raise TypeError


def _unlike(node: Node, style: Style, path: str, seen: set[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    """Yield the parts of an answer that msgspec would write in another way than pydantic, with their types."""
    if (node.id, path) in seen:
        return
    seen.add((node.id, path))
    inner = passed_on(node)
    if isinstance(node, graph.Build):
        yield from _unlike_in_shape(node, style, f"{path}." if path else "", seen)
    elif inner:
        at = f"{path}[]" if isinstance(node, graph.Each | graph.Listing) else path
        for part in inner:
            yield from _unlike(part, style, at, seen)
    elif not (_is_alike(node) or (not style.is_plain and has_fields(node.type))):
        yield path or "*", spell(node.type)


def _is_alike(node: Node) -> bool:
    return is_made_alike(node.type) if _is_made(node) else is_written_alike(node.type)


def _is_made(node: Node) -> bool:
    """Say whether a value, or what it is a part of, is what code of the user's returned."""
    if isinstance(node, graph.Call):
        return False
    operands = (node.items,) if isinstance(node, graph.Item) else node.operands
    return isinstance(node, graph.Lifted) or any(map(_is_made, operands))


def _unlike_in_shape(
    node: graph.Build, style: Style, prefix: str, seen: set[tuple[int, str]]
) -> Iterator[tuple[str, str]]:
    facts = shape_facts(node, style)
    if facts.is_plain:  # else pydantic writes it, and that is taken over as it is
        for name, value in node_fields(node):
            yield from _unlike(value, style, prefix + name, seen)
        for name, default in facts.defaults.items():
            if not is_written_alike(type_of_constant(default)):
                yield prefix + name, type(default).__name__
