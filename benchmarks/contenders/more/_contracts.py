"""What the further cases read and show."""

from pydantic import BaseModel

from bff import Shape

__all__ = ["FANS", "Box", "Fan", "Item", "Joined", "Line", "Row", "Shelf", "Stock"]

FANS = (1, 3, 10, 30)
"""How many calls there are beside one another."""


class Item(BaseModel):
    """Something small."""

    id: int
    name: str
    value: int


class Row(BaseModel):
    """A line of something large."""

    id: int
    name: str
    text: str
    price: float
    tags: list[str]


class Box(BaseModel):
    """Something large."""

    size: int
    rows: list[Row]


class Line(BaseModel):
    """A thing on a shelf."""

    sku: str
    quantity: int


class Shelf(BaseModel):
    """A hundred things."""

    id: int
    lines: list[Line]


class Stock(BaseModel):
    """How many of a thing there are."""

    sku: str
    available: int


class Fan(Shape):
    """Small things, side by side."""

    items: list[Item]


class Joined(Shape):
    """A thing on a shelf, with how many there are."""

    sku: str
    quantity: int
    available: int
