"""What a write has to wait for: what stands above it in the text of the endpoint."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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

    def fences(self, call: graph.Call) -> Iterator[Node]:
        """Yield every node that writes and stands above a call, the last one first."""
        number = call.after
        while number >= 0:
            yield self._traced.nodes[number]
            number = self._order.fences[number]

    def is_caught(self, node: Node) -> bool:
        """Say whether the failure of a node that writes stays inside an `optional` that its block puts around it."""
        users = self._users[node.id]
        return bool(users) and node is not self._traced.answer and all(self._catches(user, node) for user in users)

    def _catches(self, user: Node, node: Node) -> bool:
        match user:
            case graph.Optional() if user.value is node and user.default is not node:
                return True
            # What a call is given has failed for the page, too, where that call is optional.
            case graph.Call():
                return False
            case graph.When() | graph.Fallback() | graph.Each() if any(node is result for _, result in _results(user)):
                return False
            case _:
                return self.is_caught(user)

    def above(self, write: graph.Call) -> Iterator[tuple[Node, bool]]:
        """
        Yield the values in the text above a write that have to be over before it, and whether they have to succeed.

        What only branches above use is not among them, but the decision is. Nor is what an `optional` stands around,
        unless the answer needs it: then it may have failed.
        """
        around = frozenset(each for block in self._order.blocks_of[write.id] for each in self._order.around(block))
        writing = {node.id for node in self.nodes}
        claims = _Claims(self._traced, self._users, write, around)
        for node in self._traced.nodes[: write.id]:
            if around & self._order.blocks_of[node.id] and node.id not in writing:
                claim = claims.of(node)
                if claim != NOTHING:
                    yield node, claim == SUCCESS

    def roots(self) -> Iterable[Node]:
        """Return what is run for the sake of the writes: they themselves, and what has to succeed before them."""
        above = (node for call in self.calls for node, has_to_succeed in self.above(call) if has_to_succeed)
        return dict.fromkeys([*self.nodes, *above])

    @cached_property
    def _users(self) -> Mapping[int, Sequence[Node]]:
        users: dict[int, list[Node]] = {node.id: [] for node in self._traced.nodes}
        for node in self._traced.nodes:
            for operand in node.operands:
                users[operand.id].append(node)
        return users


NOTHING, OVER, SUCCESS = range(3)


@dataclass(slots=True)
class _Claims:
    """What one write asks of the values above it, by what these are for; `around` are the blocks that it stands in."""

    traced: Traced
    users: Mapping[int, Sequence[Node]]
    write: graph.Call
    around: frozenset[int]
    _known: dict[int, int] = field(default_factory=dict[int, int])

    def of(self, node: Node) -> int:
        """Return whether a value has to be there (`SUCCESS`), to be known at least (`OVER`), or neither (`NOTHING`)."""
        known = self._known.get(node.id)
        if known is None:
            known = self._known[node.id] = self._of(node)
        return known

    def _of(self, node: Node) -> int:
        users = self.users[node.id]
        if node is self.traced.answer or node is self.write:
            return SUCCESS
        if not users:
            return NOTHING if isinstance(node, graph.Optional) else SUCCESS
        claim = max(self._through(user, node) for user in users)
        # What writes is run even where only an `optional` that nobody uses stands around it.
        is_run = node.id in self.traced.order.fences and bool(self.around & self.traced.order.blocks_of[node.id])
        return max(claim, OVER) if is_run else claim

    def _through(self, user: Node, node: Node) -> int:
        """Return what is asked of a value for the sake of one that uses it."""
        match user:
            case graph.Optional() if user.value is node and user.default is not node:
                return min(OVER, self.of(user))
            case graph.When() if user.condition is node:
                return self.of(user)
            case graph.When() | graph.Fallback():
                return max(self._in_branch(user, block) for block, result in _results(user) if result is node)
            case _:
                return self.of(user)

    def _in_branch(self, user: Node, block: int | None) -> int:
        is_above = user.id < self.write.id or any(block in self.around for block, _ in _results(user))
        return NOTHING if is_above and block not in self.around else self.of(user)


def _results(node: Node) -> Iterator[tuple[int | None, Node]]:
    """Yield the results of branches, or of a body, with the blocks that they were traced in."""
    match node:
        case graph.When() | graph.Fallback():
            yield from zip(node.blocks, node.branches, strict=True)
        case graph.Each():
            yield node.block, node.body
        case _:
            pass
