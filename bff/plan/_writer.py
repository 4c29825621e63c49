"""Write the functions of a plan."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from pydantic import TypeAdapter

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import Type
from bff.plan._asking import count_uses
from bff.plan._block import Block
from bff.plan._columns import Columns
from bff.plan._expressions import Expressions
from bff.plan._layout import spread, tupled, unpacked
from bff.plan._schedule import Region, Schedule, Step
from bff.plan._shapes import models_in
from bff.plan._style import PLAIN, Style


class Writer:
    """
    Writes functions of the values that a request brings.

    `v` holds the outcomes of the steps, `f` their failures, `p` the parameters, `x` what else the request says,
    `m` what `@derived` functions returned that more than one function uses. What is taken once for an item stands
    with the item in a frame: `q`, or by the number of the item `q7`, with `v7`, `f7` and `i7`; in a loop of
    `columns` there are these three alone.
    """

    def __init__(
        self, steps: Schedule, shared: Sequence[int], style: Style = PLAIN, columns: Columns | None = None
    ) -> None:
        slots = {node: slot for slot, node in enumerate(shared)}
        self.expressions = Expressions(steps, columns or (), slots, style)
        self._steps = steps
        self._style = style

    def inputs(self, step: Step) -> str:
        """Return the text of a function that computes the arguments of a call, once what it needs has succeeded."""
        assert isinstance(step.node, graph.Call)
        arguments, note = step.node.arguments, f"  # {step.node.operation.full_name}"
        with self._function(f"inputs_{step.number}", arguments, step.region, step.needs.hard, note=note) as block:
            block.write(f"return {self._arguments(step.node, block)}")
        return "\n".join(block.lines)

    def column(self, step: Step) -> str:
        """Return the text of a function that computes the arguments of a call for every item of a list."""
        assert isinstance(step.node, graph.Call)
        name, note = f"column_{step.number}", f"  # {step.node.operation.full_name}"
        with self._function(name, step.node.arguments, None, step.needs.hard, note=note, first="items, ") as block:
            item = step.region
            assert item is not None
            loop, head = block.loop(item), f"for i{item} in items"
            code = self._arguments(step.node, loop)
            if not loop.lines:
                block.write(f"return {spread('[', [code, head], ']', between=' ')}")
            else:
                block.write("found = []")
                block.write(f"{head}:")
                loop.write(f"found.append({code})")
                block.lines += loop.lines
                block.write("return found")
        return "\n".join(block.lines)

    def _arguments(self, call: graph.Call, block: Block) -> str:
        """Return a tuple of what a call is given."""
        codes: list[str] = []
        for parameter, argument in zip(call.operation.parameters, call.arguments, strict=True):
            place = f"{call.operation.full_name}({parameter.name})"
            code = self.expressions.value(argument, block)
            codes.append(self.expressions.required(code, argument, parameter.annotation, place))
        return tupled(codes)

    def value(self, name: str, node: Node, step: Step, hard: frozenset[int]) -> str:
        """Return the text of a function that computes a value for a step, where the steps `hard` have succeeded."""
        with self._function(name, [node], step.region, hard) as block:
            block.write(f"return {self.expressions.value(node, block)}")
        return "\n".join(block.lines)

    def answer(self, node: Node, wanted: Type) -> str:
        """Return the text of a function that computes the answer, as plain data ready to be encoded."""
        expressions = self.expressions
        with self._function("answer", [node], None, self._steps.answer.hard) as block:
            is_shape, named = expressions.holds_shape(node), models_in(wanted)
            code = expressions.value(node, block, is_data=is_shape)
            code = expressions.required(code, node, wanted, "the answer")
            code = code if is_shape else expressions.styled(wanted, code)
            if self._style.is_plain and named and not is_shape and not models_in(node.type) <= named:
                # What a subclass adds to the model that was declared is nobody's to see.
                declared = expressions.names.hold(TypeAdapter(wanted).dump_python, "declared")
                code = f"{declared}({code}, mode='json', by_alias=True)"
            block.write(f"return {code}")
        return "\n".join(block.lines)

    @contextmanager
    def _function(
        self,
        name: str,
        roots: Sequence[Node],
        region: Region,
        hard: frozenset[int],
        *,
        note: str = "",
        first: str | None = None,
    ) -> Generator[Block]:
        """Write a function; in one for an item, the frames of that and of those around it are unpacked as needed."""
        self.expressions.uses, self.expressions.certain = count_uses(roots), self._steps.certain(hard)
        self.expressions.regions = tuple(self._steps.around(region))
        if first is None:
            first = "" if region is None else "q, "
        block = Block(1, [f"def {name}({first}v, f, p, x, m):{note}"])
        yield block
        if self.expressions.regions:
            block.lines[1:1] = self._unpacking("\n".join(block.lines[1:])).lines
            self.expressions.regions = ()

    def _unpacking(self, text: str) -> Block:
        """Return what takes apart the frames that a text uses, from the innermost outwards."""
        block, frame = Block(1, []), "q"
        for item in self.expressions.regions:
            if re.search(rf"\bq{item}\b", text):
                block.write(f"q{item} = {frame}")
            if re.search(rf"\b[vfi]{item}\b", text):
                block.write(unpacked(item, frame))
            frame += ".outer"
        return block
