"""Shelf displays and other small devices: ids and availability, not a byte more."""

from collections.abc import Sequence
from typing import Protocol

from bff import BFF, ClientProfile, Shape, derived, each, endpoint, optional
from examples.services import Catalog, Inventory


class Availability(Shape):
    id: int
    available: bool | None


class Listed(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def sku(self) -> str: ...


class Stocked(Protocol):
    @property
    def sku(self) -> str: ...
    @property
    def available(self) -> int: ...


@derived
def availability(products: Sequence[Listed], stocks: Sequence[Stocked]) -> list[Availability]:
    """Match products with their stock; one that the inventory does not say anything about is `None`."""
    counts = {stock.sku: stock.available for stock in stocks}
    return [
        Availability(id=product.id, available=counts[product.sku] > 0 if product.sku in counts else None)
        for product in products
    ]


class Iot(ClientProfile):
    """Devices that poll: two fields a product, an answer at once or none."""

    deadline = 0.6
    expose = True

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Availability:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        return Availability.of(product, available=stock.available > 0)

    @endpoint.get("/search")
    def search(self, q: str) -> list[Availability]:
        products = Catalog.search(q).items
        stocks = optional(Inventory.stocks(each(products, lambda product: product.sku)), default=[])
        return availability(products, stocks)


app = BFF(Iot)
