"""The graph that a trace writes down: nodes in the order of their creation, equal ones once."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from bff._frames import user_frame
from bff.declare._graph import Each, Item, Node, nodes_in
from bff.declare._types import Type
from bff.errors import DeclarationError, Problem

N = TypeVar("N", bound=Node)

NOBODY = Problem("`caller` is used, and nothing says who that is", "set `identify` on the profile")


@dataclass(slots=True)
class Trace:
    """
    The graph of one endpoint while it is being written down.

    `problems` are all that were found, raised or not; `default_place` is where one belongs that no line of the user's
    is running for; `caller` is the type of who is calling, or why there is none; where the answer `is_whole`, there is
    no doing without what is optional.
    """

    where: str
    problems: list[Problem] = field(default_factory=list[Problem])
    default_place: tuple[str, int] | None = None
    caller: Type | Problem = NOBODY
    is_whole: bool = False
    nodes: list[Node] = field(default_factory=list[Node])
    keys: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    _known: dict[tuple[object, ...], Node] = field(default_factory=dict[tuple[object, ...], Node])

    def add(self, kind: type[N], tp: Type, *, is_absent: bool = False, **payload: Any) -> N:
        """Return the node of this kind and content, made now unless there is one already."""
        for operand in nodes_in(payload.values()):
            self.check(operand)
        key = (kind, *(_identity(value) for value in payload.values()))
        # Two items are never the same: each belongs to the `each` that it was made for.
        known = None if issubclass(kind, Item) else self._known.get(key)
        if known is not None:
            return cast("N", known)
        number = len(self.nodes)
        scope = _scope(kind, number, payload)
        file, line = self._place()
        node = kind(id=number, type=tp, scope=scope, is_absent=is_absent, file=file, line=line, **payload)
        self.nodes.append(node)
        self.keys.append(key)
        self._known[key] = node
        return node

    def fail(self, what: str, mend: str) -> DeclarationError:
        """Return the error to raise for a mistake on the user's line that is running now."""
        file, line = self._place()
        problem = Problem(what, mend, where=self.where, file=file, line=line)
        self.problems.append(problem)
        return DeclarationError(problem)

    def check(self, node: Node) -> None:
        """Refuse a node of another trace: it says nothing here."""
        if node.id >= len(self.nodes) or self.nodes[node.id] is not node:
            what = "this symbolic value was made in another endpoint, or in an earlier trace of this one"
            raise self.fail(what, "make it where it is used; what endpoints share is a method or a function")

    def _place(self) -> tuple[str, int]:
        return self.default_place or user_frame()


def _scope(kind: type[Node], number: int, payload: Mapping[str, Any]) -> frozenset[int]:
    """Return the items that a node depends on: those of its operands, and less or more the one it is about."""
    scope = frozenset[int]().union(*(operand.scope for operand in nodes_in(payload.values())))
    if issubclass(kind, Item):
        return scope | {number}
    return scope - {payload["item"].id} if issubclass(kind, Each) else scope


class _Identified(Protocol):
    """Something that may be made anew in every trace, and is the same all the same."""

    @property
    def identity(self) -> object: ...


def _identity(value: object) -> object:
    """Return what makes a payload equal to another one: nodes by number, functions by code, the rest by value."""
    match value:
        case Node():
            return ("node", value.id)
        case tuple():
            return tuple(_identity(part) for part in cast("tuple[object, ...]", value))
        case _ if hasattr(value, "identity"):
            return cast("_Identified", value).identity
        case _:
            try:
                hash(value)
            except TypeError:
                return (type(value), repr(value))
            return (type(value), value)


_current: ContextVar[Trace | None] = ContextVar("bff_trace", default=None)


def current_trace() -> Trace | None:
    """Return the trace that is being written in this context, if any."""
    return _current.get()


@contextmanager
def tracing(trace: Trace) -> Generator[Trace]:
    """Make `trace` the one that symbolic values write to."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
