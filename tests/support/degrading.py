"""A page on three upstreams that each fail in a way of their own, for tests of what comes of it."""

from typing import Annotated

from pydantic import BaseModel, Field

from bff import BFF, ClientProfile, Retry, Shape, Timeout, Upstream, call, each, endpoint, optional


class Stock(BaseModel):
    sku: str
    available: int


class Product(BaseModel):
    id: int
    sku: str
    name: str


class Review(BaseModel):
    product_id: int
    rating: Annotated[int, Field(ge=3, le=5)]


class Catalog(Upstream):
    base_url = "http://catalog.test"
    timeout = Timeout(total=1.0, per_try=0.4)

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...


class Inventory(Upstream):
    base_url = "http://inventory.test"
    timeout = Timeout(total=0.5, per_try=0.3)
    retry = None

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...

    @call.get("/stock", batch_of="stock")
    def stocks(self, skus: list[str]) -> list[Stock]: ...


class Reviews(Upstream):
    base_url = "http://reviews.test"
    timeout = Timeout(total=0.5, per_try=0.2)
    retry = Retry(attempts=2, wait=lambda _: 0.1)

    @call.get("/reviews")
    def of_product(self, product_id: int) -> list[Review]: ...


class Line(Shape):
    product_id: int
    rating: int


class Card(Shape):
    id: int
    name: str
    available: int | None
    reviews: list[Line]


class Phone(ClientProfile):
    deadline = 0.9

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        reviews = optional(Reviews.of_product(product_id), default=[])
        return Card.of(product, available=stock.available, reviews=each(reviews, Line.of))


app = BFF(Phone, observers=())
