"""What stands behind a value: calls, those of them that can make it fail, and writes."""

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._trace import Trace


def depends_on_call(trace: Trace, node: Node) -> bool:
    """Say whether any call stands behind a value, or is made in a branch or a loop that gives it."""
    is_call = isinstance(node, graph.Call) or node.id in trace.fences
    return is_call or any(depends_on_call(trace, operand) for operand in node.operands)


def can_fail(node: Node) -> bool:
    """Say whether a call behind a value can make it fail, with no default to stand in for it."""
    match node:
        case graph.Call():
            return True
        case graph.Optional():
            return can_fail(node.default)
        case graph.Fallback():
            return can_fail(node.branches[-1])
        case _:
            return any(can_fail(operand) for operand in node.operands)


def writes_in(node: Node) -> list[graph.Call]:
    """Return the writes whose answers a value is made of, as opposed to calls that these were given to."""
    if isinstance(node, graph.Call):
        return [] if node.operation.is_read else [node]
    return [call for operand in node.operands for call in writes_in(operand)]
