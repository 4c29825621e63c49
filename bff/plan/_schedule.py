"""Work out which steps a request takes, what each waits for, and which of them the answer cannot do without."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._tracing import Traced
from bff.plan._demand import Demand
from bff.plan._order import Writes

Region: TypeAlias = int | None
"""Where a step is taken: once for every value of an `each` item, by the item's id, or once for a request."""


class Needs(Struct, frozen=True):
    """
    The steps that a value depends on, by number.

    Without the `hard` ones there is no value; a `soft` one stands behind an `optional`, so that it only has to be
    settled. `settled` is everything that has to be known before the value is; `in_order` are the hard ones as written.
    """

    hard: frozenset[int] = frozenset()
    soft: frozenset[int] = frozenset()
    settled: frozenset[int] = frozenset()
    in_order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "settled", self.hard | self.soft if self.soft else self.hard)
        force_setattr(self, "in_order", tuple(sorted(self.hard)))


NOTHING: Final = Needs()


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """
    Something that takes time: a call, a decision between branches, or a loop whose body takes steps.

    It begins once what it `needs` is settled; `inner` is what each branch, or the body of the loop, needs then. Its
    outcome stands at `index` among those of its region.
    """

    number: int
    node: Node
    region: Region
    index: int
    needs: Needs
    inner: tuple[Needs, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    The steps of a plan in the order of their declaration, and what every value needs of them.

    `numbers` has the step that makes a value, `needs` what each value needs, both by node id; `answer` is what has to
    be over before a request is answered. `regions` gives the region around each region, the loop that goes through it
    and how many steps it has.
    """

    steps: tuple[Step, ...]
    numbers: Mapping[int, int]
    needs: Mapping[int, Needs]
    answer: Needs
    regions: Mapping[int, Region]

    @property
    def calls(self) -> tuple[Step, ...]:
        """The steps that are calls."""
        return tuple(step for step in self.steps if isinstance(step.node, graph.Call))

    @property
    def required(self) -> frozenset[int]:
        """The steps whose failure fails the request."""
        return self.certain(self.answer.hard)

    @property
    def strict(self) -> frozenset[int]:
        """The steps that no `optional` stands around: those that are required, and those in branches that may be."""
        return self._closure(self.answer.hard, lambda _: True)

    @property
    def at_once(self) -> frozenset[int]:
        """The steps that every request takes, as far as it comes: no decision and no loop stands before them."""
        return self.settled_before(self.answer)

    def settled_before(self, needs: Needs) -> frozenset[int]:
        """Return the steps that are settled, each after those that it needs, once what has these needs begins."""
        found: set[int] = set()
        waiting = [*needs.settled]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += self.steps[number].needs.settled
        return frozenset(found)

    def containers(self, number: int) -> tuple[int, ...]:
        """Return the decisions and loops that a step may be taken for, by number."""
        return tuple(sorted({step.number for step, _ in self._containers(number)}))

    def step_of(self, node: Node) -> Step | None:
        """Return the step that makes a value, if one does."""
        number = self.numbers.get(node.id)
        return None if number is None else self.steps[number]

    def around(self, region: Region) -> Iterator[int]:
        """Yield a region and those around it, the innermost first; what is taken once for a request is in none."""
        while region is not None:
            yield region
            region = self.regions[region]

    def size(self, region: Region) -> int:
        """Return how many steps a region has."""
        return sum(step.region == region for step in self.steps)

    def is_sequential(self, region: Region) -> bool:
        """Say whether a region, or one around it, takes one item after another."""
        loops = (step.node for step in self.steps)
        return any(
            node.is_sequential for node in loops if isinstance(node, graph.Each) and node.item.id in self.around(region)
        )

    def certain(self, numbers: frozenset[int]) -> frozenset[int]:
        """Return the steps that must have succeeded where these have: they and what they are made from."""
        return self._closure(numbers, lambda step: isinstance(step.node, graph.Each))

    def influences(self, number: int) -> frozenset[int]:
        """Return the other calls, and loops that write, which have a say in whether or how often a step is taken."""
        causes = {*self.steps[number].needs.settled}
        for outer, branch in self._containers(number):
            causes |= outer.needs.settled
            if isinstance(outer.node, graph.Fallback):
                causes |= {each for inner in outer.inner[:branch] for each in inner.settled}
        seen: set[int] = set()
        while causes:
            step = self.steps[causes.pop()]
            if step.number not in seen:
                seen.add(step.number)
                causes |= step.needs.settled.union(*(inner.settled for inner in step.inner))
        return frozenset(found for found in seen if found != number and _is_busy(self.steps[found].node))

    def _containers(self, number: int) -> set[tuple[Step, int]]:
        """Return the decisions and loops that a step may be taken for, and for which branch of each."""
        found: set[tuple[Step, int]] = set()
        seen: set[int] = set()
        waiting = [number]
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            waiting += (step.number for step in self.steps if at in step.needs.settled)
            inside = {(step, n) for step in self.steps for n, inner in enumerate(step.inner) if at in inner.settled}
            waiting += (step.number for step, _ in inside)
            found |= inside
        return found

    def _closure(self, numbers: frozenset[int], goes_inside: Callable[[Step], bool]) -> frozenset[int]:
        if not numbers:
            return numbers
        found: set[int] = set()
        waiting = [*numbers]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                step = self.steps[number]
                waiting += step.needs.hard
                if goes_inside(step):
                    waiting += (each for inner in step.inner for each in inner.hard)
        return frozenset(found)


def _is_busy(node: Node) -> bool:
    """Say whether a step takes time of its own, and not just that of what is inside it."""
    return isinstance(node, graph.Call) or (isinstance(node, graph.Each) and node.is_sequential)


def joined(parts: Iterable[Needs]) -> Needs:
    """Return what several values need together."""
    some = [part for part in parts if part.settled]
    if not some:
        return NOTHING
    first = some[0]
    if all(part is first for part in some):
        return first
    return Needs(first.hard.union(*(part.hard for part in some)), first.soft.union(*(part.soft for part in some)))


def schedule(traced: Traced, needed: Mapping[int, Demand], writes: Writes) -> Schedule:
    """Return the schedule of what is needed; what is not needed has no place in it."""
    maker = _Scheduler(traced, writes, [node for node in traced.nodes if node.id in needed])
    return maker.made()


class _Scheduler:
    """Goes through the values in their order, so that what one is made of is known before it."""

    def __init__(self, traced: Traced, writes: Writes, live: Iterable[Node]) -> None:
        self._traced = traced
        self._writes = writes
        self._live = [*live]
        self._needs: dict[int, Needs] = {}
        self._steps: list[Step] = []
        self._numbers: dict[int, int] = {}
        self._items = {node.item.id: node for node in self._live if isinstance(node, graph.Each)}
        self._loops: dict[int, int] = {}

    def made(self) -> Schedule:
        for node in self._live:
            self._needs[node.id] = self._of(node)
        answer = self._block(0, self._traced.answer)
        regions = {item: self._region(self._scope_of(item)) for item in self._items}
        return Schedule(tuple(self._steps), self._numbers, self._needs, answer, regions)

    def _scope_of(self, item: int) -> frozenset[int]:
        """Return the items that a loop depends on."""
        loops = (node for node in self._live if isinstance(node, graph.Each) and node.item.id == item)
        return frozenset[int]().union(*(node.scope for node in loops))

    def _region(self, scope: frozenset[int]) -> Region:
        """Return the innermost of the loops that a value depends on: the one whose body stands in those of the rest."""
        depth = {item: len([*self._traced.order.around(self._items[item].block)]) for item in scope}
        return max(depth, key=lambda item: depth[item], default=None)

    def _of(self, node: Node) -> Needs:
        match node:
            case graph.Attribute():  # most are
                return self._needs[node.base.id]
            case graph.Call():
                return self._step(node, self._call(node))
            case graph.When() | graph.Fallback():
                return self._branching(node)
            case graph.Each():
                return self._each(node)
            case graph.Optional():
                value, default = self._needs[node.value.id], self._needs[node.default.id]
                return Needs(default.hard, value.settled | default.soft)
            case _:
                needs = [self._needs[operand.id] for operand in node.operands]
                return needs[0] if len(needs) == 1 else joined(needs)

    def _step(self, node: Node, needs: Needs, *inner: Needs) -> Needs:
        region, number = self._region(node.scope), len(self._steps)
        index = sum(step.region == region for step in self._steps)
        self._steps.append(Step(number, node, region, index, needs, inner))
        self._numbers[node.id] = number
        return Needs(hard=frozenset({number}))

    def _call(self, call: graph.Call) -> Needs:
        """Return what a call waits for: what it is given, and what the order of reads and writes asks for."""
        given = joined(self._needs[argument.id] for argument in call.arguments)
        fences = joined(self._settled(write) for write in self._writes.fences(call))
        if call.operation.is_read:
            return joined([given, fences])
        above = [
            (self._needs[node.id], succeeds) for node, succeeds in self._writes.above(call) if node.id in self._needs
        ]
        return joined([given, fences, *(needs if succeeds else Needs(soft=needs.settled) for needs, succeeds in above)])

    def _settled(self, write: Node) -> Needs:
        """Return the need of a write that has to be over, and to have succeeded unless it is optional."""
        needs = self._needs[write.id]
        return Needs(soft=needs.settled) if self._writes.is_caught(write) else needs

    def _block(self, block: int | None, value: Node) -> Needs:
        """Return what a block needs: its value, and every write in it."""
        writes: Sequence[Node] = () if block is None else self._writes.in_block(block)
        return joined([self._needs[value.id], *map(self._settled, writes)])

    def _branching(self, node: graph.When | graph.Fallback) -> Needs:
        inner = [self._block(block, branch) for block, branch in zip(node.blocks, node.branches, strict=True)]
        needs = self._needs[node.condition.id] if isinstance(node, graph.When) else NOTHING
        if isinstance(node, graph.When) and not any(each.settled for each in inner):
            return needs
        return self._step(node, needs, *inner)

    def _each(self, node: graph.Each) -> Needs:
        body, items = self._block(node.block, node.body), self._needs[node.items.id]
        own = {step.number for step in self._steps if step.region == node.item.id}
        if not own:
            return joined([items, body])
        outside = Needs(body.hard - own, body.soft - own)
        known = self._loops.get(node.item.id)
        if known is None:
            entered = self._step(node, items, body)
            self._loops[node.item.id] = self._numbers[node.id]
            return joined([entered, outside])
        # The same loop, with what it makes written in another way.
        self._numbers[node.id] = known
        self._steps[known] = replace(self._steps[known], inner=(joined([*self._steps[known].inner, body]),))
        return joined([Needs(hard=frozenset({known})), outside])
