"""Two derived functions of one text were once one call, whatever they closed over."""

from collections.abc import Callable

import httpx
from pydantic import BaseModel

from bff import BFF, ClientProfile, Upstream, call, derived, endpoint
from tests.support.shop import get
from tests.support.virtual import run


class Product(BaseModel):
    name: str


class Store(Upstream):
    base_url = "http://store.test"

    @call.get("/product")
    def product(self) -> Product: ...


def cut_to(width: int) -> Callable[[str], str]:
    @derived
    def cut(text: str) -> str:
        return text[:width]

    return cut


def between(first: str, last: str) -> Callable[[str], str]:
    marks = [first, last]

    def around(text: str) -> str:
        return text.join(marks)

    @derived
    def marked(text: str) -> str:
        return around(text)

    return marked


class Page(ClientProfile):
    @endpoint.get("/cut")
    def cut(self) -> list[str]:
        return [cut_to(1)(Store.product().name), cut_to(3)(Store.product().name), cut_to(1)(Store.product().name)]

    @endpoint.get("/marked")
    def marked(self) -> list[str]:
        return [between("<", ">")(Store.product().name), between("(", ")")(Store.product().name)]


def answer(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"name": "Kettle"})


def test_each_gives_its_own_answer() -> None:
    app = BFF(Page, upstreams={Store: {"transport": httpx.MockTransport(answer)}}, observers=())
    replies = [run(get(app, path)) for path in ("/cut", "/marked")]
    assert [["K", "Ket", "K"], ["<Kettle>", "(Kettle)"]] == [reply.json() for reply in replies if reply]
