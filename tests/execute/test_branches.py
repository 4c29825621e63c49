"""`when` and `fallback` pick at run time, and nothing is called for what is not picked."""

from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, derived, each, endpoint, fallback, optional, present, when
from tests.support.service import Service, ask
from tests.support.virtual import run


class Thing(BaseModel):
    name: str
    flag: bool | None
    extras: list[str]


class Source(Upstream):
    base_url = "http://source.test"

    @call.get("/things/{name}")
    def thing(self, name: str) -> Thing: ...


class Named(Shape):
    name: str
    flag: bool | None = None


class Many(Shape):
    names: list[str]


@derived
def loud(name: str) -> str:
    return name.upper()


class Page(ClientProfile):
    deadline = 1.0

    @endpoint.get("/values/{first}")
    def values(self, first: str) -> str:
        return when(Source.thing(first).flag, Source.thing("yes").name, Source.thing("no").name)

    @endpoint.get("/functions/{first}")
    def functions(self, first: str) -> str:
        return when(Source.thing(first).flag, lambda: Source.thing("yes").name, lambda: Source.thing("no").name)

    @endpoint.get("/shapes/{first}")
    def shapes(self, first: str) -> Named:
        thing = Source.thing(first)
        return when(thing.flag, lambda: Named.of(Source.thing("yes")), Named(name="nothing"))

    @endpoint.get("/deciding/{first}")
    def deciding(self, first: str) -> str:
        return when(first == "a", "letter a", when(first == "b", "letter b", "another"))

    @endpoint.get("/nested/{first}")
    def nested(self, first: str) -> str:
        thing = Source.thing(first)
        inner = when(Source.thing("inner").flag, Source.thing("deep").name, "shallow")
        return when(thing.flag, inner, "not asked")

    @endpoint.get("/shared/{first}")
    def shared(self, first: str) -> Many:
        both = Source.thing("both").name
        return Many(names=[both, when(Source.thing(first).flag, both, Source.thing("no").name)])

    @endpoint.get("/optional/{first}")
    def optional_(self, first: str) -> str | None:
        return optional(when(Source.thing(first).flag, Source.thing("yes").name, None))

    @endpoint.get("/loops/{first}")
    def loops(self, first: str) -> Many:
        thing = Source.thing(first)
        return Many(names=when(thing.flag, each(thing.extras, lambda extra: Source.thing(extra).name), list[str]()))

    @endpoint.get("/first/{name}")
    def first(self, name: str) -> str:
        return fallback(Source.thing(name).name, Source.thing("second").name, "none")

    @endpoint.get("/last/{name}")
    def last(self, name: str) -> Named:
        return fallback(lambda: Named.of(Source.thing(name)), lambda: Named.of(Source.thing("second"), flag=True))

    @endpoint.get("/promised/{name}")
    def promised(self, name: str) -> str:
        return fallback(loud(present(Source.thing(name).extras[0])), Source.thing("second").name)

    @endpoint.get("/each")
    def each_(self) -> Many:
        extras = Source.thing("list").extras
        return Many(names=each(extras, lambda one: fallback(Source.thing(one).name, lambda: "not " + one)))


def thing(name: str) -> dict[str, Any]:
    extras = {"list": ["x", "y"], "yes": ["x", "y"]}.get(name, [])
    return {"name": name, "flag": {"yes": True, "inner": True, "null": None}.get(name, False), "extras": extras}


def asked(path: str, **failures: int) -> tuple[httpx.Response, list[str]]:
    wire = Service({"GET /things/(.*)": thing}, failures={f"GET /things/{name}": s for name, s in failures.items()})

    async def main() -> httpx.Response | None:
        return await ask(BFF(Page, upstreams=wire.upstreams(Source), observers=()), "GET", path)

    response = run(main())
    assert response is not None
    return response, [request.target.removeprefix("/things/") for request in wire.asked]


@pytest.mark.parametrize("form", ["values", "functions"])
@pytest.mark.parametrize(("first", "taken"), [("yes", "yes"), ("other", "no"), ("null", "no")])
def test_only_the_branch_that_is_taken_is_called(form: str, first: str, taken: str) -> None:
    """`None` takes `otherwise`."""
    response, calls = asked(f"/{form}/{first}")
    assert (taken, [first, taken]) == (response.json(), calls)


def test_a_branch_that_is_not_taken_cannot_fail_the_page() -> None:
    assert 200 == asked("/values/yes", no=500)[0].status_code


def test_the_branch_that_is_taken_can() -> None:
    assert 502 == asked("/values/other", no=500)[0].status_code


def test_branches_may_be_shapes() -> None:
    assert {"name": "yes", "flag": True} == asked("/shapes/yes")[0].json()
    assert {"name": "nothing", "flag": None} == asked("/shapes/other")[0].json()


def test_a_decision_without_calls_takes_no_step() -> None:
    assert ["letter a", "letter b", "another"] == [asked(f"/deciding/{x}")[0].json() for x in "abc"]


def test_a_decision_in_a_branch_is_made_only_where_that_is_taken() -> None:
    assert ["yes", "inner", "deep"] == asked("/nested/yes")[1]
    assert ["other"] == asked("/nested/other")[1]


def test_what_is_needed_in_any_case_is_called_at_once() -> None:
    response, calls = asked("/shared/yes")
    assert {"names": ["both", "both"]} == response.json()
    assert {"both", "yes"} == {*calls}


def test_optional_catches_what_fails_in_the_branch_taken() -> None:
    response, _ = asked("/optional/yes", yes=500)
    assert (200, None, "*;cause=status") == (response.status_code, response.json(), response.headers["bff-partial"])


def test_a_loop_in_a_branch_asks_for_its_items_only_there() -> None:
    assert ["yes", "x", "y"] == asked("/loops/yes")[1]
    assert ["other"] == asked("/loops/other")[1]


def test_the_first_that_succeeds_is_taken_and_nothing_after_it_called() -> None:
    response, calls = asked("/first/one")
    assert ("one", ["one"]) == (response.json(), calls)
    assert "bff-partial" not in response.headers


def test_the_next_is_called_once_the_one_before_has_failed() -> None:
    response, calls = asked("/first/one", one=500)
    assert ("second", ["one", "second"]) == (response.json(), calls)


def test_a_value_that_cannot_fail_comes_last() -> None:
    assert "none" == asked("/first/one", one=500, second=500)[0].json()


def test_where_all_fail_the_page_fails_with_the_last() -> None:
    response, calls = asked("/last/one", one=404, second=500)
    assert (502, "status", ["one", "second"]) == (response.status_code, response.json()["cause"], calls)


def test_alternatives_may_be_shapes() -> None:
    assert {"name": "second", "flag": True} == asked("/last/one", one=500)[0].json()


def test_an_alternative_that_breaks_its_own_promise_gives_way_too() -> None:
    assert "second" == asked("/promised/empty")[0].json()
    assert "X" == asked("/promised/list")[0].json()


def test_every_item_falls_back_on_its_own() -> None:
    response, _ = asked("/each", y=500)
    assert {"names": ["x", "not y"]} == response.json()
