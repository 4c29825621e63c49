"""A plan runs as soon as it can, costs no more than it must, and leaves nothing behind."""

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, derived, each, endpoint, optional
from tests.support.shop import Catalog, Inventory, Reply, Review, Reviews, Wire, get, on
from tests.support.virtual import run


class Line(Shape):
    rating: int


class Card(Shape):
    id: int
    name: str
    in_stock: bool | None
    reviews: list[Line]


class Phone(ClientProfile):
    deadline = 1.0

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        reviews = optional(Reviews.of_product(product_id, limit=3), default=[])
        return Card.of(product, in_stock=stock.available > 0, reviews=each(reviews, Line.of))

    @endpoint.get("/names/{product_id}")
    def name_of(self, product_id: int) -> str:
        Reviews.of_product(product_id)
        return Catalog.product(product_id).name


def ask(wire: Wire, path: str = "/products/7", *, leave: float | None = None, **settings: object) -> Reply | None:
    async def main() -> Reply | None:
        app = BFF(Phone, upstreams=on(wire, **settings), observers=())
        reply = await get(app, path, leave=leave)
        assert [] == [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        return reply

    return run(main())


def near(seconds: float) -> Any:
    """Return what equals this time, but for the rounding of sums."""
    return pytest.approx(seconds)


def answered(reply: Reply | None) -> Reply:
    assert reply is not None
    return reply


def test_calls_start_the_moment_their_inputs_exist() -> None:
    """Stock waits for the product, reviews do not: two steps of 50 ms, not three."""
    reply = answered(ask(Wire(delays=dict.fromkeys(("catalog.test", "inventory.test", "reviews.test"), 0.05))))
    assert (200, near(0.1)) == (reply.status, reply.after)
    assert {"id": 7, "name": "Lamp", "in_stock": True, "reviews": [{"rating": 5}]} == reply.json()


def test_a_diamond_of_four_calls_takes_three_steps() -> None:
    class Node(BaseModel):
        value: int

    class Steps(Upstream):
        base_url = "http://steps.test"

        @call.get("/{name}")
        def step(self, name: str, a: int = 0, b: int = 0) -> Node: ...

    class Diamond(ClientProfile):
        @endpoint.get("/diamond")
        def diamond(self) -> int:
            top = Steps.step("top")
            left, right = Steps.step("left", a=top.value), Steps.step("right", a=top.value)
            return Steps.step("bottom", a=left.value, b=right.value).value

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        return httpx.Response(200, json={"value": sum(int(value) for value in request.url.params.values()) + 1})

    async def main() -> Reply | None:
        app = BFF(Diamond, upstreams={Steps: {"transport": httpx.MockTransport(answer)}}, observers=())
        return await get(app, "/diamond")

    reply = answered(run(main()))
    assert (200, b"5", near(0.15)) == (reply.status, reply.body, reply.after)


def test_a_read_that_the_answer_does_not_need_is_not_made() -> None:
    wire = Wire()
    assert 200 == answered(ask(wire, "/names/7")).status
    assert ["catalog.test/products/7"] == wire.paths


@pytest.mark.parametrize("host", ["inventory.test", "reviews.test"])
def test_what_is_optional_and_hangs_is_cut_so_that_the_answer_leaves_in_time(host: str) -> None:
    """The deadline is 1 s and the reserve 10 % of it."""
    wire = Wire(delays={host: 60.0})
    reply = answered(ask(wire))
    missing = {"inventory.test": "in_stock", "reviews.test": "reviews"}[host]
    assert (200, near(0.9)) == (reply.status, reply.after)
    assert f"{missing};cause=timeout" == reply.headers["bff-partial"]
    assert ("no-store", None) == (reply.headers["cache-control"], reply.headers.get("etag"))
    assert [host] == wire.cancelled


def test_what_is_required_and_hangs_ends_at_the_deadline() -> None:
    wire = Wire(delays={"catalog.test": 60.0}, failures={"reviews.test": 500})
    reply = answered(ask(wire))
    assert (504, "timeout", near(1.0)) == (reply.status, reply.json()["cause"], reply.after)


def test_the_first_required_failure_cancels_the_rest_and_waits_for_it() -> None:
    wire = Wire(delays={"catalog.test": 0.1, "reviews.test": 60.0}, failures={"catalog.test": 503})
    reply = answered(ask(wire))
    assert (502, near(0.1)) == (reply.status, reply.after)
    assert ["reviews.test"] == wire.cancelled


def test_a_client_that_leaves_cancels_its_reads() -> None:
    wire = Wire(delays=dict.fromkeys(("catalog.test", "reviews.test"), 60.0))
    assert ask(wire, leave=0.2) is None
    assert ["catalog.test", "reviews.test"] == sorted(wire.cancelled)


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (500, "status"),
        (404, "not-found"),
        (httpx.ConnectError("refused"), "unreachable"),
        (b"not json", "contract"),
        (b'{"sku": "sku-7", "available": "many"}', "contract"),
    ],
)
def test_what_is_optional_and_fails_gives_way_to_its_default(failure: int | Exception | bytes, cause: str) -> None:
    reply = answered(ask(Wire(failures={"inventory.test": failure})))
    assert (200, None, f"in_stock;cause={cause}") == (
        reply.status,
        reply.json()["in_stock"],
        reply.headers["bff-partial"],
    )


def test_a_failure_passes_through_calls_that_need_its_answer() -> None:
    """Stock needs the product; where both stand behind one `optional`, neither fails the page."""

    class Stock(Shape):
        available: int | None

    class Sensor(ClientProfile):
        @endpoint.get("/stock")
        def stock(self) -> Stock:
            return Stock(available=optional(Inventory.stock(Catalog.product(7).sku).available))

    async def main(wire: Wire) -> Reply | None:
        return await get(BFF(Sensor, upstreams=on(wire), observers=()), "/stock")

    wire = Wire(failures={"catalog.test": 500})
    reply = answered(run(main(wire)))
    assert (200, "available;cause=status") == (reply.status, reply.headers["bff-partial"])
    assert ["catalog.test/products/7"] == wire.paths


def test_a_hostile_value_of_an_upstream_reaches_no_other_resource() -> None:
    wire = Wire(failures={"catalog.test": b'{"id": 7, "sku": "../admin", "name": "x", "images": []}'})
    reply = answered(ask(wire))
    assert (200, "in_stock;cause=not-found") == (reply.status, reply.headers["bff-partial"])
    assert ["catalog.test/products/7", "reviews.test/products/7/reviews?limit=3"] == wire.paths


def test_a_bug_in_a_derived_function_is_never_a_default() -> None:
    @derived
    def broken(reviews: list[Review]) -> int:
        return reviews[5].rating

    class Web(ClientProfile):
        @endpoint.get("/best")
        def best(self) -> int:
            return optional(broken(Reviews.of_product(7)), default=0)

    async def main() -> None:
        with pytest.raises(IndexError):
            await get(BFF(Web, upstreams=on(Wire()), observers=()), "/best")

    run(main())


def test_a_deadline_holds_for_an_async_endpoint_too() -> None:
    class Slow(ClientProfile):
        deadline = 0.5

        @endpoint.get("/products/{product_id}")
        async def product(self, product_id: int, catalog: Catalog) -> str:
            return (await catalog.product(product_id)).name

        @endpoint.get("/sleep")
        async def sleep(self) -> str:
            await asyncio.sleep(60)
            return "awake"

    async def main(path: str) -> Reply | None:
        wire = Wire(delays={"catalog.test": 60.0})
        return await get(BFF(Slow, upstreams=on(wire), observers=()), path)

    for path in ("/products/7", "/sleep"):
        reply = answered(run(main(path)))
        assert (504, "timeout", near(0.5)) == (reply.status, reply.json()["cause"], reply.after)


def test_an_optional_part_that_breaks_a_promise_of_its_own_takes_its_default() -> None:
    """The first review of a product without any is not there: the place where it would go says so."""

    class Best(Shape):
        title: str

    class Page(Shape):
        id: int
        best: Best | None

    class Web(ClientProfile):
        @endpoint.get("/best")
        def best(self) -> Page:
            product = Catalog.product(7)
            return Page(id=product.id, best=optional(Best.of(Reviews.of_product(7)[0])))

        @endpoint.get("/picture")
        def picture(self) -> Page:
            product = Catalog.product(7)
            return Page(id=product.id, best=optional(Best(title=product.images[5].url)))

    async def main(path: str, wire: Wire) -> Reply | None:
        return await get(BFF(Web, upstreams=on(wire), observers=()), path)

    for path in ("/best", "/picture"):
        reply = answered(run(main(path, Wire(failures={"reviews.test": b"[]"}))))
        assert (200, {"id": 7, "best": None}) == (reply.status, reply.json())
        assert ("best;cause=contract", "no-store") == (reply.headers["bff-partial"], reply.headers["cache-control"])
    reply = answered(run(main("/best", Wire())))
    assert ({"title": "Bright"}, None) == (reply.json()["best"], reply.headers.get("bff-partial"))
