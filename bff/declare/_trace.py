"""The graph that a trace writes down: nodes in the order of their creation, equal ones once."""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar, cast

from bff._frames import call_span, user_frame
from bff._unset import UNSET
from bff.declare._graph import Call, Caller, Each, Fallback, Item, Node, When, nodes_in
from bff.declare._types import Type
from bff.declare._unwatched import unwatched
from bff.errors import DeclarationError, Problem

N = TypeVar("N", bound=Node)
_Key: TypeAlias = tuple[object, ...]

NOWHERE = frozenset[int]()

NOBODY = Problem("`caller` is used, and nothing says who that is", "set `identify` on the profile")


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in a trace to go back to."""

    nodes: int
    blocks: int
    problems: int
    last_write: int


@dataclass(slots=True)
class Trace:
    """
    The graph of one endpoint while it is being written down.

    `problems` are all that were found, raised or not; `default_place` is where one belongs that no line of the user's
    is running for; `caller` is the type of who is calling, or why there is none; where the answer `is_whole`, there is
    no doing without what is optional.

    A block is the body of a branch or of an `each`; the endpoint itself is block 0, and `at_block` is the one that is
    being traced. `parents` has the block around each block, `blocks_of` those in whose text each node stands, `writes`
    the nodes of each block that write, in order, and `fences` the node that writes above each of those. `last_write` is
    the id of the last one above what is being traced, -1 without any; `open` are the items of the loops that are being
    traced, `pinned` those of the loops that go on one item after another: in them every call belongs to its item. An
    endpoint that `is_read` may not write. `before` is another trace of the same endpoint, whose nodes this one takes
    over as long as it says the same. `keys` are what nodes are told apart by, `known` has the node of each; `steps` are
    nodes that were made together, by what of, with the number of nodes that there were then.
    """

    where: str
    is_read: bool = True
    problems: list[Problem] = field(default_factory=list[Problem])
    default_place: tuple[str, int] | None = None
    caller: Type | Problem = NOBODY
    is_whole: bool = False
    nodes: list[Node] = field(default_factory=list[Node])
    keys: list[_Key] = field(default_factory=list[_Key])
    parents: list[int] = field(default_factory=lambda: [-1])
    writes: list[list[int]] = field(default_factory=lambda: [[]])
    blocks_of: list[frozenset[int]] = field(default_factory=list[frozenset[int]])
    fences: dict[int, int] = field(default_factory=dict[int, int])
    last_write: int = -1
    open: frozenset[int] = frozenset()
    pinned: frozenset[int] = frozenset()
    before: "Trace | None" = None
    at_block: int = 0
    steps: dict[tuple[object, ...], tuple[Node, int]] = field(
        default_factory=dict[tuple[object, ...], tuple[Node, int]]
    )
    known: dict[_Key, Node] = field(default_factory=dict[_Key, Node])

    def add(self, kind: type[N], tp: Type, *, is_absent: bool = False, is_new: bool = False, **payload: Any) -> N:
        """Return the node of this kind and content, made now unless there is one already; with `is_new` always made."""
        nodes, number = self.nodes, len(self.nodes)
        operands: list[Node] = []
        parts: list[object] = []
        for value in cast("Iterable[object]", payload.values()):
            if type(value) is str:
                parts.append(value)
            elif isinstance(value, Node):
                operands.append(value)
                parts.append(value.id)
            else:
                parts.append(_identity(value))
                if isinstance(value, tuple):
                    operands += nodes_in(cast("tuple[object, ...]", value))
        for operand in operands:
            if operand.id >= number or nodes[operand.id] is not operand:
                self.check(operand)
        pinned = self.pinned if self.pinned and issubclass(kind, (Call, When, Fallback, Each)) else NOWHERE
        key = (kind, pinned, *parts)
        if self.before is not None and (known := self._repeated(key, is_new=is_new)) is not None:
            return cast("N", known)
        known = None if is_new else self.known.get(key)
        if known is not None:
            if self.at_block not in self.blocks_of[known.id]:
                self.blocks_of[known.id] |= {self.at_block}
            return cast("N", known)
        scope = _scope(kind, number, payload, operands) | pinned
        file, line = self._place()
        node = kind(id=number, type=tp, scope=scope, is_absent=is_absent, file=file, line=line, **payload)
        nodes.append(node)
        self.keys.append(key)
        self.blocks_of.append(frozenset({self.at_block}))
        self.known[key] = node
        return node

    @unwatched
    def noted(self, kind: type[N], tp: Type, **payload: Any) -> N:
        """Return what `add` returns, for where what is done is watched."""
        return self.add(kind, tp, **payload)

    def step(self, key: _Key, make: Callable[[], Node]) -> Node:
        """
        Return what `make` makes, which may be several nodes, of nothing but what is in a key.

        A trace that has said the same as the one before it takes over all of them at once.
        """
        start, before = len(self.nodes), self.before
        key = (start, self.pinned, *key)
        known = before.steps.get(key) if before is not None else None
        if before is not None and known is not None:
            node, end = known
            self.nodes += before.nodes[start:end]
            self.keys += before.keys[start:end]
            return node
        # All of them belong to one line: the stack is looked through once.
        outer, self.default_place = self.default_place, self._place()
        try:
            node = make()
        finally:
            self.default_place = outer
        self.steps[key] = node, len(self.nodes)
        return node

    def _repeated(self, key: _Key, *, is_new: bool) -> Node | None:
        """Return the node that the trace before this one has of the same, until this one says anything else."""
        before, number = cast("Trace", self.before), len(self.nodes)
        known = None if is_new else before.known.get(key)
        if known is not None and known.id < number:
            return known
        if number < len(before.keys) and before.keys[number] == key:
            self.nodes.append(before.nodes[number])
            self.keys.append(key)
            return before.nodes[number]
        self.before = None
        self.blocks_of = [frozenset({0})] * number
        self.known = dict(zip(self.keys, self.nodes, strict=True))
        return None

    def caller_node(self) -> Node:
        """Return the node for who is calling; raises `DeclarationError` where nothing says who that is."""
        if isinstance(self.caller, Problem):
            raise self.fail(self.caller.what, self.caller.mend)
        return self.add(Caller, self.caller)

    def note_write(self, node: Node) -> None:
        """Take a node that writes into the order of its block: what is traced from now on comes after it."""
        self.writes[self.at_block].append(node.id)
        self.fences[node.id] = self.last_write
        self.last_write = node.id

    def writes_in_call(self, *, since: int) -> Node | None:
        """Return what writes in the block being traced, after a node and within the user's call that led here."""
        made = [self.nodes[number] for number in self.writes[self.at_block] if number > since]
        if not made:
            return None
        file, first, last = call_span()
        return next((node for node in made if node.file == file and first <= node.line <= last), None)

    def block(self, item: Item | None = None, *, pinned: frozenset[int] = NOWHERE) -> "Inside":
        """Trace what follows as a block of its own, which may use an item; what it writes is for whoever closes it."""
        return Inside(self, item, pinned)

    def mark(self) -> Mark:
        """Return where the trace stands."""
        return Mark(len(self.nodes), len(self.parents), len(self.problems), self.last_write)

    def rewind(self, mark: Mark) -> None:
        """Forget everything after `mark`."""
        del self.nodes[mark.nodes :], self.keys[mark.nodes :], self.blocks_of[mark.nodes :]
        del self.parents[mark.blocks :], self.writes[mark.blocks :], self.problems[mark.problems :]
        self.blocks_of = [frozenset(block for block in each if block < mark.blocks) for each in self.blocks_of]
        self.fences = {fence: above for fence, above in self.fences.items() if fence < mark.nodes}
        self.last_write = mark.last_write
        self.known = {key: node for key, node in self.known.items() if node.id < mark.nodes}
        self.steps = {key: step for key, step in self.steps.items() if step[1] <= mark.nodes}

    def fail(self, what: str, mend: str) -> DeclarationError:
        """Return the error to raise for a mistake on the user's line that is running now."""
        file, line = self._place()
        problem = Problem(what, mend, where=self.where, file=file, line=line)
        self.problems.append(problem)
        return DeclarationError(problem)

    def check_use(self, node: Node, owner: "Trace | None") -> None:
        """Refuse what an endpoint uses and may not: what is of another trace, or of a loop that is over."""
        self.check(node, owner)
        if not node.scope <= self.open:
            what = "the item of an `each`, or what is made of it, is used outside of it"
            raise self.fail(what, "use it in the function of the `each`, and return from there what is made of it")

    def is_own(self, node: Node) -> bool:
        """Say whether a node is one of this trace."""
        return node.id < len(self.nodes) and self.nodes[node.id] is node

    def check(self, node: Node, owner: "Trace | None" = None) -> None:
        """Refuse a node of another trace: it says nothing here."""
        if not self.is_own(node) or owner not in (None, self):
            what = "this symbolic value was made in another endpoint, or in an earlier trace of this one"
            raise self.fail(what, "make it where it is used; what endpoints share is a method or a function")

    def _place(self) -> tuple[str, int]:
        return self.default_place or user_frame()


class Inside:
    """A block while it is being traced; entering it gives its number."""

    __slots__ = ("_item", "_pinned", "_restored", "_trace")

    def __init__(self, trace: Trace, item: Item | None, pinned: frozenset[int]) -> None:
        self._trace, self._item, self._pinned = trace, item, pinned

    def __enter__(self) -> int:
        trace = self._trace
        self._restored = trace.at_block, trace.last_write, trace.pinned, trace.open
        # A call would be told to whoever watches the trace.
        trace.parents += [trace.at_block]
        trace.writes += [[]]
        trace.at_block = len(trace.parents) - 1
        if self._pinned:
            trace.pinned |= self._pinned
        if self._item is not None:
            trace.open |= {self._item.id}
        return trace.at_block

    def __exit__(self, *_: object) -> None:
        trace = self._trace
        trace.at_block, trace.last_write, trace.pinned, trace.open = self._restored


def _scope(kind: type[Node], number: int, payload: Mapping[str, Any], operands: Iterable[Node]) -> frozenset[int]:
    """Return the items that a node depends on: those of its operands, and less or more the one it is about."""
    scope = NOWHERE
    for operand in operands:
        if operand.scope:
            scope |= operand.scope
    if kind is Item:
        return scope | {number}
    return scope - {payload["item"].id} if kind is Each else scope


def _identity(value: object) -> object:
    """Return what makes a payload equal to another one: nodes by number, functions by code, the rest by value."""
    cls = type(value)
    if cls is str or isinstance(value, type):
        return value
    if isinstance(value, Node):
        return value.id
    if isinstance(value, tuple):
        return tuple(map(_identity, cast("tuple[object, ...]", value)))
    identity = getattr(value, "identity", UNSET)
    if identity is not UNSET:
        return identity
    try:
        hash(value)
    except TypeError:
        return cls, repr(value)
    return cls, value


_current: ContextVar[Trace | None] = ContextVar("bff_trace", default=None)

current_trace: Final = _current.get
"""Return the trace that is being written in this context, if any."""


@contextmanager
def tracing(trace: Trace) -> Generator[Trace]:
    """Make `trace` the one that symbolic values write to."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
