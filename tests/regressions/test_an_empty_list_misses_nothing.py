"""A call in an `each` that does not use the item runs once; where the list is empty no place took its default."""

from typing import Any

import pytest
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, each, endpoint, optional
from tests.support.service import Service, ask
from tests.support.virtual import run


class Thing(BaseModel):
    ids: list[int]
    name: str


class Source(Upstream):
    base_url = "http://source.test"

    @call.get("/list")
    def list_(self) -> Thing: ...

    @call.get("/name")
    def name_(self) -> Thing: ...


class Named(Shape):
    id: int
    name: str | None


class Page(ClientProfile):
    @endpoint.get("/")
    def page(self) -> list[Named]:
        return each(Source.list_().ids, lambda number: Named(id=number, name=optional(Source.name_().name)))


@pytest.mark.parametrize(("ids", "partial"), [([], None), ([1, 2], "*.name;cause=status")])
def test_an_empty_list_misses_nothing(ids: list[int], partial: str | None) -> None:
    def listed() -> dict[str, Any]:
        return {"ids": ids, "name": ""}

    wire = Service({"GET /list": listed}, failures={"GET /name": 500})
    response = run(ask(BFF(Page, upstreams=wire.upstreams(Source), observers=()), "GET", "/"))
    assert response is not None
    assert [{"id": number, "name": None} for number in ids] == response.json()
    assert partial == response.headers.get("bff-partial")
