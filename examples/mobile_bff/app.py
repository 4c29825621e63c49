"""Phones: a light card with one image that fits the screen."""

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import Query

from bff import BFF, ClientProfile, Shape, derived, each, endpoint, optional
from examples.services import Catalog, Inventory, Money, Reviews


class ReviewLine(Shape):
    rating: int
    title: str


class Hit(Shape):
    id: int
    name: str
    price: Money
    thumbnail: str | None


class Tile(Hit):
    in_stock: bool | None


class ProductCard(Tile):
    reviews: list[ReviewLine]


class Hits(Shape):
    total: int
    items: list[Hit]


class Sized(Protocol):
    """All that `fit` reads of an image, so all that is decoded."""

    @property
    def url(self) -> str: ...
    @property
    def width(self) -> int: ...


@derived
def fit(images: Sequence[Sized], width: int) -> str | None:
    """Return the smallest image that fills `width` pixels, else the widest there is."""
    wide_enough = [image for image in images if image.width >= width]
    if wide_enough:
        return min(wide_enough, key=lambda image: image.width).url
    return max(images, key=lambda image: image.width).url if images else None


class Mobile(ClientProfile):
    """Phones: small answers, a tight deadline."""

    deadline = 0.8
    expose = True
    image_width = 640
    tiles_shown = 4

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> ProductCard:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        reviews = optional(Reviews.of_product(product_id, limit=3), default=[])
        return ProductCard.of(
            product,
            thumbnail=fit(product.images, self.image_width),
            in_stock=stock.available > 0,
            reviews=each(reviews, ReviewLine.of),
        )

    @endpoint.get("/products")
    def products(self, offset: Annotated[int, Query(ge=0)] = 0) -> list[Tile]:
        return each(
            Catalog.list_products(self.tiles_shown, offset),
            lambda product: Tile.of(
                product,
                thumbnail=fit(product.images, self.image_width),
                in_stock=optional(Inventory.stock(product.sku)).available > 0,
            ),
        )

    @endpoint.get("/search")
    def search(self, q: str) -> Hits:
        found = Catalog.search(q)
        return Hits.of(
            found,
            items=each(found.items, lambda hit: Hit.of(hit, thumbnail=fit(hit.images, self.image_width))),
        )


app = BFF(Mobile)
