"""The orders: what customers want to have, and whether they have paid for it."""

from decimal import Decimal
from typing import Literal

from fastapi import HTTPException, Request, Response
from pydantic import BaseModel, Field

from examples.upstreams._ledger import IdempotencyKey, Ledger
from examples.upstreams._service import answer, service

__all__ = ["app"]

MAX_AGE = 0
DECLINED = "card-declined"  # the one card that no bank accepts


class Money(BaseModel):
    amount: Decimal
    currency: str


class NewOrder(BaseModel):
    sku: str
    quantity: int = Field(ge=1)
    unit_price: Money
    reservation_id: int


class Order(NewOrder):
    id: int
    status: Literal["open", "paid", "confirmed"]
    total: Money


class NewCharge(BaseModel):
    order_id: int
    card: str


class Charge(NewCharge):
    id: int
    amount: Money


ORDERS = Ledger[Order]("order")
CHARGES = Ledger[Charge]("charge")

app = service("Orders")


@app.post("/orders")
async def create(wanted: NewOrder, response: Response, idempotency_key: IdempotencyKey = None) -> Order:
    """Open an order; the same `Idempotency-Key` gives the same order."""

    def make(number: int) -> Order:
        price = wanted.unit_price
        total = Money(amount=price.amount * wanted.quantity, currency=price.currency)
        return Order(**dict(wanted), id=number, status="open", total=total)

    return ORDERS.write(wanted, make, key=idempotency_key, response=response)


@app.get("/orders/{order_id}", response_model=Order)
async def order(request: Request, order_id: int) -> Response:
    """Return one order."""
    return answer(request, ORDERS.find(order_id), max_age=MAX_AGE)


@app.post("/charges")
async def charge(wanted: NewCharge, response: Response, idempotency_key: IdempotencyKey = None) -> Charge:
    """Take the money for an order; the same `Idempotency-Key` takes it once."""

    def make(number: int) -> Charge:
        order = ORDERS.find(wanted.order_id)
        if order.status != "open":
            raise HTTPException(409, f"Order {order.id} has been paid for.")
        if wanted.card == DECLINED:
            raise HTTPException(402, "The card was declined.")
        ORDERS.replace(order.id, order.model_copy(update={"status": "paid"}))
        return Charge(**dict(wanted), id=number, amount=order.total)

    return CHARGES.write(wanted, make, key=idempotency_key, response=response)


@app.post("/orders/{order_id}/confirm")
async def confirm(order_id: int) -> Order:
    """Confirm an order that is paid for; to confirm it again changes nothing."""
    order = ORDERS.find(order_id)
    if order.status == "open":
        raise HTTPException(409, f"Order {order.id} has not been paid for.")
    return ORDERS.replace(order_id, order.model_copy(update={"status": "confirmed"}))
