"""What the three BFFs make of the services: what each request costs upstream, and what comes of an order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bff import BFF, ClientProfile, Upstream
from examples.iot_bff.app import Iot
from examples.mobile_bff.app import Mobile
from examples.services import Catalog, Inventory, Orders, Reviews
from examples.upstreams import catalog, inventory, orders, reviews
from examples.web_bff.app import Web
from tests.support.virtual import run

SERVICES: dict[type[Upstream], FastAPI] = {
    Catalog: catalog.app,
    Inventory: inventory.app,
    Orders: orders.app,
    Reviews: reviews.app,
}


@dataclass
class Shop:
    """The services behind one transport; it notes what they are asked, and those that are `down` cannot be reached."""

    down: Sequence[type[Upstream]] = ()
    asked: list[str] = field(default_factory=list[str])

    def ask(
        self, profile: type[ClientProfile], path: str, json: object = None, *, key: str | None = None
    ) -> httpx.Response:
        """Ask a BFF, with a body by POST."""

        async def main() -> httpx.Response:
            upstreams = {cls: {"transport": _Noting(self, cls)} for cls in SERVICES}
            app = httpx.ASGITransport(BFF(profile, upstreams=upstreams, observers=()))
            headers = {} if key is None else {"idempotency-key": key}
            async with httpx.AsyncClient(transport=app, base_url="http://bff") as client:
                return await client.request("GET" if json is None else "POST", path, json=json, headers=headers)

        return run(main())


class _Noting(httpx.AsyncBaseTransport):
    def __init__(self, shop: Shop, upstream: type[Upstream]) -> None:
        self.shop = shop
        self.upstream = upstream
        self.service = httpx.ASGITransport(SERVICES[upstream])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.upstream in self.shop.down:
            raise httpx.ConnectError("nobody listens")
        self.shop.asked.append(f"{request.method} {self.upstream.name}{request.url.path}")
        return await self.service.handle_async_request(request)


@pytest.fixture
def available() -> Any:
    """Return how many there are of product 7, and give back what a test keeps of it."""
    yield inventory.STOCKS["SKU-00007"].available
    for kept in inventory.RESERVATIONS.all():
        inventory.RESERVATIONS.remove(kept.id)


LISTS = [(Web, "/products?limit=50", 50), (Mobile, "/products", 4), (Iot, "/products?ids=7&ids=8", 2)]


class TestLists:
    @pytest.mark.parametrize(("profile", "path", "length"), LISTS)
    def test_a_list_costs_two_requests_however_long_it_is(
        self, profile: type[ClientProfile], path: str, length: int
    ) -> None:
        shop = Shop()
        reply = shop.ask(profile, path)
        assert (200, length) == (reply.status_code, len(reply.json()))
        assert ["GET catalog/products", "GET inventory/stock"] == shop.asked

    @pytest.mark.parametrize(("profile", "path", "length"), LISTS)
    def test_without_the_inventory_nobody_says_what_is_there(
        self, profile: type[ClientProfile], path: str, length: int
    ) -> None:
        reply = Shop(down=[Inventory]).ask(profile, path)
        field = "available" if profile is Iot else "in_stock"
        assert [None] * length == [line[field] for line in reply.json()]
        assert "cause=unreachable" in reply.headers["bff-partial"]

    def test_without_the_catalog_there_is_no_list(self) -> None:
        assert 502 == Shop(down=[Catalog]).ask(Web, "/products").status_code


class TestOrders:
    def test_an_order_is_written_in_the_order_of_the_text(self, available: int) -> None:
        shop = Shop()
        reply = shop.ask(Web, "/orders", {"product_id": 7, "quantity": 2, "card": "visa"})
        confirmation = reply.json()
        assert (201, "no-store") == (reply.status_code, reply.headers["cache-control"])
        assert {"amount": "338.40", "currency": "EUR"} == confirmation["total"]
        assert [
            "GET catalog/products/7",
            "POST inventory/reservations",
            "POST orders/orders",
            "POST orders/charges",
            f"POST orders/orders/{confirmation['id']}/confirm",
        ] == shop.asked

    def test_the_same_key_is_the_same_order(self, available: int) -> None:
        purchase = {"product_id": 7, "quantity": 3, "card": "visa"}
        first, again = (Shop().ask(Web, "/orders", purchase, key="the-same") for _ in range(2))
        assert (201, first.json()) == (again.status_code, again.json())
        assert [3] == [kept.quantity for kept in inventory.RESERVATIONS.all()]

    def test_a_declined_card_says_why_and_what_had_been_done(self, available: int) -> None:
        reply = Shop().ask(Web, "/orders", {"product_id": 7, "card": orders.DECLINED})
        assert (402, "card-declined") == (reply.status_code, reply.json()["cause"])
        assert ["inventory.reserve", "orders.create"] == reply.json()["committed"]

    def test_what_is_sold_out_is_refused_before_anything_is_done(self) -> None:
        shop = Shop()
        reply = shop.ask(Web, "/orders", {"product_id": 1, "card": "visa"})
        assert (409, "sold-out", False) == (reply.status_code, reply.json()["cause"], "committed" in reply.json())
        assert ["GET catalog/products/1", "POST inventory/reservations"] == shop.asked
