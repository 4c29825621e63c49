"""What `bff.testing` is to a type checker."""

from typing import assert_type

import httpx
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, endpoint
from bff.testing import FailureModes, Fakes, failure_modes, plan, run_virtual


class Product(BaseModel):
    id: int


class Catalog(Upstream):
    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...

    @call.get("/products", batch_of="product", key="id")
    def products(self, ids: list[int]) -> list[Product]: ...


class Card(Shape):
    id: int


class Mobile(ClientProfile):
    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        return Card.of(Catalog.product(product_id))


def of_number(product_id: int) -> Product:
    return Product(id=product_id)


async def of_number_later(product_id: int) -> Product:
    return Product(id=product_id)


def answers(fakes: Fakes) -> None:
    fakes.on(Catalog.product, product_id=7).returns(Product(id=7), {"id": 8}, of_number, of_number_later)
    fakes.on(Catalog.products).returns([Product(id=7)], headers={"cache-control": "max-age=1"}, after=0.1)
    fakes.on(Catalog.product).fails("timeout")
    fakes.on(Catalog.product).fails(503)
    fakes.on(Catalog.product).fails("status", 404)
    fakes.on(Catalog.product).fails("slow", seconds=1.0)


async def ask(fakes: Fakes, app: BFF) -> httpx.Response:
    async with fakes.client(app) as phone:
        assert_type(phone, httpx.AsyncClient)
        return await phone.get("/products/7")


def after(fakes: Fakes, app: BFF) -> None:
    assert_type(fakes.calls(Catalog.product), int)
    assert_type(run_virtual(ask(fakes, app)), httpx.Response)
    assert_type(failure_modes(app), FailureModes)
    assert plan(Mobile.product).calls == {Catalog.product}
    assert plan(Mobile, "product").required == {"Catalog.product"}
    assert Catalog.product in plan(Mobile.product).calls
