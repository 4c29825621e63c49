"""Find loops whose calls can be made for all items at once, so that none of these needs a frame of its own."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.plan._asking import may_break
from bff.plan._schedule import Schedule, Step

Columns: TypeAlias = Mapping[int, tuple[Step, ...]]
"""The calls that are made for every item of a loop, by the number of the loop."""


def columns_of(scheduled: Schedule, live: Iterable[Node]) -> Columns:
    """Return the loops of which all that an item needs are reads that can be made once there are items."""
    # What an item keeps of promises that its own part of the answer breaks is kept in its frame.
    if any(isinstance(node, graph.Optional) and may_break(node.value) for node in live):
        return {}
    found = {step.number: _calls(scheduled, step) for step in scheduled.steps if isinstance(step.node, graph.Each)}
    return {number: calls for number, calls in found.items() if calls}


def _calls(scheduled: Schedule, loop: Step) -> tuple[Step, ...]:
    assert isinstance(loop.node, graph.Each)
    item = loop.node.item.id
    if loop.region is not None or loop.node.is_sequential:
        return ()
    own = tuple(step for step in scheduled.steps if item in scheduled.around(step.region))
    known = scheduled.settled_before(loop.needs)
    return own if all(_is_column(step, loop, known) for step in own) else ()


def _is_column(step: Step, loop: Step, known: frozenset[int]) -> bool:
    is_read = isinstance(step.node, graph.Call) and step.node.operation.is_read
    return is_read and step.number in loop.inner[0].settled and step.needs.settled <= known
