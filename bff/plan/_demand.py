"""Work out backwards, from the answer, which parts of every value are needed."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from types import UnionType
from typing import TypeVar, Union, get_args

from msgspec import Struct, field

from bff.declare import _graph as graph
from bff.declare._generics import walk
from bff.declare._graph import Node
from bff.declare._tracing import Traced
from bff.declare._types import (
    SEQUENCES,
    Type,
    element,
    origin_of,
    protocol_members,
    typed_keys,
    unwrap,
    without_none,
)
from bff.plan._shapes import models_in, shape_facts
from bff.plan._style import style_of


class Demand(Struct, frozen=True):  # of which a plan makes many: as a dataclass it takes several times as long
    """
    What is needed of one value: all of it, or some fields, or something of its items; nothing but its being there.

    What `is_written` is whole for the encoder alone: nobody else looks at more of it than its `fields` and `items`.
    """

    is_whole: bool = False
    is_written: bool = False
    fields: "Mapping[str, Demand]" = field(default_factory=dict[str, "Demand"])
    items: "Demand | None" = None

    def merged(self, other: "Demand") -> "Demand":
        """Return the need of both."""
        if self is other or other is NOTHING:
            return self
        if self is NOTHING:
            return other
        is_whole = self.is_whole or other.is_whole
        is_seen = (self.is_whole and not self.is_written) or (other.is_whole and not other.is_written)
        fields = self.fields
        if other.fields:
            common = {name: part.merged(fields[name]) for name, part in other.fields.items() if name in fields}
            fields = {**fields, **other.fields, **common}
        items = self.items.merged(other.items) if self.items and other.items else self.items or other.items
        return Demand(is_whole, is_whole and not is_seen, fields, items)

    @property
    def key(self) -> Hashable:
        """What is equal for equal demands."""
        if self.is_whole and not self.is_written:
            return True
        fields = frozenset((name, part.key) for name, part in self.fields.items())
        return self.is_written, fields, self.items and self.items.key

    def of_items(self) -> "Demand":
        """What is needed of every item, where this is the demand on a sequence."""
        return self._inner(self.items)

    def of_field(self, name: str) -> "Demand":
        """What is needed of a field, where this is the demand on what has fields."""
        return self._inner(self.fields.get(name))

    def _inner(self, part: "Demand | None") -> "Demand":
        if not self.is_written:
            return WHOLE if self.is_whole else part or NOTHING
        return WRITTEN if part is None else WRITTEN.merged(part)


NOTHING = Demand()
WHOLE = Demand(is_whole=True)
WRITTEN = Demand(is_whole=True, is_written=True)
_ITEMS = Demand(items=NOTHING)


def demand(traced: Traced, roots: Iterable[Node] = ()) -> Mapping[int, Demand]:
    """
    Return the demand on every node that the answer needs, by its id; `roots` are there for their own sake.

    Nodes are in the order of their creation, so going through them in reverse meets every user of a value before
    the value. What is not in the result is not needed: a call that is not in it is never made.
    """
    needed: dict[int, Demand] = {node.id: NOTHING for node in roots}
    needed[traced.answer.id] = _of_answer(traced)
    sources = {node.item.id: node.items for node in traced.nodes if isinstance(node, graph.Each)}

    for node in reversed(traced.nodes):
        wanted = needed.get(node.id)
        if wanted is not None:
            asked = _demands(node, wanted)
            if isinstance(node, graph.Item):
                asked = [(sources[node.id], Demand(items=wanted)), *asked]
            for operand, what in asked:
                known = needed.get(operand.id)
                needed[operand.id] = what if known is None else known.merged(what)
    return needed


def _of_answer(traced: Traced) -> Demand:
    """Return the demand on the answer: pydantic makes data of what is more than was declared, or of another style."""
    named = models_in(traced.endpoint.returns)
    is_more = bool(named) and not models_in(traced.answer.type) <= named
    return WRITTEN if style_of(traced.endpoint.profile).is_plain and not is_more else WHOLE


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
            return [(node.body, wanted.of_items()), (node.items, _ITEMS)]
        case graph.Listing():
            return [(entry, wanted.of_items()) for entry in node.entries]
        case graph.IsNone():
            return [(node.value, NOTHING)]
        case graph.Build() | graph.Lifted():
            return [*_of_made(node, wanted)]
        case _:
            return [(operand, WHOLE) for operand in node.operands]


def _of_made(node: graph.Build | graph.Lifted, wanted: Demand) -> Iterator[tuple[Node, Demand]]:
    if isinstance(node, graph.Build):
        # Of one that pydantic does not have to validate, its values are all that there is.
        is_data = wanted.is_written and shape_facts(node).is_plain
        yield from ((value, WRITTEN if is_data else WHOLE) for value in node.values)
        return
    hints = node.function.hints
    back: dict[Type, Demand] = {}
    for variable, what in _come_back(hints["return"], wanted):
        back[variable] = back.get(variable, NOTHING).merged(what)
    for name, argument in zip(node.function.signature.parameters, node.arguments, strict=True):
        yield argument, _asked(hints[name], back)


def _come_back(hint: Type, wanted: Demand) -> Iterator[tuple[Type, Demand]]:
    """Yield what is needed of what a function gets and returns as it is, by the type variable that says so."""
    args = [arg for arg in get_args(hint) if arg is not Ellipsis]
    if isinstance(hint, TypeVar):
        yield hint, wanted
    elif origin_of(hint) in (Union, UnionType):
        for arg in args:
            yield from _come_back(arg, wanted)
    elif origin_of(hint) in SEQUENCES:
        for arg in args:
            yield from _come_back(arg, wanted.of_items())
    else:
        yield from ((part, WHOLE) for part in walk(hint) if isinstance(part, TypeVar))


def _asked(hint: Type, back: Mapping[Type, Demand]) -> Demand:
    """Return what a parameter of a `@derived` function asks for: a `Protocol` just its properties."""
    if isinstance(hint, TypeVar):
        return _asked_of_any(hint, back)
    if any(isinstance(part, TypeVar) for part in walk(hint)):
        args = [arg for arg in get_args(hint) if arg not in (type(None), Ellipsis)]
        if len(args) == 1 and origin_of(hint) in (Union, UnionType):
            return _asked(args[0], back)
        return Demand(items=_asked(args[0], back)) if len(args) == 1 and origin_of(hint) in SEQUENCES else WHOLE
    tp = unwrap(without_none(hint))
    properties = protocol_members(tp)
    if properties is not None:
        return Demand(fields={name: _asked(part, back) for name, part in properties.items()})
    item = element(tp)
    return WHOLE if item is None else Demand(items=_asked(item, back))


def _asked_of_any(variable: TypeVar, back: Mapping[Type, Demand]) -> Demand:
    """Return what is asked of whatever goes in: what a bound lets the function read, and what is read afterwards."""
    if variable.__bound__ is None or protocol_members(variable.__bound__) is None:
        return WHOLE
    return _asked(variable.__bound__, back).merged(back.get(variable, NOTHING))
