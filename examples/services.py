"""What the BFFs call, as they see it: contracts name the fields that matter here, and nothing else."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from bff import Shape, Timeout, Upstream, call

__all__ = [
    "Attribute",
    "Brand",
    "Catalog",
    "Charge",
    "Found",
    "Image",
    "Inventory",
    "Money",
    "NewCharge",
    "NewOrder",
    "NewReservation",
    "Order",
    "Orders",
    "Product",
    "Reservation",
    "Review",
    "Reviews",
    "Stock",
]


class Money(BaseModel):
    """An amount with its currency; never a float."""

    amount: Decimal
    currency: str


class Brand(BaseModel):
    """Who makes a product."""

    name: str
    url: str


class Image(BaseModel):
    """One size of one view of a product."""

    view: str
    url: str
    width: int
    height: int


class Attribute(BaseModel):
    """One line of a product's data sheet."""

    name: str
    value: str


class Product(BaseModel):
    """A product as the catalog team promises it."""

    id: int
    sku: str
    name: str
    category: str
    brand: Brand | None
    price: Money
    description: str
    images: list[Image]
    attributes: list[Attribute]


class Found(BaseModel):
    """What a search found: how many in all, and the first of them."""

    total: int
    items: list[Product]


class Review(BaseModel):
    """What a customer wrote."""

    id: int
    product_id: int
    rating: int
    title: str
    text: str
    author: str
    written_on: date


class Stock(BaseModel):
    """How many of one stock keeping unit can be sold."""

    sku: str
    available: int
    next_delivery: date | None


class NewReservation(Shape):
    """What is to be kept for a customer; a Shape, because an endpoint fills it."""

    sku: str
    quantity: int


class Reservation(BaseModel):
    """What is kept."""

    id: int
    sku: str
    quantity: int


class NewOrder(Shape):
    """What a customer wants to have."""

    sku: str
    quantity: int
    unit_price: Money
    reservation_id: int


class Order(BaseModel):
    """An order, and how far it has come."""

    id: int
    status: Literal["open", "paid", "confirmed"]
    sku: str
    quantity: int
    total: Money


class NewCharge(Shape):
    """Whose money is to be taken, and for what."""

    order_id: int
    card: str


class Charge(BaseModel):
    """What was taken."""

    id: int
    order_id: int
    amount: Money


class Catalog(Upstream):
    """Products, as the catalog team serves them."""

    base_url = "http://127.0.0.1:9001"
    timeout = Timeout(total=1.0, per_try=0.4)

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...

    @call.get("/products", batch_of="product", key="id")
    def products(self, ids: list[int]) -> list[Product]: ...

    @call.get("/products")
    def list_products(self, limit: int = 20, offset: int = 0) -> list[Product]: ...

    @call.get("/products/search")
    def search(self, q: str, limit: int = 20) -> Found: ...


class Reviews(Upstream):
    """What customers say, as the community team serves it."""

    base_url = "http://127.0.0.1:9002"
    timeout = Timeout(total=0.5, per_try=0.3)

    @call.get("/products/{product_id}/reviews")
    def of_product(self, product_id: int, limit: int = 20) -> list[Review]: ...


class Inventory(Upstream):
    """What can be sold, as the warehouse team serves it."""

    base_url = "http://127.0.0.1:9003"
    timeout = Timeout(total=0.5, per_try=0.3)

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...

    @call.get("/stock", batch_of="stock", key="sku")
    def stocks(self, skus: list[str]) -> list[Stock]: ...

    @call.post("/reservations", errors={409: "sold-out"})
    def reserve(self, reservation: NewReservation) -> Reservation: ...

    @call.delete("/reservations/{reservation_id}")
    def release(self, reservation_id: int) -> None: ...


class Orders(Upstream):
    """What is ordered and paid for, as the checkout team serves it."""

    base_url = "http://127.0.0.1:9004"
    timeout = Timeout(total=1.0, per_try=0.4)

    @call.get("/orders/{order_id}")
    def order(self, order_id: int) -> Order: ...

    @call.post("/orders")
    def create(self, order: NewOrder) -> Order: ...

    @call.post("/charges", errors={402: "card-declined", 409: "already-paid"})
    def charge(self, charge: NewCharge) -> Charge: ...

    @call.post("/orders/{order_id}/confirm", errors={409: "not-paid"})
    def confirm(self, order_id: int) -> Order: ...
