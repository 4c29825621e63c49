"""The inventory: how many of each stock keeping unit lie in which warehouse, and for whom some are kept."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from examples.upstreams._ledger import IdempotencyKey, Ledger
from examples.upstreams._service import answer, service
from examples.upstreams._shop import PRODUCT_IDS, random_for, sku_of

__all__ = ["app"]

MAX_AGE = 5
WAREHOUSES = ("Rotterdam", "Leipzig", "Poznan", "Lyon")
NEXT_DELIVERY = date(2026, 7, 6)


class Shelf(BaseModel):
    warehouse: str
    quantity: int


class Stock(BaseModel):
    sku: str
    available: int
    shelves: list[Shelf]
    next_delivery: date | None


class NewReservation(BaseModel):
    sku: str
    quantity: int = Field(ge=1)


class Reservation(NewReservation):
    id: int


def _stock(product_id: int) -> Stock:
    random = random_for("inventory", product_id)
    is_sold_out = random.random() < 0.2  # noqa: PLR2004 - every fifth
    quantities = [0 if is_sold_out else random.randint(0, 40) for _ in WAREHOUSES]
    return Stock(
        sku=sku_of(product_id),
        available=sum(quantities),
        shelves=[Shelf(warehouse=name, quantity=count) for name, count in zip(WAREHOUSES, quantities, strict=True)],
        next_delivery=NEXT_DELIVERY + timedelta(days=random.randint(0, 30)) if is_sold_out else None,
    )


STOCKS = {sku_of(product_id): _stock(product_id) for product_id in PRODUCT_IDS}
RESERVATIONS = Ledger[Reservation]("reservation")

app = service("Inventory")


def _now(sku: str) -> Stock:
    """Return the stock of a unit less what is reserved of it."""
    if sku not in STOCKS:
        raise HTTPException(404, f"There is no stock keeping unit {sku}.")
    reserved = sum(kept.quantity for kept in RESERVATIONS.all() if kept.sku == sku)
    stock = STOCKS[sku]
    return stock.model_copy(update={"available": stock.available - reserved})


@app.get("/stock/{sku}", response_model=Stock)
async def stock(request: Request, sku: str) -> Response:
    """Return the stock of one unit."""
    return answer(request, _now(sku), max_age=MAX_AGE)


@app.get("/stock", response_model=list[Stock])
async def stocks(request: Request, skus: Annotated[list[str], Query(max_length=100)]) -> Response:
    """Return the stock of several units, without those that do not exist."""
    found = [_now(sku) for sku in dict.fromkeys(skus) if sku in STOCKS]
    return answer(request, found, max_age=MAX_AGE)


@app.post("/reservations")
async def reserve(wanted: NewReservation, response: Response, idempotency_key: IdempotencyKey = None) -> Reservation:
    """Keep some of a unit for a customer; the same `Idempotency-Key` keeps them once."""

    def make(number: int) -> Reservation:
        stock = _now(wanted.sku)
        if stock.available < wanted.quantity:
            raise HTTPException(409, f"There are {stock.available} of {wanted.sku} left.")
        return Reservation(**dict(wanted), id=number)

    return RESERVATIONS.write(wanted, make, key=idempotency_key, response=response)


@app.delete("/reservations/{reservation_id}", status_code=204)
async def release(reservation_id: int) -> None:
    """Give back what was kept."""
    RESERVATIONS.remove(reservation_id)
