"""Encode an answer once: by msgspec, where it writes all of it as pydantic does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw, Struct
from pydantic_core import to_json

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import Type, spell, type_of_constant
from bff.plan._asking import node_fields, passed_on
from bff.plan._floats import Where, has_large, where
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
    left: dict[str, str] = {}
    floats: list[tuple[str | None, ...]] = []
    for leaf in _leaves(answer, style, _Place(), set()):
        if not leaf.is_alike(has_small_floats=True):
            left.setdefault(leaf.place.path or "*", spell(leaf.type))
        elif not leaf.is_alike(has_small_floats=False):
            floats.append(leaf.place.keys)
    if left:
        return Encoder(by_pydantic, "pydantic", tuple(left.items()))
    return Encoder(partial(_by_either, where(floats)) if floats else by_msgspec, "msgspec", ())


def _by_either(floats: Where | None, value: Any) -> bytes:
    return by_pydantic(value) if has_large(value, floats) else by_msgspec(value)


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


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in an answer: as a user would write its path, and by the keys that lead there, `None` for any item."""

    path: str = ""
    keys: tuple[str | None, ...] = ()

    def at(self, name: str, key: str) -> "_Place":
        return _Place(f"{self.path}.{name}" if self.path else name, (*self.keys, key))

    def any_item(self) -> "_Place":
        return _Place(f"{self.path}[]", (*self.keys, None))


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A part of an answer that nothing is known of but its type, and whether code of the user's made it."""

    place: _Place
    type: Type
    is_made: bool

    def is_alike(self, *, has_small_floats: bool) -> bool:
        is_alike = is_made_alike if self.is_made else is_written_alike
        return is_alike(self.type, has_small_floats=has_small_floats)


def _leaves(node: Node, style: Style, place: _Place, seen: set[tuple[int, str]]) -> Iterator[_Leaf]:
    if (node.id, place.path) in seen:
        return
    seen.add((node.id, place.path))
    inner = passed_on(node)
    if isinstance(node, graph.Build):
        yield from _leaves_of_shape(node, style, place, seen)
    elif inner:
        at = place.any_item() if isinstance(node, graph.Each | graph.Listing) else place
        for part in inner:
            yield from _leaves(part, style, at, seen)
    elif style.is_plain or not has_fields(node.type):
        yield _Leaf(place, node.type, _is_made(node))
    else:
        # Pydantic makes data of it, in the client's style: of what is in that, only floats are not alike.
        yield _Leaf(place, float, is_made=False)


def _leaves_of_shape(node: graph.Build, style: Style, place: _Place, seen: set[tuple[int, str]]) -> Iterator[_Leaf]:
    facts = shape_facts(node, style)
    if facts.is_plain:  # else pydantic writes it, and that is taken over as it is
        for name, value in node_fields(node):
            yield from _leaves(value, style, place.at(name, facts.keys[name]), seen)
        for name, default in facts.defaults.items():
            yield _Leaf(place.at(name, facts.keys[name]), type_of_constant(default), is_made=True)


def _is_made(node: Node) -> bool:
    """Say whether a value, or what it is a part of, is what code of the user's returned."""
    if isinstance(node, graph.Call):
        return False
    operands = (node.items,) if isinstance(node, graph.Item) else node.operands
    return isinstance(node, graph.Lifted) or any(map(_is_made, operands))
