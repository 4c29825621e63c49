"""Write the code that makes the calls of a plan which is nothing but reads that every request makes."""

from collections.abc import Iterator, Mapping, Sequence

from bff.declare import _graph as graph
from bff.plan._block import Block
from bff.plan._flow import Flow
from bff.plan._schedule import Schedule, Step

_SHORT = 60


def straight_texts(scheduled: Schedule, flow: Flow, inputs: Mapping[int, str]) -> Iterator[str]:
    """
    Yield the texts of the functions that make all calls, `calls` first; none where the plan is anything else.

    `inputs` are the texts of the functions that compute the arguments of calls, by number; a line of it stands here.
    """
    nodes = [step.node for step in scheduled.steps]
    if nodes and flow.size == len(nodes) and all(isinstance(n, graph.Call) and n.operation.is_read for n in nodes):
        yield from _Lanes(scheduled, flow, inputs).texts()


class _Lanes:
    """
    Lays calls out in rows, each in a function: what only one call leads to stands below it.

    Where a call leads to several, the one that the longest row begins with goes on in its place, and the others have
    tasks beside it. What several lead to goes on in the place of whichever is settled last.
    """

    def __init__(self, scheduled: Schedule, flow: Flow, inputs: Mapping[int, str]) -> None:
        self._steps = scheduled.steps
        self._inputs = inputs
        self._ranks = flow.ranks
        self._required = scheduled.required
        self._before = _nearest(scheduled.steps)
        self._waiting: list[int] = []

    def texts(self) -> Iterator[str]:
        yield self._function("calls", [number for number, before in enumerate(self._before) if not before])
        seen: set[int] = set()
        while self._waiting:
            number = self._waiting.pop(0)
            if number not in seen:
                seen.add(number)
                yield self._function(_name(number), [number])

    def _function(self, name: str, ready: Sequence[int]) -> str:
        block = Block(1, [f"async def {name}(r, v, f, p, x, m):"])
        while ready:
            number, *others = sorted(ready, key=lambda number: -self._ranks[number])
            for other in others:
                self._beside(other, block)
            self._call(self._steps[number], block)
            after = [n for n, before in enumerate(self._before) if number in before]
            ready = [n for n in after if len(self._before[n]) == 1]
            self._meet([n for n in after if n not in ready], block, is_end=not ready)
        return "\n".join(block.lines)

    def _call(self, step: Step, block: Block) -> None:
        """Write one call: the request ends where it fails and has to succeed, and its failure is kept otherwise."""
        number, name = step.number, _full_name(step)
        doubtful = [f"f[{n}]" for n in step.needs.in_order if n not in self._required]
        if doubtful:
            block.write(f"f[{number}] = {' or '.join(doubtful)}")
            block.write(f"if f[{number}] is None:")
            block = block.inner()
        block.write("try:")
        block.under(f"v[{number}] = await r.ask({number}, {self._arguments(number)})  # {name}")
        block.write("except FAILURES as error:")
        is_required = number in self._required
        end = (
            f"raise r.failed({number}, error) from error"
            if is_required
            else f"f[{number}] = r.failure({number}, error)"
        )
        block.under(end)

    def _arguments(self, number: int) -> str:
        _, *lines = self._inputs[number].splitlines()
        code = lines[0].strip().removeprefix("return ")
        return code if len(lines) == 1 and len(code) <= _SHORT else f"inputs_{number}(v, f, p, x, m)"

    def _meet(self, numbers: Sequence[int], block: Block, *, is_end: bool) -> None:
        """Write what goes on where this was the last of several that lead to it."""
        for number in numbers:
            block.write(f"if r.is_last({number}, of={len(self._before[number])}):")
            if is_end and number == numbers[-1]:
                self._waiting.append(number)
                block.under(f"await {_name(number)}(r, v, f, p, x, m)  # {_full_name(self._steps[number])}")
            else:
                self._beside(number, block.inner())

    def _beside(self, number: int, block: Block) -> None:
        self._waiting.append(number)
        block.write(f"r.beside({_name(number)}, v, f, p, x, m)  # {_full_name(self._steps[number])}")


def _name(number: int) -> str:
    return f"calls_{number}"


def _full_name(step: Step) -> str:
    assert isinstance(step.node, graph.Call)
    return step.node.operation.full_name


def _nearest(steps: Sequence[Step]) -> Sequence[frozenset[int]]:
    """Return for each step those that it waits for, but for those that others of them have waited for."""
    behind: list[frozenset[int]] = []
    nearest: list[frozenset[int]] = []
    for step in steps:
        needed = step.needs.settled
        further = frozenset[int]().union(*(behind[number] for number in needed))
        nearest.append(needed - further)
        behind.append(needed | further)
    return nearest
