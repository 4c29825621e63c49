"""Browsers: everything about a product, in high resolution, and a way to buy it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from bff import BFF, ClientProfile, Shape, derived, each, endpoint, optional, present
from examples.services import (
    Attribute,
    Catalog,
    Inventory,
    Money,
    NewCharge,
    NewOrder,
    NewReservation,
    Orders,
    Reviews,
)


class Picture(Shape):
    view: str
    url: str
    width: int
    height: int


class ReviewText(Shape):
    rating: int
    title: str
    text: str
    author: str
    written_on: date


class Hit(Shape):
    id: int
    name: str
    brand: str | None
    price: Money
    images: list[Picture]


class ProductPage(Hit):
    description: str
    attributes: list[Attribute]
    available: int | None
    next_delivery: date | None
    reviews: list[ReviewText]


class Hits(Shape):
    total: int
    items: list[Hit]


class ProductLine(Shape):
    id: int
    name: str
    brand: str | None
    price: Money
    in_stock: bool | None


class Purchase(BaseModel):
    """What a browser sends to buy something."""

    product_id: int
    quantity: int = Field(1, ge=1, le=10)
    card: str


class Confirmation(Shape):
    id: int
    status: str
    quantity: int
    total: Money


class Sized(Protocol):
    """All that `sharpest` reads of an image; what else is decoded, its callers say."""

    @property
    def view(self) -> str: ...
    @property
    def width(self) -> int: ...


AnySized = TypeVar("AnySized", bound=Sized)


@derived
def sharpest(images: Sequence[AnySized]) -> list[AnySized]:
    """Return the largest size of every view, in the order of the views."""
    return list({image.view: image for image in sorted(images, key=lambda image: image.width)}.values())


class Web(ClientProfile):
    """Browsers: rich pages, a relaxed deadline."""

    deadline = 2.0
    expose = True
    reviews_shown = 10

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> ProductPage:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        reviews = optional(Reviews.of_product(product_id, limit=self.reviews_shown), default=[])
        return ProductPage.of(
            product,
            brand=present(product.brand).name,
            images=each(sharpest(product.images), Picture.of),
            available=stock.available,
            next_delivery=stock.next_delivery,
            reviews=each(reviews, ReviewText.of),
        )

    @endpoint.get("/products")
    def products(
        self, limit: Annotated[int, Query(ge=1, le=100)] = 20, offset: Annotated[int, Query(ge=0)] = 0
    ) -> list[ProductLine]:
        return each(
            Catalog.list_products(limit, offset),
            lambda product: ProductLine.of(
                product,
                brand=present(product.brand).name,
                in_stock=optional(Inventory.stock(product.sku)).available > 0,  # one request for all of them
            ),
        )

    @endpoint.post("/orders", status_code=201)
    def order(self, wanted: Purchase) -> Confirmation:
        product = Catalog.product(wanted.product_id)
        reservation = Inventory.reserve(NewReservation(sku=product.sku, quantity=wanted.quantity))
        order = Orders.create(
            NewOrder(
                sku=product.sku,
                quantity=wanted.quantity,
                unit_price=product.price,
                reservation_id=reservation.id,
            )
        )
        Orders.charge(NewCharge(order_id=order.id, card=wanted.card))
        return Confirmation.of(Orders.confirm(order.id))

    @endpoint.get("/search")
    def search(self, q: str) -> Hits:
        found = Catalog.search(q)
        return Hits(
            total=found.total,
            items=each(
                found.items,
                lambda product: Hit.of(
                    product,
                    brand=present(product.brand).name,
                    images=each(sharpest(product.images), Picture.of),
                ),
            ),
        )


app = BFF(Web)
