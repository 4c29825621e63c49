"""The inventory: how many of each stock keeping unit lie in which warehouse."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from pydantic import BaseModel

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

app = service("Inventory")


@app.get("/stock/{sku}", response_model=Stock)
async def stock(request: Request, sku: str) -> Response:
    """Return the stock of one unit."""
    if sku not in STOCKS:
        raise HTTPException(404, f"There is no stock keeping unit {sku}.")
    return answer(request, STOCKS[sku], max_age=MAX_AGE)


@app.get("/stock", response_model=list[Stock])
async def stocks(request: Request, skus: Annotated[list[str], Query(max_length=100)]) -> Response:
    """Return the stock of several units, without those that do not exist."""
    found = [STOCKS[sku] for sku in dict.fromkeys(skus) if sku in STOCKS]
    return answer(request, found, max_age=MAX_AGE)
