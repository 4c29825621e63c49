"""Make pages at random: every value is made of values above it, in the order in which a user would write them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import strategies as st

from tests.support.pages import (
    WRITES,
    Block,
    Choice,
    First,
    Item,
    Loop,
    Maybe,
    Page,
    Read,
    Sum,
    Value,
    Write,
    can_fail,
    parts,
    writes,
)

T = TypeVar("T")


@dataclass
class Author:
    """
    Writes a page down.

    `visible` are the values that a line may use, `after` the number of the last line above that writes.
    """

    draw: st.DrawFn
    can_write: bool
    visible: list[Value] = field(default_factory=list[Value])
    after: int = 0
    pins: frozenset[int] = frozenset()
    loops: int = 0
    used: int = 0
    budget: int = 14

    def one_of(self, *choices: T) -> T:
        return self.draw(st.sampled_from(choices))

    def number(self) -> int:
        self.used += 1
        return self.used

    def page(self) -> Page:
        lines = self.lines(self.draw(st.integers(0, 4)), can_write=self.can_write)
        fields = [self.field() for _ in range(self.draw(st.integers(1, 3)))]
        return Page(tuple(lines), tuple(fields))

    def field(self) -> Value:
        lists = [node for node in self.visible if _is_list(node)]
        match self.draw(st.integers(0, 4)):
            case 0:
                return self.maybe_caught(self.loop(is_sequential=False))
            case 1 | 2 if lists:
                return self.draw(st.sampled_from(lists))
            case _:
                return self.value(3)

    def lines(self, count: int, *, can_write: bool) -> list[Value]:
        made: list[Value] = []
        for _ in range(count):
            made += self.line(can_write=can_write)
        return made

    def line(self, *, can_write: bool) -> list[Value]:
        """Return one line; what stands in an `optional` there may be used as a value of its own, too."""
        match self.draw(st.integers(0, 7 if can_write and self.budget > 0 else 3)):
            case 0 | 1 | 2:
                line = self.value(2)
            case 3:
                line = self.maybe_caught(self.loop(is_sequential=False))
            case 4 | 5:
                line = self.maybe_caught(self.write())
            case 6:
                line = self.maybe_caught(self.branching())
            case _:
                line = self.maybe_caught(self.loop(is_sequential=True))
        if line in self.visible:
            return []
        if writes(line):
            self.after = self.number()
        if isinstance(line, Maybe) and writes(line):
            self.visible.append(line.value)
        if not isinstance(line, int):
            self.visible.append(line)
        return [line]

    def maybe_caught(self, node: Value) -> Value:
        return Maybe(node, 0) if self.draw(st.booleans()) else node

    def write(self) -> Write:
        self.budget -= 1
        return Write(self.one_of(*WRITES), self.one_of(1, 2), self.value(1), self.number())

    def branching(self) -> Value:
        """Return a branch that writes."""
        self.budget -= 2
        other: Value | Block = self.body(can_write=True) if self.draw(st.booleans()) else self.plain(1)
        if self.draw(st.booleans()):
            condition = self.symbolic(1)
            body = self.writing_body()
            is_first = isinstance(other, Block) or self.draw(st.booleans())
            return Choice(condition, (body, other) if is_first else (other, body))
        if isinstance(other, Block) or not can_fail(other):
            return First((self.writing_body(), other))
        return First((other, self.writing_body()))

    def writing_body(self) -> Block:
        return self.body(can_write=True, has_to=True)

    def body(self, *, can_write: bool, has_to: bool = False) -> Block:
        """Return a function; what is written in it is seen in it alone."""
        visible, after = [*self.visible], self.after
        lines = self.lines(self.draw(st.integers(0, 2)), can_write=can_write)
        if has_to and not any(map(writes, lines)):
            lines.append(self.write())
            self.after = self.number()
            self.visible.append(lines[-1])
        result = self.value(2)
        self.visible, self.after = visible, after
        return written_down(lines, result)

    def loop(self, *, is_sequential: bool, depth: int = 2) -> Loop:
        self.budget -= 2
        items = self.read("entries", 1)
        self.loops += 1
        number, pins, visible, after = self.loops, self.pins, self.visible, self.after
        self.visible = [*visible, Item(number)]
        if is_sequential:
            self.pins = pins | {number}
            body = self.writing_body()
        elif depth > 1 and self.draw(st.booleans()):
            lines = self.lines(self.draw(st.integers(0, 1)), can_write=False)
            inner = self.loop(is_sequential=False, depth=1)
            body = written_down(lines, self.maybe_caught(inner))
            self.visible, self.after, self.pins = visible, after, pins
            return Loop(number, items, body, is_sequential=False, depth=2)
        else:
            body = self.body(can_write=False)
        self.visible, self.after, self.pins = visible, after, pins
        return Loop(number, items, body, is_sequential, depth=1)

    def read(self, operation: str, depth: int) -> Read:
        name = 0 if operation == "part" else self.one_of(1, 2, 3)
        argument = self.value(depth - 1)
        return Read(operation, name, argument, self.after, self.pins)

    def symbolic(self, depth: int) -> Value:
        """Return a value that is not known before there is a request."""
        node = self.value(depth) if self.draw(st.booleans()) else 0
        return self.read("flag", 1) if isinstance(node, int) else node

    def plain(self, depth: int) -> Value:
        """Return what may stand in a branch as a value."""
        node = self.value(depth)
        return 0 if is_written(node) else node

    def value(self, depth: int) -> Value:
        numbers = [node for node in self.visible if not _is_list(node)]
        makers: list[Callable[[], Value]] = [lambda: self.draw(st.integers(0, 4))]
        if numbers:
            makers += [lambda: self.draw(st.sampled_from(numbers))] * 4
        if depth > 0:
            makers += [lambda: self.read("number", depth)] * 3
            makers += [lambda: self.read("part", depth), lambda: self.sum(depth), lambda: self.optional(depth)]
        if depth > 1:
            makers += [lambda: self.choice(depth), lambda: self.first(depth)]
        return self.draw(st.sampled_from(range(len(makers))).map(lambda number: makers[number]))()

    def sum(self, depth: int) -> Value:
        left, right = self.value(depth - 1), self.value(depth - 1)
        return left + right if isinstance(left, int) and isinstance(right, int) else Sum(left, right)

    def optional(self, depth: int) -> Value:
        node = self.value(depth - 1)
        return Maybe(node, self.draw(st.integers(5, 9))) if can_fail(node) else node

    def branch(self, depth: int) -> Value | Block:
        return self.body(can_write=False) if depth > 2 and self.draw(st.booleans()) else self.plain(depth - 1)

    def choice(self, depth: int) -> Value:
        return Choice(self.symbolic(depth - 1), (self.branch(depth), self.branch(depth)))

    def first(self, depth: int) -> Value:
        branches: Sequence[Value | Block] = [self.branch(depth) for _ in range(2)]
        if not can_fail(branches[0]):
            branches = [self.read("number", 1), *branches[1:]]
        return First(tuple(branches))


def _is_list(node: Value) -> bool:
    return isinstance(node, Loop) or (isinstance(node, Maybe) and isinstance(node.value, Loop))


def written_down(lines: Sequence[Value], result: Value) -> Block:
    """Return a function; one that does not write has no lines that nobody uses: they say nothing."""
    does_write = any(map(writes, lines))
    return Block(tuple(line for line in lines if does_write or holds(result, line)), result)


def holds(node: Value | Block, part: Value) -> bool:
    return (
        node == part
        or any(holds(each, part) for each in parts(node))
        or (isinstance(node, Block) and holds(node.result, part))
    )


def is_written(node: Value | Block) -> bool:
    """Say whether a value is made of the answer of a write, as opposed to that of a read that was given one."""
    if isinstance(node, Block):
        return is_written(node.result) or any(map(is_written, node.lines))
    return isinstance(node, Write) or (not isinstance(node, Read) and any(map(is_written, parts(node))))


@st.composite
def pages(draw: st.DrawFn, *, can_write: bool | None = None) -> Page:
    return Author(draw, draw(st.booleans()) if can_write is None else can_write).page()
