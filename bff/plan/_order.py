"""What a write has to wait for: what stands above it in the text of the endpoint."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._tracing import Traced


class Writes:
    """
    The writes of an endpoint, and what stands above each.

    A node writes if it is the call of a write, or a branch or loop with one in it.
    """

    def __init__(self, traced: Traced) -> None:
        self._traced = traced
        self._order = traced.order

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node that writes."""
        return tuple(self._traced.nodes[number] for block in self._order.writes for number in block)

    @cached_property
    def calls(self) -> tuple[graph.Call, ...]:
        """The calls among them."""
        return tuple(node for node in self.nodes if isinstance(node, graph.Call))

    def in_block(self, block: int) -> Sequence[Node]:
        """Return the nodes of one block that write, in order."""
        return [self._traced.nodes[number] for number in self._order.writes[block]]

    def is_caught(self, node: Node) -> bool:
        """Say whether the failure of a node that writes stays inside an `optional` that is put around it."""
        users = self._users[node.id]
        return bool(users) and all(self._catches(user, node) for user in users)

    def _catches(self, user: Node, node: Node) -> bool:
        if isinstance(user, graph.Optional) and user.value is node and user.default is not node:
            return True
        # What a call is given has failed for the page, too, where that call is optional.
        return not isinstance(user, graph.Call) and self.is_caught(user)

    def above(self, write: graph.Call) -> Iterator[Node]:
        """
        Yield the values above a write that nothing else above it is made of: they come before it, used or not.

        What only a branch uses is not among them, but the decision is. Nor is what an `optional` stands around,
        unless the answer needs it: then it has to be over, and may have failed.
        """
        around = {*self._order.around(self._order.block_of[write.id])}
        owners = {node.id for node in self._traced.nodes if around & {*_blocks(node)}}
        for node in self._traced.nodes[: write.id]:
            is_used = any(user.id < write.id or user.id in owners for user in self._users[node.id])
            if not is_used and self._order.block_of[node.id] in around:
                yield node

    def roots(self) -> Iterable[Node]:
        """Return what is run for the sake of the writes: they themselves, and what has to succeed before them."""
        above = (node for call in self.calls for node in self.above(call) if not isinstance(node, graph.Optional))
        return dict.fromkeys([*self.nodes, *above])

    @cached_property
    def _users(self) -> Mapping[int, Sequence[Node]]:
        users: dict[int, list[Node]] = {node.id: [] for node in self._traced.nodes}
        for node in self._traced.nodes:
            for operand in node.operands:
                users[operand.id].append(node)
        return users


def _blocks(node: Node) -> Iterator[int]:
    """Yield the blocks that belong to a node: its branches, or its body."""
    match node:
        case graph.When() | graph.Fallback():
            yield from (block for block in node.blocks if block is not None)
        case graph.Each():
            yield node.block
        case _:
            pass
