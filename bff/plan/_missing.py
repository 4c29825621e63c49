"""Which parts of an answer may be missing, where they stand in it, and what has to fail for that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._tracing import Traced
from bff.plan._asking import may_break, node_fields
from bff.plan._schedule import Schedule
from bff.plan._shapes import shape_facts
from bff.plan._style import Style


@dataclass(frozen=True, slots=True)
class Place:
    """
    A place in an answer: its path, in which `*` is any item of a list.

    `loops` are the steps that have a frame for each item, with the position of the item in the path, -1 where the list
    is not in the answer itself; `taken` are the decisions that lead there, with the number of the branch.
    """

    path: tuple[str, ...] = ()
    loops: tuple[tuple[int, int], ...] = ()
    taken: tuple[tuple[int, int], ...] = ()
    is_part: bool = True

    def at(self, name: str) -> "Place":
        """Return the place of a part; one that is not in the answer itself has the place of what is made of it."""
        return Place((*self.path, name), self.loops, self.taken) if self.is_part else self

    def __str__(self) -> str:
        return ".".join(self.path) or "*"


@dataclass(frozen=True, slots=True)
class OptionalPart:
    """
    A value that takes a default where one of the steps, by number, fails.

    So it does where it `can_break` and is itself not what it has to be, which is known by the number of its `node`.
    """

    places: tuple[Place, ...]
    steps: tuple[int, ...]
    node: int
    can_break: bool

    @property
    def paths(self) -> tuple[str, ...]:
        """The places, written as paths."""
        return tuple(dict.fromkeys(map(str, self.places)))


def optional_parts(traced: Traced, scheduled: Schedule, style: Style) -> Iterator[OptionalPart]:
    """Yield what may be missing, in the order of the answer."""
    places: dict[int, list[Place]] = {}
    nodes: dict[int, graph.Optional] = {}
    for node, place in _Places(scheduled, style, _doubtful(traced)).of(traced.answer, Place()):
        nodes[node.id] = node
        places.setdefault(node.id, []).append(place)
    required = scheduled.required
    for number, node in nodes.items():
        doubtful = scheduled.certain(scheduled.needs[node.value.id].hard) - required
        # What is an item's is told by the loop, unless the part itself is in the loop.
        visible = [n for n in sorted(doubtful) if {*scheduled.around(scheduled.steps[n].region)} <= node.scope]
        can_break = may_break(node.value)
        if visible or can_break:
            yield OptionalPart(tuple(places[number]), tuple(visible), number, can_break)


def _doubtful(traced: Traced) -> frozenset[int]:
    """Return the values, by number, that are made from anything that may be missing: most of an answer is not."""
    found: set[int] = set()
    for node in traced.nodes:
        if isinstance(node, graph.Optional) or any(operand.id in found for operand in node.operands):
            found.add(node.id)
    return frozenset(found)


class _Places:
    """Goes through an answer, from its parts to the values that they are made from."""

    def __init__(self, scheduled: Schedule, style: Style, doubtful: frozenset[int]) -> None:
        self._scheduled = scheduled
        self._style = style
        self._seen: set[tuple[int, Place]] = set()
        self._doubtful = doubtful

    def of(self, node: Node, place: Place) -> Iterator[tuple[graph.Optional, Place]]:
        """Yield every `optional` that a part of the answer is made from, with the place of that part."""
        if node.id not in self._doubtful or (node.id, place) in self._seen:
            return
        self._seen.add((node.id, place))
        match node:
            case graph.Build():
                facts = shape_facts(node, self._style)
                for name, value in node_fields(node):
                    if value.id in self._doubtful:
                        yield from self.of(value, place.at(facts.keys[name]))
            case graph.Each():
                yield from self.of(node.items, place)
                yield from self.of(node.body, self._inside(node, place))
            case graph.When() | graph.Fallback():
                yield from self._branches(node, place)
            case graph.Optional():
                yield node, place
                yield from self._all(node.operands, place)
            case graph.Listing() | graph.OrElse() | graph.Slice():
                yield from self._all(node.operands, place)
            case _:
                # What the answer is worked out from has no places in it: all of it is this one.
                yield from self._all(node.operands, replace(place, is_part=False))

    def _all(self, nodes: Sequence[Node], place: Place) -> Iterator[tuple[graph.Optional, Place]]:
        for node in nodes:
            yield from self.of(node, place)

    def _inside(self, node: graph.Each, place: Place) -> Place:
        step = self._scheduled.step_of(node)
        position = len(place.path) if place.is_part else -1
        loops = place.loops if step is None else (*place.loops, (position, step.number))
        return replace(place.at("*"), loops=loops)

    def _branches(self, node: graph.When | graph.Fallback, place: Place) -> Iterator[tuple[graph.Optional, Place]]:
        if isinstance(node, graph.When):
            yield from self.of(node.condition, place)
        step = self._scheduled.step_of(node)
        for number, branch in enumerate(node.branches):
            taken = place.taken if step is None else (*place.taken, (step.number, number))
            yield from self.of(branch, replace(place, taken=taken))
