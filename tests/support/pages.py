"""Random pages as data, and how a user would write them down."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pydantic import BaseModel

from bff import ClientProfile, Shape, Upstream, call, each, endpoint, fallback, optional, when


class Number(BaseModel):
    value: int


class Flag(BaseModel):
    value: bool | None


class Entry(BaseModel):
    key: int


class Part(BaseModel):
    key: int
    value: int


class Source(Upstream):
    base_url = "http://source.test"
    coalescing = None  # what a plan asks is looked at, not what is sent for it

    @call.get("/number/{name}")
    def number(self, name: int, a: int) -> Number: ...

    @call.get("/flag/{name}")
    def flag(self, name: int, a: int) -> Flag: ...

    @call.get("/entries/{name}")
    def entries(self, name: int, a: int) -> list[Entry]: ...

    @call.get("/part/{key}")
    def part(self, key: int) -> Part: ...

    @call.get("/parts", batch_of="part", key="key", max_size=3)
    def parts(self, keys: list[int]) -> list[Part]: ...

    @call.post("/create/{name}")
    def create(self, name: int, a: int) -> Number: ...

    @call.put("/change/{name}")
    def change(self, name: int, a: int) -> Number: ...


WRITES = ("create", "change")


@dataclass(frozen=True)
class Read:
    """
    A call of `number`, `flag`, `entries` or `part`; equal ones are one call.

    `after` numbers the line above it that writes, so that what stands below is not equal to what stands above it;
    `pins` are the writing loops around it, in which every call belongs to its item.
    """

    operation: str
    name: int
    argument: "Value"
    after: int
    pins: frozenset[int]


@dataclass(frozen=True)
class Write:
    """A call that writes; its `number` is its own."""

    operation: str
    name: int
    argument: "Value"
    number: int


@dataclass(frozen=True)
class Item:
    """The key of the item of a loop."""

    loop: int


@dataclass(frozen=True)
class Sum:
    left: "Value"
    right: "Value"


@dataclass(frozen=True)
class Maybe:
    """`optional`."""

    value: "Value"
    default: int


@dataclass(frozen=True)
class Block:
    """A function of several lines: the values that stand there, used or not, and what it returns."""

    lines: tuple["Value", ...]
    result: "Value"


@dataclass(frozen=True)
class Choice:
    """`when`: a branch is a value, or a function."""

    condition: "Value"
    branches: tuple["Value | Block", "Value | Block"]


@dataclass(frozen=True)
class First:
    """`fallback`."""

    branches: tuple["Value | Block", ...]


@dataclass(frozen=True)
class Loop:
    """`each` over the entries that a read gives; a `depth` of 2 makes lists of lists."""

    number: int
    items: Read
    body: Block
    is_sequential: bool
    depth: int


Value: TypeAlias = int | Read | Write | Item | Sum | Maybe | Choice | First | Loop
Use: TypeAlias = tuple[Value, str]


@dataclass(frozen=True)
class Page:
    lines: tuple[Value, ...]
    fields: tuple[Value, ...]


def parts(node: Value | Block) -> Iterator[Value | Block]:
    """Yield what a value is made of, in the order of the text."""
    match node:
        case Read() | Write():
            yield node.argument
        case Sum():
            yield from (node.left, node.right)
        case Maybe():
            yield node.value
        case Choice():
            yield from (node.condition, *node.branches)
        case First():
            yield from node.branches
        case Loop():
            yield from (node.items, node.body)
        case _:
            pass


def writes(node: Value | Block) -> bool:
    """Say whether a line writes: itself, or in a branch or a loop that stands there."""
    match node:
        case Write():
            return True
        case Maybe():
            return writes(node.value)
        case Choice() | First():
            return any(writes(line) for block in node.branches if isinstance(block, Block) for line in block.lines)
        case Loop():
            return node.is_sequential
        case _:
            return False


def can_fail(node: Value | Block) -> bool:
    """Say whether a call stands behind a value."""
    if isinstance(node, Block):
        return can_fail(node.result)
    return isinstance(node, Read | Write) or any(map(can_fail, parts(node)))


def scope(node: Value | Block) -> frozenset[int]:
    """Return the loops on whose items a value depends."""
    match node:
        case Item():
            return frozenset({node.loop})
        case Block():
            return scope(node.result)
        case Loop():
            return scope(node.items) | (scope(node.body) - {node.number})
        case Read():
            return scope(node.argument) | node.pins
        case _:
            return frozenset[int]().union(*map(scope, parts(node)))


Written: TypeAlias = Mapping[Value, Any]


def written(node: Value, known: Written) -> Any:
    """Write a value down as a user would; `known` are the lines above it."""
    if isinstance(node, int):
        return node
    if node in known:
        return known[node]
    match node:
        case Read() | Write():
            return called(node, written(node.argument, known))
        case Sum():
            return written(node.left, known) + written(node.right, known)
        case Maybe():
            default: Any = [] if isinstance(node.value, Loop) else node.default
            return optional(written(node.value, known), default=default)
        case Choice():
            return when(condition(node.condition, known), *(branch(part, known) for part in node.branches))
        case First():
            return fallback(*(branch(part, known) for part in node.branches))
        case Loop():
            items = written(node.items, known)
            return each(items, lambda item: returned(node.body, {**known, Item(node.number): item.key}))
        case Item():  # pragma: no cover - an item is always known where it stands
            raise AssertionError(node)


def called(node: Read | Write, argument: Any) -> Any:
    operation = getattr(Source, node.operation)
    made = operation(argument) if node.operation == "part" else operation(node.name, a=argument)
    return made if node.operation == "entries" else made.value


def condition(node: Value, known: Written) -> Any:
    """Write down what a choice depends on: a flag, which may be `None`, or whether a number is large."""
    return written(node, known) if is_flag(node) else written(node, known) > LIMIT


def is_flag(node: Value) -> bool:
    return isinstance(node, Read) and node.operation == "flag"


LIMIT = 5


def branch(part: Value | Block, known: Written) -> Any:
    return (lambda: returned(part, dict(known))) if isinstance(part, Block) else written(part, known)


def returned(block: Block, known: dict[Value, Any]) -> Any:
    """Write the lines of a function down, and what it returns."""
    for line in block.lines:
        _note(line, known)
    return written(block.result, known)


def _note(line: Value, known: dict[Value, Any]) -> None:
    for node in _kept(line):
        known.update({node: written(node, known)})


def _kept(line: Value) -> Iterator[Value]:
    """Yield what later lines may use: what stands in an `optional` that writes is a value of its own."""
    if isinstance(line, Maybe) and writes(line):
        yield line.value
    yield line


def profile_of(page: Page) -> type[ClientProfile]:
    """Return a profile with the page as its endpoint `POST /`, and as `GET /` where it does not write."""
    names = [f"f{number}" for number in range(len(page.fields))]
    kinds: list[Any] = [kind(field) for field in page.fields]
    answer = type("Answer", (Shape,), {"__annotations__": dict(zip(names, kinds, strict=True)), "__module__": __name__})

    def body() -> Any:
        known: dict[Value, Any] = {}
        for line in page.lines:
            _note(line, known)
        return answer(**{name: written(field, known) for name, field in zip(names, page.fields, strict=True)})

    method = endpoint.post if any(map(writes, page.lines)) else endpoint.get

    class Random(ClientProfile):
        deadline = 1000.0

        @method("/")
        def page(self) -> answer:  # type: ignore[valid-type]
            return cast("answer", body())  # type: ignore[valid-type]

    return Random


def kind(node: Value) -> Any:
    match node:
        case Maybe(Loop() as loop) | (Loop() as loop):
            return list[list[int]] if loop.depth > 1 else list[int]
        case _:
            return int
