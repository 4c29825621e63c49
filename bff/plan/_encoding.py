"""Encode an answer once: by msgspec, where it writes all of it as pydantic does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

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
    for leaf in _leaves(answer, style, None, set()):
        if leaf.is_alike(has_small_floats=True):
            floats.append(tuple(key for _, key in _steps_to(leaf.place)))
        else:
            left.setdefault(_path(leaf.place) or "*", spell(leaf.type))
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


_Place: TypeAlias = "tuple[_Place, str, str | None] | None"
"""A place in an answer: the one around it, its name, and the key that leads there, `None` for any item of a list."""


def _steps_to(place: _Place) -> Iterator[tuple[str, str | None]]:
    if place is not None:
        around, name, key = place
        yield from _steps_to(around)
        yield name, key


def _path(place: _Place) -> str:
    """Write a place as a user would."""
    return "".join(name if key is None else f".{name}" for name, key in _steps_to(place)).removeprefix(".")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A part of an answer that nothing is known of but its type, and whether code of the user's made it."""

    place: _Place
    type: Type
    is_made: bool

    def is_alike(self, *, has_small_floats: bool) -> bool:
        is_alike = is_made_alike if self.is_made else is_written_alike
        return is_alike(self.type, has_small_floats=has_small_floats)


def _leaves(node: Node, style: Style, place: _Place, seen: set[tuple[int, _Place]]) -> Iterator[_Leaf]:
    """Yield the parts of an answer that msgspec may write in another way than pydantic."""
    if (node.id, place) in seen:
        return
    seen.add((node.id, place))
    inner = passed_on(node)
    if isinstance(node, graph.Build):
        yield from _leaves_of_shape(node, style, place, seen)
    elif inner:
        at = (place, "[]", None) if isinstance(node, graph.Each | graph.Listing) else place
        for part in inner:
            yield from _leaves(part, style, at, seen)
    elif style.is_plain or not has_fields(node.type):
        # Most parts are alike whoever made them.
        if not is_made_alike(node.type):
            yield from _unlike(_Leaf(place, node.type, _is_made(node)))
    else:
        # Pydantic makes data of it, in the client's style: of what is in that, only floats are not alike.
        yield from _unlike(_Leaf(place, float, is_made=False))


def _unlike(leaf: _Leaf) -> Iterator[_Leaf]:
    if not leaf.is_alike(has_small_floats=False):
        yield leaf


def _leaves_of_shape(node: graph.Build, style: Style, place: _Place, seen: set[tuple[int, _Place]]) -> Iterator[_Leaf]:
    facts = shape_facts(node, style)
    if facts.is_plain:  # else pydantic writes it, and that is taken over as it is
        for name, value in node_fields(node):
            if isinstance(value, graph.Attribute) and style.is_plain and is_made_alike(value.type):
                continue  # as most are
            yield from _leaves(value, style, (place, name, facts.keys[name]), seen)
        for name, default in facts.defaults.items():
            yield from _unlike(_Leaf((place, name, facts.keys[name]), type_of_constant(default), is_made=True))


def _is_made(node: Node) -> bool:
    """Say whether a value, or what it is a part of, is what code of the user's returned."""
    if isinstance(node, graph.Call):
        return False
    operands = (node.items,) if isinstance(node, graph.Item) else node.operands
    return isinstance(node, graph.Lifted) or any(map(_is_made, operands))
