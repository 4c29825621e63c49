"""Random pages, run by their plans, give what a short sequential interpreter gives, and make the calls it makes."""

import asyncio
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, endpoint, optional
from tests.support.shop import get
from tests.support.virtual import run


class Number(BaseModel):
    value: int


class Source(Upstream):
    base_url = "http://source.test"

    @call.get("/{name}")
    def number(self, name: int, a: int = 0, b: int = 0) -> Number: ...


class Answer(Shape):
    first: int
    second: int
    third: int


@dataclass(frozen=True)
class Call:
    """A call of the operation, numbered; its inputs are earlier values."""

    name: int
    a: "Value"
    b: "Value"


@dataclass(frozen=True)
class Sum:
    left: "Value"
    right: "Value"


@dataclass(frozen=True)
class Maybe:
    """A value that gives way to a number where a call behind it fails."""

    value: "Value"
    default: int


Value: TypeAlias = int | Call | Sum | Maybe


class Failed(Exception):
    """A call failed in the interpreter."""


def interpreted(page: list[Value], failing: set[int]) -> tuple[list[int] | None, set[Call]]:
    """Return the answer of a page, `None` where it fails, and the calls that it makes when nothing cuts it short."""
    made: dict[Call, int | None] = {}

    def value(node: Value) -> int:
        match node:
            case int():
                return node
            case Sum():
                left, right = outcome(node.left), outcome(node.right)
                return found(left) + found(right)
            case Maybe():
                other = outcome(node.value)
                return node.default if other is None else other
            case Call():
                a, b = outcome(node.a), outcome(node.b)
                total = found(a) + found(b) + node.name
                made[node] = None if node.name in failing else total
                return found(made[node])

    def outcome(node: Value) -> int | None:
        try:
            return value(node)
        except Failed:
            return None

    def found(result: int | None) -> int:
        if result is None:
            raise Failed
        return result

    results = [outcome(node) for node in page]
    whole = [result for result in results if result is not None]
    return whole if len(whole) == len(page) else None, {*made}


def written(node: Value) -> Any:
    """Write a value down as a user would."""
    match node:
        case int():
            return node
        case Sum():
            return written(node.left) + written(node.right)
        case Maybe():
            return optional(written(node.value), default=node.default)
        case Call():
            return Source.number(node.name, a=written(node.a), b=written(node.b)).value


def profile_of(page: list[Value]) -> type[ClientProfile]:
    class Random(ClientProfile):
        @endpoint.get("/")
        def page(self) -> Answer:
            first, second, third = (written(node) for node in page)
            return Answer(first=first, second=second, third=third)

    return Random


NAMES = st.integers(1, 6)
LEAVES: st.SearchStrategy[Value] = st.integers(0, 3)


def added(left: Value, right: Value) -> Value:
    """Return a sum as Python has it: two plain numbers are one."""
    return left + right if isinstance(left, int) and isinstance(right, int) else Sum(left, right)


def grown(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    calls = st.builds(Call, NAMES, inner, inner)
    return calls | st.builds(added, inner, inner) | st.builds(Maybe, calls, st.integers(0, 9))


PAGES = st.lists(st.recursive(LEAVES, grown, max_leaves=8), min_size=3, max_size=3)


@settings(max_examples=300, deadline=None)
@given(page=PAGES, failing=st.sets(NAMES, max_size=3), delays=st.lists(st.floats(0, 0.2), min_size=7, max_size=7))
def test_a_plan_gives_what_the_interpreter_gives(page: list[Value], failing: set[int], delays: list[float]) -> None:
    asked: list[tuple[int, int, int]] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        name = int(request.url.path[1:])
        inputs = {key: int(value) for key, value in request.url.params.items()}
        asked.append((name, inputs["a"], inputs["b"]))
        await asyncio.sleep(delays[name])
        return (
            httpx.Response(500) if name in failing else httpx.Response(200, json={"value": sum(inputs.values()) + name})
        )

    async def main() -> Any:
        source = {"transport": httpx.MockTransport(answer), "retry": None, "breaker": None}
        return await get(BFF(profile_of(page), upstreams={Source: source}, observers=()), "/")

    reply = run(main())
    expected, calls = interpreted(page, failing)
    if expected is None:
        assert 502 == reply.status
        # What was already under way is cut short: nothing is asked twice, and nothing that nobody needs.
        assert len(asked) <= len(calls)
    else:
        assert (200, dict(zip(("first", "second", "third"), expected, strict=True))) == (reply.status, reply.json())
        assert len(calls) == len(asked)


def test_the_interpreter_knows_a_failure_when_it_sees_one() -> None:
    page: list[Value] = [Call(1, 0, 0), Maybe(Call(2, 0, 0), 5), 3]
    assert ([1, 5, 3], {Call(1, 0, 0), Call(2, 0, 0)}) == interpreted(page, {2})
    assert (None, {Call(1, 0, 0), Call(2, 0, 0)}) == interpreted(page, {1})
