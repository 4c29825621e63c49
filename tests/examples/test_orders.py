"""The services that take writes: what is kept, ordered and paid for, and what a key does."""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from examples.upstreams import inventory, orders
from tests.support.virtual import run

KEYS = itertools.count()
LAMP = {"sku": "SKU-00007", "quantity": 2, "unit_price": {"amount": "12.50", "currency": "EUR"}, "reservation_id": 1}


def send(app: FastAPI, method: str, path: str, json: object = None, *, key: str | None = None) -> httpx.Response:
    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        headers = {} if key is None else {"idempotency-key": key}
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, json=json, headers=headers)

    return run(main())


def post(app: FastAPI, path: str, json: object = None, *, key: str | None = None) -> httpx.Response:
    return send(app, "POST", path, json, key=key)


@pytest.fixture
def key() -> str:
    """Return a key that nobody has used."""
    return f"key-{next(KEYS)}"


@pytest.fixture
def order_id() -> int:
    """Return the number of an order that nobody has paid for."""
    number: int = post(orders.app, "/orders", LAMP).json()["id"]
    return number


@pytest.fixture
def available() -> Iterator[int]:
    """Return how many there are of the lamp, and give back what a test keeps of it."""
    yield send(inventory.app, "GET", "/stock/SKU-00007").json()["available"]
    for kept in inventory.RESERVATIONS.all():
        inventory.RESERVATIONS.remove(kept.id)


class TestReservations:
    def test_what_is_kept_is_not_available_until_it_is_given_back(self, available: int) -> None:
        kept = post(inventory.app, "/reservations", {"sku": "SKU-00007", "quantity": 3})
        assert 201 == kept.status_code
        assert available - 3 == send(inventory.app, "GET", "/stock/SKU-00007").json()["available"]
        assert 204 == send(inventory.app, "DELETE", f"/reservations/{kept.json()['id']}").status_code
        assert available == send(inventory.app, "GET", "/stock?skus=SKU-00007").json()[0]["available"]

    def test_more_than_there_are_is_a_conflict_and_keeps_nothing(self, available: int) -> None:
        wanted = {"sku": "SKU-00007", "quantity": available + 1}
        assert 409 == post(inventory.app, "/reservations", wanted).status_code
        assert 201 == post(inventory.app, "/reservations", {**wanted, "quantity": available}).status_code
        assert 409 == post(inventory.app, "/reservations", {**wanted, "quantity": 1}).status_code

    def test_the_same_key_keeps_once(self, available: int, key: str) -> None:
        wanted = {"sku": "SKU-00007", "quantity": 1}
        first = post(inventory.app, "/reservations", wanted, key=key)
        again = post(inventory.app, "/reservations", wanted, key=key)
        assert (201, 200, first.json()) == (first.status_code, again.status_code, again.json())
        assert available - 1 == send(inventory.app, "GET", "/stock/SKU-00007").json()["available"]

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [("POST", "/reservations", {"sku": "SKU-99999", "quantity": 1}), ("DELETE", "/reservations/999", None)],
    )
    def test_what_does_not_exist_is_a_404(self, method: str, path: str, body: object) -> None:
        assert 404 == send(inventory.app, method, path, body).status_code


class TestOrders:
    def test_an_order_is_opened_paid_for_and_confirmed(self) -> None:
        opened = post(orders.app, "/orders", LAMP)
        assert 201 == opened.status_code
        order = opened.json()
        total = {"amount": "25.00", "currency": "EUR"}
        assert ("open", total) == (order["status"], order["total"])
        charge = post(orders.app, "/charges", {"order_id": order["id"], "card": "visa"})
        assert (201, total) == (charge.status_code, charge.json()["amount"])
        assert "paid" == send(orders.app, "GET", f"/orders/{order['id']}").json()["status"]
        confirmed = post(orders.app, f"/orders/{order['id']}/confirm")
        assert {**order, "status": "confirmed"} == confirmed.json()
        assert confirmed.json() == post(orders.app, f"/orders/{order['id']}/confirm").json()

    def test_the_same_key_gives_the_same_order(self, key: str) -> None:
        first, again = post(orders.app, "/orders", LAMP, key=key), post(orders.app, "/orders", LAMP, key=key)
        assert (201, 200, first.json()) == (first.status_code, again.status_code, again.json())

    def test_without_a_key_every_request_is_another_order(self) -> None:
        first, again = post(orders.app, "/orders", LAMP), post(orders.app, "/orders", LAMP)
        assert first.json()["id"] + 1 == again.json()["id"]

    def test_a_key_is_for_one_request(self, key: str) -> None:
        post(orders.app, "/orders", LAMP, key=key)
        assert 422 == post(orders.app, "/orders", {**LAMP, "quantity": 3}, key=key).status_code

    def test_an_order_that_is_not_paid_for_is_not_confirmed(self, order_id: int) -> None:
        assert 409 == post(orders.app, f"/orders/{order_id}/confirm").status_code

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "/orders/999", None),
            ("POST", "/orders/999/confirm", None),
            ("POST", "/charges", {"order_id": 999, "card": "visa"}),
        ],
    )
    def test_what_does_not_exist_is_a_404(self, method: str, path: str, body: object) -> None:
        assert 404 == send(orders.app, method, path, body).status_code


class TestCharges:
    def test_a_declined_card_leaves_the_order_open_for_another_one(self, order_id: int, key: str) -> None:
        wanted = {"order_id": order_id, "card": orders.DECLINED}
        assert 402 == post(orders.app, "/charges", wanted, key=key).status_code
        assert "open" == send(orders.app, "GET", f"/orders/{order_id}").json()["status"]
        assert 201 == post(orders.app, "/charges", {**wanted, "card": "visa"}, key=key).status_code

    def test_an_order_is_paid_for_once(self, order_id: int, key: str) -> None:
        wanted = {"order_id": order_id, "card": "visa"}
        first, again = post(orders.app, "/charges", wanted, key=key), post(orders.app, "/charges", wanted, key=key)
        assert (201, 200, first.json()) == (first.status_code, again.status_code, again.json())
        assert 409 == post(orders.app, "/charges", wanted).status_code


@pytest.mark.parametrize("app", [inventory.app, orders.app])
def test_a_service_that_takes_writes_misbehaves_as_the_others_do(app: FastAPI) -> None:
    send(app, "PUT", "/_knobs", {"error_rate": 1})
    assert 500 == send(app, "GET", "/orders/1").status_code
    send(app, "PUT", "/_knobs", {})
