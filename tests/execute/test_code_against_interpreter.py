"""Quick ways to run a plan do what the interpreter does with the same plan: the same calls at the same time."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from hypothesis import event, given, settings
from hypothesis import strategies as st

from bff.execute._rows import Rows
from bff.execute._straight import run_straight
from bff.plan._schedule import Step
from tests.execute.test_against_reference import CHECKED, DELAYS, FAILURES, Wire, asked
from tests.support.pages import Block, Item, Page, Read, Sum, Value
from tests.support.random_pages import Author
from tests.support.reference import World
from tests.support.shop import Reply


class Straightforward(Author):
    """Writes pages that are nothing but reads: no branches and no loops."""

    def choice(self, depth: int) -> Value:
        return self.sum(depth)

    def first(self, depth: int) -> Value:
        return self.sum(depth)

    def reading(self) -> Read:
        return self.read("number", 3)

    def field(self) -> Value:
        return self.maybe_caught(self.reading())

    def line(self, *, can_write: bool) -> list[Value]:
        line = self.maybe_caught(self.reading())
        self.visible.append(line)
        return [line]


class Joining(Straightforward):
    """Writes pages with lists, for whose items reads are made."""

    def reading(self) -> Read:
        return self.read(self.one_of("number", "part"), 2)

    def body(self, *, can_write: bool, has_to: bool = False) -> Block:
        assert not can_write
        assert not has_to
        values = [Sum(self.maybe_caught(self.reading()), Item(self.loops)) for _ in range(self.draw(st.integers(1, 2)))]
        return Block((), Sum(*values) if len(values) > 1 else values[0])

    def line(self, *, can_write: bool) -> list[Value]:
        return super().line(can_write=can_write) if self.draw(st.booleans()) else self.joining()

    def field(self) -> Value:
        return self.joining()[0]

    def joining(self) -> list[Value]:
        line = self.maybe_caught(self.loop(is_sequential=False, depth=1))
        self.visible.append(line)
        return [line]


@st.composite
def joining_pages(draw: st.DrawFn) -> Page:
    author = Joining(draw, can_write=False)
    lines = author.lines(draw(st.integers(0, 2)), can_write=False)
    return Page(tuple(lines), tuple(author.field() for _ in range(draw(st.integers(1, 2)))))


@st.composite
def straight_pages(draw: st.DrawFn) -> Page:
    author = Straightforward(draw, can_write=False)
    lines = author.lines(draw(st.integers(1, 5)), can_write=False)
    return Page(tuple(lines), tuple(author.field() for _ in range(draw(st.integers(1, 3)))))


def no_code(*_: object) -> Iterator[str]:
    return iter(())


def no_columns(*_: object) -> dict[int, tuple[Step, ...]]:
    return {}


def seen(wire: Wire) -> Counter[Any]:
    """Return the calls with the times at which they began, and whether each came to its end."""
    return Counter((call.operation, call.name, call.arguments, call.at, call.ended > 0) for call in wire.seen)


def told(reply: Reply | None) -> object:
    """Return what a client got, but for what names the request."""
    if reply is None:
        return None
    return reply.status, reply.body, reply.headers.get("bff-partial"), reply.after


@settings(CHECKED)
@given(
    page=straight_pages(),
    failing=FAILURES,
    delays=DELAYS,
    leave=st.none() | st.integers(0, 150),
)
def test_the_code_of_a_plan_does_what_the_interpreter_does(
    page: Page, failing: dict[tuple[str, int], tuple[int, int]], delays: list[float], leave: int | None
) -> None:
    left = None if leave is None else leave / 100 + 0.005
    wires = [Wire(World(failing), delays) for _ in range(2)]
    with patch("bff.execute._run.run_straight", wraps=run_straight) as code:
        by_code = asked(page, wires[0], leave=left)
    code.assert_called_once()
    with patch("bff.plan._plan.straight_texts", no_code), patch("bff.execute._run.run_straight", None):
        by_interpreter = asked(page, wires[1], leave=left)
    assert told(by_interpreter) == told(by_code)
    assert seen(wires[1]) == seen(wires[0])


@settings(CHECKED)
@given(
    page=joining_pages(),
    failing=FAILURES,
    delays=DELAYS,
    leave=st.none() | st.integers(0, 150),
)
def test_asking_for_all_items_of_a_list_at_once_does_what_asking_for_each_of_them_does(
    page: Page, failing: dict[tuple[str, int], tuple[int, int]], delays: list[float], leave: int | None
) -> None:
    left = None if leave is None else leave / 100 + 0.005
    wires = [Wire(World(failing), delays) for _ in range(2)]
    with patch("bff.execute._progress.Rows", wraps=Rows) as rows:
        at_once = asked(page, wires[0], leave=left)
        event(f"{rows.call_count} loops at once")
    with patch("bff.plan._plan.columns_of", no_columns), patch("bff.execute._progress.Rows", None):
        one_by_one = asked(page, wires[1], leave=left)
    assert told(one_by_one) == told(at_once)
    assert seen(wires[1]) == seen(wires[0])
