"""Writes once overtook what stood above them, where an `optional` or a branch stood around one or the other."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, endpoint, fallback, optional, when
from tests.support.shop import Reply, get
from tests.support.virtual import run


class Entry(BaseModel):
    value: int


class Journal(Upstream):
    base_url = "http://journal.test"

    @call.get("/{name}")
    def read(self, name: str) -> Entry: ...

    @call.post("/{name}")
    def write(self, name: str) -> Entry: ...


class Answer(Shape):
    value: int


def page_of(body: Callable[[], int]) -> type[ClientProfile]:
    class Page(ClientProfile):
        @endpoint.post("/")
        def page(self) -> Answer:
            return Answer(value=body())

    return Page


def asked(body: Callable[[], int], *, failing: str = "", slow: str = "") -> tuple[Reply, list[str]]:
    """Return the reply of a page, and its calls as they begin (`a`) and end (`/a`)."""
    events: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path[1:]
        events.append(name)
        await asyncio.sleep(1.0 if name == slow else 0.1)
        events.append(f"/{name}")
        return httpx.Response(500) if name == failing else httpx.Response(200, json={"value": 1})

    async def main() -> Reply | None:
        journal = {"transport": httpx.MockTransport(answer), "retry": None}
        return await get(BFF(page_of(body), upstreams={Journal: journal}, observers=()), "/", method="POST")

    reply = run(main())
    assert reply is not None
    return reply, events


def read(name: str) -> int:
    return Journal.read(name).value


def write(name: str) -> int:
    return Journal.write(name).value


def an_optional_write() -> int:
    optional(write("a"))
    return write("b")


def an_optional_branch() -> int:
    optional(when(read("a") > 0, lambda: write("b"), 0))
    return write("c")


def a_branch_with_two_writes() -> int:
    def both() -> int:
        first = write("b")
        write("c")
        return first

    return when(read("a") > 0, both, 0)


def a_branch_that_is_not_taken() -> int:
    condition = read("a")
    write("b")
    when(condition > 5, lambda: write("never"), 0)
    return read("c")


def an_optional_read_that_another_one_uses() -> int:
    first = optional(read("a"), default=0)
    optional(first + read("never"))
    write("b")
    return first


def a_read_that_a_branch_above_did_not_need() -> int:
    value, condition = read("a"), read("b")
    when(condition > 5, value, 0)
    write("c")
    return value


def a_read_that_stands_in_a_branch_too() -> int:
    when(read("b") > 5, lambda: read("a"), 0)
    value = read("a")
    write("c")
    return value


def a_read_for_a_function_below_that_writes() -> int:
    value = read("a")
    write("b")

    def noted() -> int:
        write("never")
        return 0

    optional(fallback(value, noted))
    return 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (an_optional_write, ["a", "/a", "b", "/b"]),
        (an_optional_branch, ["a", "/a", "b", "/b", "c", "/c"]),
        (a_branch_with_two_writes, ["a", "/a", "b", "/b", "c", "/c"]),
        (an_optional_read_that_another_one_uses, ["a", "/a", "b", "/b"]),
        (a_read_that_a_branch_above_did_not_need, ["a", "b", "/b", "/a", "c", "/c"]),
        (a_read_that_stands_in_a_branch_too, ["a", "b", "/b", "/a", "c", "/c"]),
        (a_read_for_a_function_below_that_writes, ["a", "/a", "b", "/b"]),
        (a_branch_that_is_not_taken, ["a", "/a", "b", "/b", "c", "/c"]),
    ],
)
def test_what_stands_above_comes_first(body: Callable[[], int], expected: list[str]) -> None:
    reply, events = asked(body, slow="a")
    assert (200, expected) == (reply.status, events)


def test_a_function_goes_no_further_than_its_first_write_that_fails() -> None:
    """The `optional` stands around the function, and not around the write in it."""

    def body() -> int:
        return optional(a_branch_with_two_writes(), default=0)

    reply, events = asked(body, failing="b")
    assert (200, ["a", "/a", "b", "/b"]) == (reply.status, events)
    assert "value;cause=status" == reply.headers["bff-partial"]


def test_what_only_an_optional_below_a_write_uses_does_not_have_to_succeed() -> None:
    def body() -> int:
        value = read("a")
        write("b")
        return optional(value, default=0)

    reply, events = asked(body, failing="a")
    assert (200, ["a", "/a", "b", "/b"]) == (reply.status, events)
    assert "value;cause=status" == reply.headers["bff-partial"]


def test_a_function_whose_write_fails_falls_back_though_it_returns_a_constant() -> None:
    def noted() -> int:
        write("a")
        return 1

    reply, events = asked(lambda: fallback(noted, 2), failing="a")
    assert (200, {"value": 2}, ["a", "/a"]) == (reply.status, reply.json(), events)
