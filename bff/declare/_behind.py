"""What stands behind a value: calls, those of them that can make it fail, and writes."""

from bff.declare import _graph as graph
from bff.declare._graph import Node


def depends_on_call(node: Node) -> bool:
    """Say whether any call stands behind a value."""
    return isinstance(node, graph.Call) or any(depends_on_call(operand) for operand in node.operands)


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
