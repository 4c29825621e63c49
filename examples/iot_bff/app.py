"""Shelf displays and other small devices: ids and availability, not a byte more."""

from typing import Annotated

from fastapi import Query

from bff import BFF, ClientProfile, Shape, each, endpoint, optional
from examples.services import Catalog, Inventory, Product


class Availability(Shape):
    id: int
    available: bool | None


def availability(product: Product) -> Availability:
    """Join a product with its stock; where the inventory does not say anything about it, that is `None`."""
    return Availability.of(product, available=optional(Inventory.stock(product.sku)).available > 0)


class Iot(ClientProfile):
    """Devices that poll: two fields a product, an answer at once or none."""

    deadline = 0.6
    expose = True

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Availability:
        return availability(Catalog.product(product_id))

    @endpoint.get("/products")
    def products(self, ids: Annotated[list[int], Query(max_length=50)]) -> list[Availability]:
        return each(Catalog.products(ids), availability)

    @endpoint.get("/search")
    def search(self, q: str) -> list[Availability]:
        return each(Catalog.search(q).items, availability)


app = BFF(Iot)
