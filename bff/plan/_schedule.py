"""Work out which calls are made, what each waits for, and which of them the answer cannot do without."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._tracing import Traced
from bff.plan._demand import Demand


@dataclass(frozen=True, slots=True)
class Needs:
    """
    The calls that a value depends on, by number.

    Without the `hard` ones there is no value; a `soft` one stands behind an `optional`, so that it only has to be
    settled.
    """

    hard: frozenset[int] = frozenset()
    soft: frozenset[int] = frozenset()

    @property
    def settled(self) -> frozenset[int]:
        """Everything that has to be known before the value is."""
        return self.hard | self.soft


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    The calls of a plan in the order of their declaration, and what every value needs of them.

    `needs` is by node id; `required` are the calls whose failure fails the request.
    """

    calls: tuple[graph.Call, ...]
    needs: Mapping[int, Needs]
    required: frozenset[int]

    def number(self, call: graph.Call) -> int:
        """Return the number of a call."""
        return self.calls.index(call)

    def inputs(self, number: int) -> Needs:
        """Return what the arguments of a call need."""
        return joined(self.needs[argument.id] for argument in self.calls[number].arguments)

    def certain(self, numbers: Iterable[int]) -> frozenset[int]:
        """Return the calls that must have succeeded where these have: they and what they are made from."""
        found: set[int] = set()
        waiting = [*numbers]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += self.inputs(number).hard
        return frozenset(found)


def joined(parts: Iterable[Needs]) -> Needs:
    """Return what several values need together."""
    hard: frozenset[int] = frozenset()
    soft: frozenset[int] = frozenset()
    for part in parts:
        hard |= part.hard
        soft |= part.soft
    return Needs(hard, soft)


def schedule(traced: Traced, needed: Mapping[int, Demand]) -> Schedule:
    """Return the schedule of what is needed; what is not needed has no place in it."""
    live = [node for node in traced.nodes if node.id in needed]
    calls = tuple(node for node in live if isinstance(node, graph.Call))
    numbers = {call.id: number for number, call in enumerate(calls)}
    needs: dict[int, Needs] = {}
    for node in live:
        needs[node.id] = _needs(node, numbers, needs)
    made = Schedule(calls, needs, frozenset())
    return Schedule(calls, needs, made.certain(needs[traced.answer.id].hard))


def _needs(node: Node, numbers: Mapping[int, int], needs: Mapping[int, Needs]) -> Needs:
    match node:
        case graph.Call():
            return Needs(hard=frozenset({numbers[node.id]}))
        case graph.Optional():
            value, default = needs[node.value.id], needs[node.default.id]
            return Needs(default.hard, value.settled | default.soft)
        case _:
            return joined(needs[operand.id] for operand in node.operands)
