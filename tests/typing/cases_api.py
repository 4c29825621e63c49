"""What the public API is to a type checker."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated, Protocol, assert_type

import httpx
from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel

from bff import (
    BFF,
    Bulkhead,
    CircuitBreaker,
    ClientProfile,
    Retry,
    Shape,
    Timeout,
    Upstream,
    call,
    caller,
    derived,
    each,
    endpoint,
    fallback,
    header,
    is_none,
    not_,
    now,
    optional,
    or_else,
    present,
    when,
)
from bff.ambassador import Ambassador, AmbassadorTransport


class Brand(BaseModel):
    name: str


class Product(BaseModel):
    id: int
    sku: str
    brand: Brand | None
    tags: list[str]


class NewProduct(Shape):
    name: str


class Catalog(Upstream):
    base_url = "http://localhost:9001"
    timeout = Timeout(total=1.0, per_try=0.3)
    retry = None
    breaker = CircuitBreaker(failure_rate=0.5)
    bulkhead = Bulkhead(limit=10)

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...

    @call.get("/products", batch_of="product", key="id", max_size=50)
    def products(self, ids: list[int], *, language: Annotated[str | None, Header()] = None) -> list[Product]: ...

    @call.post("/products", errors={409: "already-exists"}, retry=None, timeout=Timeout(2.0))
    def create(self, product: NewProduct) -> Product: ...

    @call.delete("/products/{product_id}")
    def remove(self, product_id: int) -> None: ...


class Card(Shape):
    id: int
    brand: str | None
    tags: list[str]


class Named(Protocol):
    @property
    def name(self) -> str: ...


@derived
def initials(brands: Sequence[Named], separator: str = "") -> str:
    return separator.join(brand.name[0] for brand in brands)


def the_class_form_gives_results() -> None:
    assert_type(Catalog.product(7), Product)
    assert_type(Catalog.product(product_id=7).sku, str)
    assert_type(Catalog.products([7], language="de"), list[Product])
    assert_type(Catalog.create(NewProduct(name="Kettle")), Product)


async def the_instance_form_is_awaited() -> None:
    async with Catalog(base_url="http://elsewhere:9001", retry=Retry(attempts=2), breaker=None) as catalog:
        assert_type(catalog, Catalog)
        assert_type(await catalog.product(7), Product)
        assert_type(catalog.product(7), Awaitable[Product])
        assert_type(await catalog.products(ids=[7]), list[Product])
        assert_type(await catalog.remove(7), None)


def the_words_of_an_endpoint_keep_types() -> None:
    product = Catalog.product(7)
    assert_type(optional(product), Product)
    assert_type(optional(Catalog.products([7]), default=[]), list[Product])
    assert_type(present(product.brand).name, str)
    assert_type(or_else(product.brand, Brand(name="none")), Brand)
    assert_type(is_none(product.brand), bool)
    assert_type(not_(is_none(product.brand)), bool)
    assert_type(header("accept-language"), str | None)
    assert_type(now(), datetime)
    assert_type(each(product.tags, len), list[int])
    assert_type(each([product], Card.of), list[Card])
    assert_type(each([product], lambda item: Card.of(item, brand=present(item.brand).name)), list[Card])
    assert_type(initials([present(product.brand)], separator="."), str)


def branches_keep_types() -> None:
    product = Catalog.product(7)
    is_new = is_none(product.brand)
    assert_type(when(is_new, product.sku, product.sku), str)
    assert_type(when(is_new, lambda: product.sku, product.sku), str)
    assert_type(when(is_new, product.sku, lambda: product.sku), str)
    assert_type(when(is_new, lambda: product.sku, lambda: product.sku), str)
    assert_type(when(is_new, product, None), Product | None)
    assert_type(when(is_new, lambda: product, None), Product | None)
    assert_type(when(is_new, None, lambda: product.id), int | None)
    assert_type(when(is_new, product.id, product.sku), int | str)
    assert_type(when(is_new, lambda: product.id, lambda: product.sku), int | str)
    assert_type(when(is_new, lambda: Catalog.create(NewProduct(name="Kettle")), product), Product)


def alternatives_keep_types() -> None:
    product = Catalog.product(7)
    assert_type(fallback(product, lambda: Catalog.product(8)), Product)
    assert_type(fallback(lambda: Catalog.product(7), lambda: Catalog.product(8)), Product)
    assert_type(fallback(product, None), Product | None)
    assert_type(fallback(lambda: product, None), Product | None)
    assert_type(fallback(product.id, product.sku), int | str)
    assert_type(fallback(product.sku, lambda: Catalog.product(8).sku, "none"), str)
    assert_type(each([product], lambda item: fallback(item.sku, lambda: product.sku)), list[str])


def shapes_are_models() -> None:
    assert_type(Card.of(Catalog.product(7), brand="Kestrel"), Card)
    assert_type(Card(id=7, brand=None, tags=[]), Card)


async def user() -> str:
    return "ada"


class Mobile(ClientProfile):
    deadline = 0.8
    expose = True
    image_width = 640

    @endpoint.get("/products/{product_id}", tags=["products"], summary="One product")
    def product(self, product_id: int) -> Card:
        assert_type(self.image_width, int)
        return Card.of(Catalog.product(product_id))

    @endpoint.post("/products", status_code=201)
    async def create(self, product: NewProduct, catalog: Catalog, who: Annotated[str, Depends(user)]) -> Card:
        created = await catalog.create(product)
        assert_type(created, Product)
        return Card.of(created, brand=who)


class Tablet(Mobile):
    image_width = 1280

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        return Card.of(Catalog.product(product_id), tags=[])


class Member(BaseModel):
    name: str


def member() -> Member:
    return Member(name="ada")


class App(Mobile):
    header = ("x-client", "app")
    host = "m.example.com"
    identify = member
    naming = "camel"
    omit_none = True
    max_items = 20
    trusted_peer = ("10.0.0.0/8",)
    on_partial = "fail"

    @endpoint.get("/me")
    def me(self) -> str:
        who: Member = caller
        return who.name


class AppV2(App):
    header = ("x-app-version", ">=2")
    naming = "snake"
    max_items = 50
    on_partial = "degrade"


async def decorators_of_endpoints_keep_types() -> None:
    assert_type(Mobile().product(7), Card)
    assert_type(await Mobile().create(NewProduct(name="Kettle"), Catalog(), "ada"), Card)


def an_app_is_a_fastapi_app() -> FastAPI:
    existing = FastAPI()
    existing.include_router(Mobile.router())
    return BFF(Mobile, Tablet, upstreams={Catalog: "http://catalog:8000"})


async def the_ambassador_stands_alone() -> None:
    async with Ambassador("http://catalog:8000", timeout=Timeout(total=1.0), retry=Retry(attempts=3)) as catalog:
        response = await catalog.get("/products/7")
        assert_type(response.status, int)
        assert_type(response.content, bytes)
    async with httpx.AsyncClient(transport=AmbassadorTransport(retry=Retry(attempts=3))) as client:
        await client.get("http://catalog:8000/products/7")
