"""What is asked of a value before it is written: whether it may be missing, and how often it is used."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import Type, is_nullable
from bff.plan._shapes import shape_facts


def may_break(node: Node) -> bool:
    """Say whether a value is looked at while it is made, so that it can break a promise that no call does."""
    match node:
        case graph.Call():
            return False
        case graph.Build():
            facts = shape_facts(node)
            if not facts.is_plain or any(is_looked_at(value, facts.types[name]) for name, value in node_fields(node)):
                return True
        case graph.Each() if is_looked_at(node.body, node.body.type):
            return True
        case graph.Lifted():
            hints = (node.function.hints[name] for name in node.function.signature.parameters)
            if any(is_looked_at(value, hint) for value, hint in zip(node.arguments, hints, strict=True)):
                return True
        case graph.Optional():
            return may_break(node.default)
        case _:
            pass
    return any(may_break(operand) for operand in node.operands)


def is_looked_at(node: Node, wanted: Type) -> bool:
    """Say whether a value has to be looked at where `wanted` is promised: it may be missing, and must not be."""
    return node.is_absent and not is_nullable(wanted)


def passed_on(node: Node) -> Sequence[Node]:
    """Return the values of which a value is one, or a list of them."""
    match node:
        case graph.Each():
            return (node.body,)
        case graph.When() | graph.Fallback():
            return node.branches
        case graph.Listing() | graph.OrElse() | graph.Optional():
            return node.operands
        case _:
            return ()


def calls_behind(node: Node) -> Iterator[graph.Call]:
    """Yield the calls whose answers a value is worked out from, the nearest first; not what these were given."""
    if isinstance(node, graph.Call):
        yield node
    else:
        for operand in (node.items,) if isinstance(node, graph.Item) else node.operands:
            yield from calls_behind(operand)


def node_fields(node: graph.Build) -> Iterable[tuple[str, Node]]:
    """Return the fields of a Shape and their values."""
    return zip(node.names, node.values, strict=True)


def may_be_none(node: Node) -> bool:
    """Say whether a value may be `None` at run time."""
    return node.is_absent or is_nullable(node.type)


def count_uses(roots: Sequence[Node]) -> Mapping[int, int]:
    """Count how often each value is used by what these roots are made of; a call's inputs are not its users."""
    uses: dict[int, int] = {}
    waiting = [*roots]
    while waiting:
        node = waiting.pop()
        uses[node.id] = uses.get(node.id, 0) + 1
        if uses[node.id] == 1 and not isinstance(node, graph.Call):
            waiting += node.operands
    return uses
