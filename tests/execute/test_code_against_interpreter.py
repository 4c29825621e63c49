"""The code of a plan does what the interpreter does with the same plan: the same calls at the same time."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.execute._straight import run_straight
from tests.execute.test_against_reference import CHECKED, DELAYS, FAILURES, Wire, asked
from tests.support.pages import Page, Read, Value
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


@st.composite
def straight_pages(draw: st.DrawFn) -> Page:
    author = Straightforward(draw, can_write=False)
    lines = author.lines(draw(st.integers(1, 5)), can_write=False)
    return Page(tuple(lines), tuple(author.field() for _ in range(draw(st.integers(1, 3)))))


def no_code(*_: object) -> Iterator[str]:
    return iter(())


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
