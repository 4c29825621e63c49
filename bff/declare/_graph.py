"""The nodes of a graph: what can be known of a value before there is one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from bff.declare._types import Type

if TYPE_CHECKING:
    from bff.declare._derived import Derived
    from bff.declare._operation import Operation


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
        """The nodes that this one is made from, in the order of its fields."""
        return _OPERANDS[type(self)](self)


class _Operands(dict[type[Node], Callable[[Node], tuple[Node, ...]]]):
    """What returns the other nodes that a node holds, by kind of node: it is asked a hundred times for every page."""

    def __missing__(self, kind: type[Node]) -> Callable[[Node], tuple[Node, ...]]:
        lists = [part.name for part in fields(kind) if part.type == tuple[Node, ...]]
        names = [part.name for part in fields(kind) if part.type is Node]
        found = self[kind] = attrgetter(*lists) if lists else _held(names)
        assert len(lists) + bool(names) <= 1, kind
        return found


def _held(names: Sequence[str]) -> Callable[[Node], tuple[Node, ...]]:
    match names:
        case []:
            return lambda _: ()
        case [name]:
            return lambda node: (getattr(node, name),)
        case _:
            return attrgetter(*names)


_OPERANDS = _Operands()


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
class Caller(Node):
    """Who is calling, as the profile's `identify` says."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Call(Node):
    """
    The answer of an upstream to one call of an operation; `arguments` are in the order of its parameters.

    `after` is the id of the last node above it that writes, -1 where there is none: equal reads are one only between
    the same two writes.
    """

    operation: "Operation[..., Any]"
    arguments: tuple[Node, ...]
    after: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Attribute(Node):
    """A field of a model."""

    base: Node
    name: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Index(Node):
    """One item of a sequence by position, or of a mapping by key."""

    base: Node
    key: int | str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Slice(Node):
    """A part of a sequence."""

    base: Node
    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Binary(Node):
    """`left operator right`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Not(Node):
    """`not value`."""

    value: Node


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class IsNone(Node):
    """`value is None`."""

    value: Node


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OrElse(Node):
    """`value`, or `default` where it is `None`."""

    value: Node
    default: Node


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Optional(Node):
    """`value`, or `default` where a call that it depends on fails."""

    value: Node
    default: Node


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class When(Node):
    """
    `then` where the condition holds, else `otherwise`; only what the branch taken needs is called.

    `blocks` are those that the branches were traced in, `None` for one that was given as a value.
    """

    condition: Node
    then: Node
    otherwise: Node
    blocks: tuple[int | None, ...]

    @property
    def branches(self) -> tuple[Node, ...]:
        """What is picked from."""
        return (self.then, self.otherwise)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fallback(Node):
    """The first of `branches` that succeeds; `blocks` as for `When`."""

    branches: tuple[Node, ...]
    blocks: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Item(Node):
    """The item of `items` that the function of an `each` was traced on."""

    items: Node

    @property
    def operands(self) -> tuple[Node, ...]:
        """None: an item is given by the loop that goes through the list, and not made from it."""
        return ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Each(Node):
    """
    `body` for every one of `items`, traced in `block`.

    `is_sequential` where the body writes: one item after another.
    """

    items: Node
    item: Item
    body: Node
    block: int
    is_sequential: bool

    @property
    def operands(self) -> tuple[Node, ...]:
        """The sequence and what is made of its item; the item itself is no value of its own."""
        return (self.items, self.body)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Listing(Node):
    """A list written out item by item."""

    entries: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Build(Node):
    """A Shape made of values; fields that it leaves to their defaults are not in `values`."""

    shape: Type
    names: tuple[str, ...]
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Lifted(Node):
    """What a `@derived` function makes of values; `arguments` are in the order of its parameters."""

    function: "Derived[..., Any]"
    arguments: tuple[Node, ...]


def nodes_in(values: Iterable[object]) -> Iterator[Node]:
    """Yield the nodes among values, and those in tuples among them."""
    for value in values:
        if type(value) is str:
            continue
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from nodes_in(cast("tuple[object, ...]", value))
