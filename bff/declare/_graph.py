"""The graph that a trace writes down: frozen nodes in the order of their creation, equal ones once."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from bff._frames import user_frame
from bff.declare._types import Type
from bff.errors import DeclarationError, Problem

if TYPE_CHECKING:
    from bff.declare._derived import Derived
    from bff.declare._operation import Operation

N = TypeVar("N", bound="Node")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Node:
    """
    One value of the graph.

    `scope` holds the ids of the `each` items that it depends on; `is_absent` says that it may be `None` at run
    time although its type does not (an index that is not there).
    """

    id: int
    type: Type
    scope: frozenset[int]
    is_absent: bool
    file: str
    line: int

    @property
    def operands(self) -> tuple["Node", ...]:
        """The nodes that this one is made from."""
        return ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Param(Node):
    """A parameter of the endpoint."""

    name: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Constant(Node):
    """A real value that the endpoint's text holds."""

    value: object


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Header(Node):
    """A header of the client's request, its name in lower case."""

    name: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Now(Node):
    """The time of the request."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Call(Node):
    """The answer of an upstream to one call of an operation; `arguments` are in the order of its parameters."""

    operation: "Operation[..., Any]"
    arguments: tuple[Node, ...]

    @property
    def operands(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Attribute(Node):
    """A field of a model."""

    base: Node
    name: str

    @property
    def operands(self) -> tuple[Node, ...]:
        """The model."""
        return (self.base,)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Index(Node):
    """One item of a sequence by position, or of a mapping by key."""

    base: Node
    key: int | str

    @property
    def operands(self) -> tuple[Node, ...]:
        """The sequence or mapping."""
        return (self.base,)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Slice(Node):
    """A part of a sequence."""

    base: Node
    start: int | None
    stop: int | None
    step: int | None

    @property
    def operands(self) -> tuple[Node, ...]:
        """The sequence."""
        return (self.base,)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Binary(Node):
    """`left operator right`."""

    operator: str
    left: Node
    right: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        """Both sides."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Not(Node):
    """`not value`."""

    value: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        """The value."""
        return (self.value,)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class IsNone(Node):
    """`value is None`."""

    value: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        """The value."""
        return (self.value,)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OrElse(Node):
    """`value`, or `default` where it is `None`."""

    value: Node
    default: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        """The value and what stands in for it."""
        return (self.value, self.default)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Optional(Node):
    """`value`, or `default` where a call that it depends on fails."""

    value: Node
    default: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        """The value and what stands in for it."""
        return (self.value, self.default)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Item(Node):
    """The item that the function of an `each` was traced on."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Each(Node):
    """`body` for every one of `items`."""

    items: Node
    item: Item
    body: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        """The sequence and what is made of its item."""
        return (self.items, self.body)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Listing(Node):
    """A list written out item by item."""

    entries: tuple[Node, ...]

    @property
    def operands(self) -> tuple[Node, ...]:
        """The items."""
        return self.entries


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Build(Node):
    """A Shape made of values; fields that it leaves to their defaults are not in `values`."""

    shape: Type
    names: tuple[str, ...]
    values: tuple[Node, ...]

    @property
    def operands(self) -> tuple[Node, ...]:
        """The values of the fields."""
        return self.values


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Lifted(Node):
    """What a `@derived` function makes of values; `arguments` are in the order of its parameters."""

    function: "Derived[..., Any]"
    arguments: tuple[Node, ...]

    @property
    def operands(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments


@dataclass(slots=True)
class Trace:
    """The graph of one endpoint while it is being written down."""

    where: str
    nodes: list[Node] = field(default_factory=list[Node])
    keys: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    _known: dict[tuple[object, ...], Node] = field(default_factory=dict[tuple[object, ...], Node])
    _frame: tuple[str, int] = ("", 0)

    def add(self, kind: type[N], tp: Type, *, is_absent: bool = False, **payload: Any) -> N:
        """Return the node of this kind and content, made now unless there is one already."""
        key = (kind, *(_identity(value) for value in payload.values()))
        # Two items are never the same: each belongs to the `each` that it was made for.
        known = None if issubclass(kind, Item) else self._known.get(key)
        if known is not None:
            return cast("N", known)
        number = len(self.nodes)
        scope = _scope(kind, number, payload)
        file, line = user_frame()
        node = kind(id=number, type=tp, scope=scope, is_absent=is_absent, file=file, line=line, **payload)
        self.nodes.append(node)
        self.keys.append(key)
        self._known[key] = node
        return node

    def fail(self, what: str, mend: str) -> DeclarationError:
        """Return the error to raise for a mistake on the user's line that is running now."""
        file, line = user_frame()
        return DeclarationError(Problem(what, mend, where=self.where, file=file, line=line))


def _scope(kind: type[Node], number: int, payload: Mapping[str, Any]) -> frozenset[int]:
    """Return the items that a node depends on: those of its operands, and less or more the one it is about."""
    scope = frozenset[int]().union(*(operand.scope for operand in _nodes_in(payload.values())))
    if issubclass(kind, Item):
        return scope | {number}
    return scope - {payload["item"].id} if issubclass(kind, Each) else scope


def _nodes_in(values: Iterable[object]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from _nodes_in(cast("tuple[object, ...]", value))


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
