"""Calls inside `each` are a join: one request for many items where there is a batch, else one each at the same time."""

from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, each, endpoint, optional, when
from tests.support.service import Service, ask
from tests.support.virtual import run


class Product(BaseModel):
    id: int
    sku: str
    maker: int


class Stock(BaseModel):
    sku: str
    available: int
    depot: int


class Maker(BaseModel):
    id: int
    name: str


class Order(BaseModel):
    id: int
    skus: list[str]


class Shop(Upstream):
    base_url = "http://shop.test"

    @call.get("/products")
    def products(self, count: int) -> list[Product]: ...

    @call.get("/orders")
    def orders(self) -> list[Order]: ...

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...

    @call.get("/stock", batch_of="stock", key="sku", max_size=100)
    def stocks(self, skus: list[str]) -> list[Stock]: ...

    @call.get("/makers/{maker_id}")
    def maker(self, maker_id: int) -> Maker: ...

    @call.get("/rates")
    def rate(self) -> int: ...


class Line(Shape):
    id: int
    available: int


class MaybeLine(Shape):
    id: int
    available: int | None


class Made(Shape):
    id: int
    by: str


class Priced(Shape):
    id: int
    rate: int


class Bundle(Shape):
    id: int
    available: list[int]


class Depot(Shape):
    id: int
    by: str


class FirstOf(Shape):
    id: int
    available: int | None


class Page(ClientProfile):
    deadline = 1.0
    max_calls = 5

    @endpoint.get("/stocked")
    def stocked(self, count: int) -> list[Line]:
        return each(Shop.products(count), lambda one: Line.of(one, available=Shop.stock(one.sku).available))

    @endpoint.get("/maybe")
    def maybe(self, count: int) -> list[MaybeLine]:
        return each(
            Shop.products(count), lambda one: MaybeLine.of(one, available=optional(Shop.stock(one.sku)).available)
        )

    @endpoint.get("/made")
    def made(self, count: int) -> list[Made]:
        return each(Shop.products(count), lambda one: Made.of(one, by=Shop.maker(one.maker).name))

    @endpoint.get("/perhaps")
    def perhaps(self, count: int) -> list[Made]:
        return each(
            Shop.products(count), lambda one: Made.of(one, by=optional(Shop.maker(one.maker).name, default="nobody"))
        )

    @endpoint.get("/priced")
    def priced(self, count: int) -> list[Priced]:
        return each(Shop.products(count), lambda one: Priced.of(one, rate=Shop.rate()))

    @endpoint.get("/bundles")
    def bundles(self) -> list[Bundle]:
        return each(
            Shop.orders(),
            lambda order: Bundle.of(order, available=each(order.skus, lambda sku: Shop.stock(sku).available)),
        )

    @endpoint.get("/firsts")
    def firsts(self) -> list[FirstOf]:
        return each(
            Shop.orders(), lambda order: FirstOf.of(order, available=optional(Shop.stock(order.skus[0])).available)
        )

    @endpoint.get("/chained")
    def chained(self, count: int) -> list[Depot]:
        return each(Shop.products(count), lambda one: Depot.of(one, by=Shop.maker(Shop.stock(one.sku).depot).name))

    @endpoint.get("/slowly")
    def slowly(self, count: int) -> list[Made]:
        return each(Shop.products(count), lambda one: Made.of(one, by=Shop.maker(Shop.maker(one.maker).id).name))

    @endpoint.get("/some")
    def some(self, count: int) -> list[MaybeLine]:
        return each(
            Shop.products(count),
            lambda one: MaybeLine.of(one, available=when(one.id > 1, lambda: Shop.stock(one.sku).available, None)),
        )


def service(*, missing: frozenset[str] = frozenset()) -> Service:
    def products(count: list[str]) -> list[dict[str, Any]]:
        return [{"id": n, "sku": f"s{n % 3}", "maker": n % 2} for n in range(int(count[0]))]

    def stocks(skus: list[str]) -> list[dict[str, Any]]:
        return [{"sku": s, "available": int(s[1:]), "depot": 7} for s in reversed(skus) if s not in missing]

    def maker(number: str) -> dict[str, Any]:
        return {"id": int(number), "name": f"maker {number}"}

    return Service(
        {
            "GET /products": products,
            "GET /orders": lambda: [{"id": 1, "skus": ["s1", "s2"]}, {"id": 2, "skus": ["s2", "s3"]}],
            "GET /stock": stocks,
            "GET /makers/(.*)": maker,
            "GET /rates": lambda: 3,
        }
    )


def all_different(count: list[str]) -> list[dict[str, Any]]:
    return [{"id": n, "sku": "", "maker": n} for n in range(int(count[0]))]


def get(wire: Service, path: str, **settings: object) -> httpx.Response:
    async def main() -> httpx.Response:
        app = BFF(Page, upstreams=wire.upstreams(Shop, **settings), observers=())
        response = await ask(app, "GET", path)
        assert response is not None
        return response

    return run(main())


def test_a_hundred_products_joined_with_stock_are_one_call_more() -> None:
    wire = service()
    response = get(wire, "/stocked?count=100")
    assert ([{"id": n, "available": n % 3} for n in range(100)]) == response.json()
    assert ["GET /products?count=100", "GET /stock?skus=s0&skus=s1&skus=s2"] == wire.log


def test_an_empty_list_asks_for_nothing() -> None:
    wire = service()
    assert [] == get(wire, "/stocked?count=0").json()
    assert ["GET /products?count=0"] == wire.log


def test_what_is_missing_from_a_batch_is_missing_alone() -> None:
    wire = service(missing=frozenset({"s1"}))
    response = get(wire, "/maybe?count=5")
    assert [0, None, 2, 0, None] == [line["available"] for line in response.json()]
    assert '"1.available";cause=not-found, "4.available";cause=not-found' == response.headers["bff-partial"]


def test_where_every_item_misses_the_same_that_is_said_once() -> None:
    wire = service()
    wire.failures["GET /stock"] = 500
    response = get(wire, "/maybe?count=5")
    assert [None] * 5 == [line["available"] for line in response.json()]
    assert "*.available;cause=status" == response.headers["bff-partial"]


def test_an_item_that_has_nothing_to_ask_for_is_missing_alone() -> None:
    wire = service()
    wire.routes["GET /orders"] = lambda: [{"id": 1, "skus": []}, {"id": 2, "skus": ["s2", "s3"]}]
    response = get(wire, "/firsts")
    assert [{"id": 1, "available": None}, {"id": 2, "available": 2}] == response.json()
    assert '"0.available";cause=contract' == response.headers["bff-partial"]
    assert ["GET /orders", "GET /stock?skus=s2"] == wire.log


def test_what_is_missing_and_required_fails_the_page() -> None:
    response = get(service(missing=frozenset({"s1"})), "/stocked?count=5")
    assert (502, "not-found") == (response.status_code, response.json()["cause"])


def test_without_a_batch_equal_items_ask_once_and_all_at_the_same_time() -> None:
    wire = service()
    response = get(wire, "/made?count=4")
    assert ["maker 0", "maker 1", "maker 0", "maker 1"] == [made["by"] for made in response.json()]
    assert ["GET /products?count=4", "GET /makers/0", "GET /makers/1"] == wire.log
    assert wire.asked[1].start == wire.asked[2].start


def test_a_failing_item_affects_itself_alone() -> None:
    wire = service()
    wire.failures["GET /makers/1"] = 500
    response = get(wire, "/perhaps?count=3")
    assert ["maker 0", "nobody", "maker 0"] == [made["by"] for made in response.json()]
    assert '"1.by";cause=status' == response.headers["bff-partial"]


def test_a_call_that_does_not_use_the_item_runs_once_and_at_once() -> None:
    wire = service()
    wire.delays["GET /products"] = 0.1
    assert [3, 3] == [priced["rate"] for priced in get(wire, "/priced?count=2").json()]
    assert ["GET /products?count=2", "GET /rates"] == wire.log
    assert wire.asked[0].start == wire.asked[1].start


def test_a_join_in_a_join_is_one_batch_for_all_of_them() -> None:
    wire = service()
    assert [[1, 2], [2, 3]] == [bundle["available"] for bundle in get(wire, "/bundles").json()]
    assert ["GET /orders", "GET /stock?skus=s1&skus=s2&skus=s3"] == wire.log


def test_a_join_feeds_another_one() -> None:
    wire = service()
    assert ["maker 7", "maker 7"] == [one["by"] for one in get(wire, "/chained?count=2").json()]
    assert ["GET /products?count=2", "GET /stock?skus=s0&skus=s1", "GET /makers/7"] == wire.log


def test_an_item_goes_on_without_waiting_for_the_others() -> None:
    """No barrier between two joins without a batch: the second call for maker 0 starts when its first has answered."""
    wire = service()
    wire.delays["GET /makers/1"] = 0.5
    get(wire, "/slowly?count=2")
    ends = {str(request): request.end for request in wire.asked[:3]}
    starts = [request.start for request in wire.asked if request.target == "/makers/0"]
    assert ends["GET /makers/0"] == starts[-1]


def test_a_batch_asks_only_for_items_whose_branch_is_taken() -> None:
    wire = service()
    assert [None, None, 2, 0] == [line["available"] for line in get(wire, "/some?count=4").json()]
    assert ["GET /products?count=4", "GET /stock?skus=s2&skus=s0"] == wire.log


def test_large_batches_go_out_in_chunks_at_the_same_time() -> None:
    class Few(Shop):
        @call.get("/stock", batch_of="stock", key="sku", max_size=2)
        def stocks(self, skus: list[str]) -> list[Stock]: ...

    class Chunks(ClientProfile):
        @endpoint.get("/stocked")
        def stocked(self) -> list[int]:
            return each(Few.products(3), lambda one: Few.stock(one.sku).available)

    async def main(wire: Service) -> Any:
        return await ask(BFF(Chunks, upstreams=wire.upstreams(Few), observers=()), "GET", "/stocked")

    wire = service()
    assert [0, 1, 2] == run(main(wire)).json()
    assert ["GET /products?count=3", "GET /stock?skus=s0&skus=s1", "GET /stock?skus=s2"] == wire.log
    assert wire.asked[1].start == wire.asked[2].start


def test_what_lies_past_the_fan_out_cap_fails_and_nothing_more_is_sent() -> None:
    wire = service()
    wire.routes["GET /products"] = all_different
    response = get(wire, "/made?count=10")
    assert (503, "fan-out") == (response.status_code, response.json()["cause"])
    assert 5 >= len(wire.asked)


def test_optional_items_past_the_fan_out_cap_take_their_defaults() -> None:
    wire = service()
    wire.routes["GET /products"] = all_different
    response = get(wire, "/perhaps?count=6")
    assert ["maker 0", "maker 1", "maker 2", "maker 3", "nobody", "nobody"] == [m["by"] for m in response.json()]
    assert '"4.by";cause=fan-out, "5.by";cause=fan-out' == response.headers["bff-partial"]
    assert 5 == len(wire.asked)


@pytest.mark.parametrize("path", ["/stocked?count=3", "/maybe?count=3", "/made?count=3", "/bundles"])
def test_the_failure_of_the_list_itself_is_the_failure_of_the_page(path: str) -> None:
    wire = service()
    wire.failures = {"GET /products": 500, "GET /orders": 500}
    assert 502 == get(wire, path).status_code
    assert 1 == len(wire.asked)
