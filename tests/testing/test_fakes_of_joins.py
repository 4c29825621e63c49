"""What stands in for many calls is answered by the fakes of one, and what writes is told of where it failed."""

import httpx
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, each, endpoint, optional
from bff.testing import Fakes, failure_modes, plan, run_virtual


class Hit(BaseModel):
    sku: str


class Stock(BaseModel):
    sku: str
    available: int


class Order(BaseModel):
    number: int


class Search(Upstream):
    base_url = "http://search.test"

    @call.get("/search")
    def find(self, q: str) -> list[Hit]: ...


class Inventory(Upstream):
    base_url = "http://inventory.test"

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...

    @call.get("/stock", batch_of="stock")
    def stocks(self, skus: list[str]) -> list[Stock]: ...


class Orders(Upstream):
    base_url = "http://orders.test"
    retry = None

    @call.post("/orders")
    def create(self, sku: str) -> Order: ...


class Mails(Upstream):
    base_url = "http://mails.test"
    retry = None

    @call.post("/mails")
    def send(self, number: int) -> Order: ...


class Line(Shape):
    sku: str
    available: int | None


class Lines(Shape):
    lines: list[Line]


class Done(Shape):
    number: int
    mail: int


class Phone(ClientProfile):
    @endpoint.get("/search")
    def search(self, q: str) -> Lines:
        hits = Search.find(q)
        return Lines(lines=each(hits, lambda hit: Line.of(hit, available=optional(Inventory.stock(hit.sku).available))))

    @endpoint.post("/orders")
    def order(self, sku: str) -> Done:
        made = Orders.create(sku)
        return Done(number=made.number, mail=Mails.send(made.number).number)


app = BFF(Phone, observers=())


def stock(sku: str) -> Stock:
    return Stock(sku=sku, available=3)


def test_a_join_is_answered_by_the_fakes_of_its_items() -> None:
    fakes = Fakes()
    fakes.on(Search.find).returns([Hit(sku="a"), Hit(sku="b"), Hit(sku="a")])
    fakes.on(Inventory.stock).returns(stock)
    fakes.on(Inventory.stock, sku="b").fails(404)

    async def main() -> httpx.Response:
        async with fakes.client(app) as phone:
            return await phone.get("/search?q=any")

    response = run_virtual(main())
    expected = [{"sku": "a", "available": 3}, {"sku": "b", "available": None}, {"sku": "a", "available": 3}]
    assert expected == response.json()["lines"]
    assert "lines.1.available;cause=not-found" == response.headers["bff-partial"]
    assert (1, 0) == (fakes.calls(Inventory.stocks), fakes.calls(Inventory.stock))


def test_a_plan_names_the_call_that_is_joined() -> None:
    planned = plan(Phone.search)
    assert {Search.find, Inventory.stock} == planned.calls
    assert {Inventory.stock} == planned.optional


def test_answers_that_are_made_up_match_what_is_joined() -> None:
    search, _ = failure_modes(app).pages
    nothing, *_ = search.alone()
    assert ("200", "", "0 s", "Search.find, Inventory.stocks") == nothing.cells


def test_what_fails_after_a_write_says_what_has_been_done() -> None:
    _, order = failure_modes(app).pages
    found = {line: row.cells for row in order.alone() for line in row.failing}
    assert ("502 status, after orders.create", "", "0 s", "Orders.create, Mails.send") == found["mails status"]
