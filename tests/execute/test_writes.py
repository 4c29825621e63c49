"""The order example: writes go out in program order, each after what stands above it, and are never left half done."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from bff import BFF, ClientProfile, Retry, Shape, Upstream, call, derived, each, endpoint, optional, when
from tests.support.service import Service, ask
from tests.support.virtual import run


class Stock(BaseModel):
    sku: str
    available: int


class Reserved(BaseModel):
    id: int


class Order(BaseModel):
    id: int
    state: str


class Charge(BaseModel):
    id: int
    accepted: bool


class NewOrder(Shape):
    sku: str
    reservation: int


class Inventory(Upstream):
    base_url = "http://inventory.test"

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...

    @call.post("/reservations", errors={409: "out-of-stock"})
    def reserve(self, sku: str) -> Reserved: ...

    @call.delete("/reservations/{reservation_id}")
    def release(self, reservation_id: int) -> None: ...


class Orders(Upstream):
    base_url = "http://orders.test"

    @call.post("/orders")
    def create(self, order: NewOrder) -> Order: ...

    @call.get("/orders/{order_id}")
    def order(self, order_id: int) -> Order: ...

    @call.post("/orders/{order_id}/charge", errors={402: "declined"})
    def charge(self, order_id: int) -> Charge: ...

    @call.put("/orders/{order_id}/confirmation")
    def confirm(self, order_id: int) -> Order: ...

    @call.post("/mails")
    def mail(self, to: str) -> None: ...


class Confirmation(Shape):
    id: int
    state: str
    before: str = ""


@derived
def count(items: list[str]) -> int:
    return len(items)


@derived
def broken(number: int) -> int:
    raise ZeroDivisionError(number)


class Shop(ClientProfile):
    deadline = 2.0

    @endpoint.post("/orders")
    def place(self, sku: str) -> Confirmation:
        Inventory.stock(sku)  # a guard: looked at by nobody, and has to succeed
        reserved = Inventory.reserve(sku)
        order = Orders.create(NewOrder(sku=sku, reservation=reserved.id))
        Orders.charge(order.id)
        confirmed = Orders.confirm(order.id)
        return Confirmation.of(confirmed)

    @endpoint.post("/states")
    def states(self) -> Confirmation:
        before = Orders.order(1)
        Orders.confirm(1)
        return Confirmation.of(Orders.order(1), before=before.state)

    @endpoint.post("/charges")
    def charges(self, sku: str) -> Confirmation:
        order = Orders.create(NewOrder(sku=sku, reservation=1))
        charge = Orders.charge(order.id)
        done = when(charge.accepted, lambda: Orders.confirm(order.id), lambda: given_up(order))
        return Confirmation.of(done)

    @endpoint.post("/mails")
    def mails(self, to: list[str]) -> int:
        each(to, lambda one: optional(Orders.mail(one)))
        return Orders.order(1).id

    @endpoint.post("/strictly")
    def strictly(self, to: list[str]) -> int:
        each(to, Orders.mail)
        return 1

    @endpoint.post("/rarely")
    def rarely(self, to: list[str]) -> int:
        each(to, lambda one: when(one == "x", lambda: Orders.mail(one), None))
        return count(to)

    @endpoint.post("/buggy")
    def buggy(self, sku: str) -> int:
        return broken(Orders.create(NewOrder(sku=sku, reservation=1)).id)

    @endpoint.post("/polite")
    def polite(self, sku: str) -> Confirmation:
        order = Orders.create(NewOrder(sku=sku, reservation=1))
        optional(Orders.mail(sku))
        return Confirmation.of(Orders.confirm(order.id))

    @endpoint.post("/loosely")
    def loosely(self, sku: str) -> int:
        stock = optional(Inventory.stock(sku))
        order = Orders.create(NewOrder(sku=sku, reservation=1))
        return when(stock.available > 0, order.id, 0)

    @endpoint.post("/by-hand")
    async def by_hand(self, sku: str, inventory: Inventory, orders: Orders) -> Confirmation:
        reserved = await inventory.reserve(sku)
        order = await orders.create(NewOrder(sku=sku, reservation=reserved.id))
        await orders.charge(order.id)
        return Confirmation(**(await orders.confirm(order.id)).model_dump())


def given_up(order: Order) -> Order:
    Inventory.release(1)
    return order


def saying(answer: object) -> Callable[..., object]:
    """Return what gives an answer, whatever it is asked."""

    def say(*_: str, **__: object) -> object:
        return answer

    return say


def service() -> Service:
    def stock(sku: str) -> dict[str, Any]:
        return {"sku": sku, "available": 1}

    state = {"state": "open"}

    def order(number: str = "1", **_: Any) -> dict[str, Any]:
        return {"id": int(number), **state}

    def confirm(number: str) -> dict[str, Any]:
        state["state"] = "confirmed"
        return order(number)

    return Service(
        {
            "GET /stock/(.*)": stock,
            "POST /reservations": saying({"id": 7}),
            "DELETE /reservations/(.*)": saying(None),
            "POST /orders": order,
            "GET /orders/(.*)": order,
            "POST /orders/(.*)/charge": saying({"id": 3, "accepted": True}),
            "PUT /orders/(.*)/confirmation": confirm,
            "POST /mails": saying(None),
        }
    )


def post(
    wire: Service, path: str, *, leave: float | None = None, retry: Retry | None = None, **options: Any
) -> httpx.Response | None:
    async def main() -> httpx.Response | None:
        app = BFF(Shop, upstreams=wire.upstreams(Inventory, Orders, retry=retry), observers=())
        return await ask(app, "POST", path, leave=leave, **options)

    return run(main())


def posted(wire: Service, path: str, **options: Any) -> httpx.Response:
    response = post(wire, path, **options)
    assert response is not None
    return response


def test_a_bug_after_a_write_tells_what_was_done_too() -> None:
    wire = service()

    async def main() -> httpx.Response:
        app = BFF(Shop, upstreams=wire.upstreams(Inventory, Orders), observers=())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/buggy?sku=a")

    response = run(main())
    assert (500, "internal", ["orders.create"]) == (
        response.status_code,
        response.json()["cause"],
        response.json()["committed"],
    )


SEQUENCE = [
    "GET /stock/a",
    "POST /reservations?sku=a",
    "POST /orders",
    "POST /orders/1/charge",
    "PUT /orders/1/confirmation",
]


def test_an_order_is_placed_step_by_step() -> None:
    wire = service()
    wire.delays = dict.fromkeys(("GET", "POST", "PUT"), 0.1)
    response = posted(wire, "/orders?sku=a")
    assert (200, {"id": 1, "state": "confirmed", "before": ""}) == (response.status_code, response.json())
    assert SEQUENCE == wire.log
    for before, after in zip(wire.asked, wire.asked[1:], strict=False):
        assert before.end == after.start
    assert {"sku": "a", "reservation": 7} == wire.asked[2].body
    assert "no-store" == response.headers["cache-control"]
    assert "etag" not in response.headers


@pytest.mark.parametrize(
    ("step", "status", "answer", "cause", "committed"),
    [
        (0, 500, 502, "status", None),
        (1, 500, 502, "status", None),
        (1, 409, 409, "out-of-stock", None),
        (2, 500, 502, "status", ["inventory.reserve"]),
        (2, 422, 422, "status", ["inventory.reserve"]),
        (3, 402, 402, "declined", ["inventory.reserve", "orders.create"]),
        (3, 500, 502, "status", ["inventory.reserve", "orders.create"]),
        (4, 500, 502, "status", ["inventory.reserve", "orders.create", "orders.charge"]),
        (4, 404, 502, "not-found", ["inventory.reserve", "orders.create", "orders.charge"]),
    ],
)
@pytest.mark.parametrize("path", ["/orders", "/by-hand"])
def test_a_step_that_fails_is_the_last_and_what_was_done_is_told(
    path: str, step: int, status: int, answer: int, cause: str, committed: list[str] | None
) -> None:
    wire = service()
    sequence = SEQUENCE if path == "/orders" else ["", *SEQUENCE[1:]]
    if not sequence[step]:
        return  # the endpoint by hand has no guard
    wire.failures[SEQUENCE[step]] = status
    response = posted(wire, f"{path}?sku=a")
    problem = response.json()
    assert (answer, cause, committed) == (response.status_code, problem["cause"], problem.get("committed"))
    assert [request for request in sequence[: step + 1] if request] == wire.log


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("path", ["/orders", "/by-hand"])
def test_a_client_that_leaves_stops_the_page_before_its_first_write_and_not_after(path: str, step: int) -> None:
    """From the first write on the sequence runs to its end, whoever waits for it."""
    wire = service()
    wire.delays = dict.fromkeys(("GET", "POST", "PUT"), 0.1)
    sequence = SEQUENCE if path == "/orders" else SEQUENCE[1:]
    left = post(wire, f"{path}?sku=a", leave=step * 0.1 + 0.05)
    is_finished = path == "/by-hand" or step > 0
    if step < len(sequence):
        assert left is None
    assert (sequence if is_finished else sequence[:1]) == wire.log
    assert [None] * (not is_finished) == [request.end for request in wire.asked if request.end is None]


def test_a_sequence_that_nobody_waits_for_has_the_same_deadline() -> None:
    wire = service()
    wire.delays["PUT"] = 60.0
    assert post(wire, "/orders?sku=a", leave=0.05) is None
    assert SEQUENCE == wire.log
    assert wire.asked[-1].end is None


def test_out_of_time_after_a_write_tells_what_was_done() -> None:
    wire = service()
    wire.delays["PUT"] = 60.0
    problem = posted(wire, "/orders?sku=a").json()
    done = ["inventory.reserve", "orders.create", "orders.charge"]
    assert (504, "timeout", done) == (problem["status"], problem["cause"], problem["committed"])


def test_reads_see_the_state_on_their_side_of_a_write() -> None:
    """The two equal reads are not one: a write stands between them."""
    wire = service()
    response = posted(wire, "/states")
    assert {"id": 1, "state": "confirmed", "before": "open"} == response.json()
    assert ["GET /orders/1", "PUT /orders/1/confirmation", "GET /orders/1"] == wire.log


@pytest.mark.parametrize(
    ("accepted", "last"), [(True, ["PUT /orders/1/confirmation"]), (False, ["DELETE /reservations/1"])]
)
def test_a_write_in_a_branch_runs_only_where_that_is_taken(accepted: bool, last: list[str]) -> None:
    wire = service()
    wire.routes["POST /orders/(.*)/charge"] = saying({"id": 3, "accepted": accepted})
    assert 200 == posted(wire, "/charges?sku=a").status_code
    assert ["POST /orders", "POST /orders/1/charge", *last] == wire.log


def test_writes_for_items_go_out_one_after_another_and_a_failed_optional_one_is_passed_over() -> None:
    wire = service()
    wire.delays["POST /mails"] = 0.1
    wire.failures["POST /mails?to=b"] = 500
    response = posted(wire, "/mails", json=["a", "b", "c"])
    assert (200, 1) == (response.status_code, response.json())
    assert ["POST /mails?to=a", "POST /mails?to=b", "POST /mails?to=c", "GET /orders/1"] == wire.log
    assert [0.0, 0.1, 0.2, 0.3] == [pytest.approx(request.start - wire.asked[0].start) for request in wire.asked]


def test_a_required_write_for_an_item_that_fails_is_the_last() -> None:
    wire = service()
    wire.failures["POST /mails?to=b"] = 500
    problem = posted(wire, "/strictly", json=["a", "b", "c"]).json()
    assert (502, ["orders.mail"]) == (problem["status"], problem["committed"])
    assert ["POST /mails?to=a", "POST /mails?to=b"] == wire.log


def test_a_long_list_of_items_that_write_nothing_is_no_deep_stack() -> None:
    wire = service()
    assert 3000 == posted(wire, "/rarely", json=["y"] * 3000).json()
    assert [] == wire.log


def test_an_optional_write_may_fail_and_the_next_goes_on() -> None:
    wire = service()
    wire.failures["POST /mails"] = 500
    assert 200 == posted(wire, "/polite?sku=a").status_code
    assert ["POST /orders", "POST /mails?to=a", "PUT /orders/1/confirmation"] == wire.log


def test_an_optional_read_above_a_write_is_over_before_it_and_may_fail() -> None:
    wire = service()
    wire.delays["GET /stock"] = 0.3
    wire.failures["GET /stock"] = 500
    response = posted(wire, "/loosely?sku=a")
    assert (200, 0) == (response.status_code, response.json())
    assert ["GET /stock/a", "POST /orders"] == wire.log
    assert wire.asked[0].end == wire.asked[1].start


def keys(wire: Service) -> list[str | None]:
    return [request.headers.get("idempotency-key") for request in wire.asked]


@pytest.mark.parametrize("path", ["/orders", "/by-hand"])
def test_every_write_has_a_key_of_its_own_and_no_read_has_one(path: str) -> None:
    wire = service()
    posted(wire, f"{path}?sku=a")
    writes = [key for key in keys(wire) if key]
    assert 4 == len({*writes}) == len(writes)
    assert [None] == [key for key in keys(wire) if key is None] or path == "/by-hand"


def test_a_client_that_asks_again_with_its_key_has_the_same_keys_sent() -> None:
    def sent(key: str, path: str = "/orders?sku=a") -> list[str | None]:
        wire = service()
        posted(wire, path, headers={"idempotency-key": key})
        return keys(wire)

    assert sent("k1") == sent("k1")
    assert not {*sent("k1")} & {*sent("k2")} - {None}
    assert not {*sent("k1")} & {*sent("k1", "/by-hand?sku=a")} - {None}
    assert "k1" not in sent("k1")


def test_a_write_is_tried_again_with_the_same_key() -> None:
    wire = service()
    wire.failures["POST /orders"] = 503
    posted(wire, "/orders?sku=a", retry=Retry(attempts=3))
    tries = [request.headers["idempotency-key"] for request in wire.asked if str(request) == "POST /orders"]
    assert (3, 1) == (len(tries), len({*tries}))


def test_a_write_that_could_not_be_sent_leaves_the_page_free_to_stop() -> None:
    """A connection that is refused has written nothing: a client that then leaves stops the page at once."""
    wire = service()
    wire.failures["POST /reservations"] = httpx.ConnectError("refused")
    response = posted(wire, "/orders?sku=a")
    assert (502, "unreachable") == (response.status_code, response.json()["cause"])
    assert "committed" not in response.json()
