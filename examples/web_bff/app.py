"""Browsers: everything about a product, in high resolution."""

from collections.abc import Sequence
from datetime import date

from bff import BFF, ClientProfile, Shape, derived, each, endpoint, optional, present
from examples.services import Attribute, Catalog, Image, Inventory, Money, Reviews


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


@derived
def sharpest(images: Sequence[Image]) -> list[Image]:
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
