"""Work out backwards, from the answer, which parts of every value are needed."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bff.declare import _graph as graph
from bff.declare._generics import walk
from bff.declare._graph import Node
from bff.declare._tracing import Traced
from bff.declare._types import Type, element, protocol_members, typed_keys, unwrap, without_none


@dataclass(slots=True)
class Demand:
    """
    What is needed of one value: all of it, or some fields, or something of its items; nothing but its being there.
    """

    is_whole: bool = False
    fields: "dict[str, Demand]" = field(default_factory=dict[str, "Demand"])
    items: "Demand | None" = None

    def merge(self, other: "Demand") -> None:
        """Need what `other` needs too."""
        self.is_whole = self.is_whole or other.is_whole
        for name, part in other.fields.items():
            self.fields.setdefault(name, Demand()).merge(part)
        if other.items is not None:
            self.items = self.items or Demand()
            self.items.merge(other.items)

    @property
    def key(self) -> Hashable:
        """What is equal for equal demands."""
        if self.is_whole:
            return True
        return frozenset((name, part.key) for name, part in self.fields.items()), self.items and self.items.key

    def of_items(self) -> "Demand":
        """What is needed of every item, where this is the demand on a sequence."""
        return WHOLE if self.is_whole else self.items or Demand()


WHOLE = Demand(is_whole=True)


def demand(traced: Traced, roots: Iterable[Node] = ()) -> Mapping[int, Demand]:
    """
    Return the demand on every node that the answer needs, by its id; `roots` are there for their own sake.

    Nodes are in the order of their creation, so going through them in reverse meets every user of a value before
    the value. What is not in the result is not needed: a call that is not in it is never made.
    """
    needed: dict[int, Demand] = {node.id: Demand() for node in roots}
    needed[traced.answer.id] = Demand(is_whole=True)
    sources = {node.item.id: node.items for node in traced.nodes if isinstance(node, graph.Each)}

    def need(node: Node, what: Demand) -> None:
        needed.setdefault(node.id, Demand()).merge(what)

    for node in reversed(traced.nodes):
        if node.id in needed:
            if isinstance(node, graph.Item):
                need(sources[node.id], Demand(items=needed[node.id]))
            for operand, what in _demands(node, needed[node.id]):
                need(operand, what)
    return needed


def _demands(node: Node, wanted: Demand) -> list[tuple[Node, Demand]]:
    """Return what a node needs of its operands, given what is needed of itself."""
    match node:
        case graph.Attribute():
            return [(node.base, Demand(fields={node.name: wanted}))]
        case graph.Index():
            is_typed = typed_keys(without_none(node.base.type)) is not None
            return [(node.base, Demand(fields={str(node.key): wanted}) if is_typed else Demand(items=wanted))]
        case graph.Slice() | graph.Optional() | graph.OrElse() | graph.When() | graph.Fallback():
            return [(operand, wanted) for operand in node.operands]
        case graph.Each():
            return [(node.body, wanted.of_items()), (node.items, Demand(items=Demand()))]
        case graph.Listing():
            return [(entry, wanted.of_items()) for entry in node.entries]
        case graph.IsNone():
            return [(node.value, Demand())]
        case graph.Lifted():
            hints = [node.function.hints[name] for name in node.function.signature.parameters]
            return [(argument, _asked(hint)) for argument, hint in zip(node.arguments, hints, strict=True)]
        case _:
            return [(operand, WHOLE) for operand in node.operands]


def _asked(hint: Type) -> Demand:
    """Return what a parameter of a `@derived` function asks for: a `Protocol` just its properties."""
    if any(isinstance(part, TypeVar) for part in walk(hint)):
        # What comes back is what went in, and may be asked for more.
        return WHOLE
    tp = unwrap(without_none(hint))
    properties = protocol_members(tp)
    if properties is not None:
        return Demand(fields={name: _asked(part) for name, part in properties.items()})
    item = element(tp)
    return WHOLE if item is None else Demand(items=_asked(item))
