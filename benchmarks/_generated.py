"""Apps of any size, as text: upstreams with their contracts, and profiles whose pages read a part of them."""

from pathlib import Path
from textwrap import dedent

A_PROFILE = 250  # endpoints
AN_UPSTREAM = 25  # endpoints: an app that grows calls more services
FIELDS = 10
A_LIST = 5  # endpoints for one that is a list with a join

_SERVICE = """\
class Price{n}(BaseModel):
    amount: Decimal
    currency: str


class Photo{n}(BaseModel):
    url: str
    width: int
    height: int


class Item{n}(BaseModel):
    id: int
    sku: str
    name: str
    kind: str
    price: Price{n}
    description: str
    maker: str | None
    photos: list[Photo{n}]
    score: float
    sold: int
    since: date
    note: str | None


class Stock{n}(BaseModel):
    sku: str
    available: int
    place: str
    due: date | None


class Note{n}(BaseModel):
    id: int
    item_id: int
    stars: int
    title: str
    text: str
    author: str


class Service{n}(Upstream):
    base_url = "http://127.0.0.1:9"

    @call.get("/items/{{item_id}}")
    def item(self, item_id: int) -> Item{n}: ...

    @call.get("/items")
    def items(self, limit: int = 20) -> list[Item{n}]: ...

    @call.get("/stock/{{sku}}")
    def stock(self, sku: str) -> Stock{n}: ...

    @call.get("/stock", batch_of="stock", key="sku")
    def stocks(self, sku: list[str]) -> list[Stock{n}]: ...

    @call.get("/items/{{item_id}}/notes")
    def notes(self, item_id: int, limit: int = 10) -> list[Note{n}]: ...
"""

# Fields of an item that a page may show, besides those that every page has.
_SHOWN = {
    "sku": "str",
    "kind": "str",
    "description": "str",
    "maker": "str | None",
    "score": "float",
    "sold": "int",
    "since": "date",
    "note": "str | None",
}
_MADE = 7  # fields that are no plain copies of an item's

_SHAPES = """\
class Line{n}(Shape):
    stars: int
    title: str


class Page{n}(Shape):
    id: int
    name: str
    price: {service}.Price{up}
{shown}
    available: int | None
    due: date | None
    is_known: bool
    notes: list[Line{n}]
"""

_PAGE = """\
    @endpoint.get("/pages-{n}/{{item_id}}")
    def page_{n}(self, item_id: int) -> Page{n}:
        item = Service{up}.item(item_id)
        stock = optional(Service{other}.stock(item.sku))
        notes = optional(Service{up}.notes(item_id, limit=3), default=[])
        return Page{n}.of(
            item,
            available=stock.available,
            due=stock.due,
            is_known=item.sold > 0,
            notes=each(notes, Line{n}.of),
        )
"""

_LIST = """\
    @endpoint.get("/pages-{n}")
    def page_{n}(self, limit: int = 20) -> list[Page{n}]:
        return each(
            Service{up}.items(limit),
            lambda item: Page{n}.of(
                item,
                available=optional(Service{other}.stock(item.sku)).available,
                due=optional(Service{other}.stock(item.sku)).due,
                is_known=item.sold > 0,
                notes=each(optional(Service{up}.notes(item.id, limit=3), default=[]), Line{n}.of),
            ),
        )
"""

_IMPORTS = """\
from datetime import date
from decimal import Decimal

from pydantic import BaseModel

from bff import ClientProfile, Shape, Upstream, call, each, endpoint, optional
"""


def write_app(folder: Path, endpoints: int) -> None:
    """
    Write `services`, `profile_0` and so on, and `made`, which has the `profiles` of an app of so many endpoints.

    A page has ten fields and three calls, two of which it can do without; every fifth one is a list with a join.
    """
    services = -(-endpoints // AN_UPSTREAM) + 1
    text = [_IMPORTS, *(_SERVICE.format(n=n) for n in range(services))]
    (folder / "services.py").write_text("\n\n".join(text))
    names: list[str] = []
    for start in range(0, endpoints, A_PROFILE):
        name = f"Profile{start // A_PROFILE}"
        names.append(name)
        numbers = range(start, min(start + A_PROFILE, endpoints))
        (folder / f"{name.lower()}.py").write_text(_profile(name, numbers, services))
    imports = "\n".join(f"from {name.lower()} import {name}" for name in names)
    (folder / "made.py").write_text(f"{imports}\n\nprofiles = ({', '.join(names)},)\n")


def _profile(name: str, numbers: range, services: int) -> str:
    shapes: list[str] = []
    pages: list[str] = []
    for n in numbers:
        up, other = n % (services - 1), n % (services - 1) + 1
        first = n // AN_UPSTREAM
        known = [*_SHOWN.items()]
        shown = [known[(first + place) % len(known)] for place in range(FIELDS - _MADE)]
        lines = "\n".join(f"    {field}: {tp}" for field, tp in shown)
        shapes.append(_SHAPES.format(n=n, up=up, service="services", shown=lines))
        pages.append((_LIST if n % A_LIST == A_LIST - 1 else _PAGE).format(n=n, up=up, other=other))
    head = dedent(_IMPORTS) + "\nimport services\nfrom services import *\n"
    body = f'class {name}(ClientProfile):\n    prefix = "/{name.lower()}"\n\n' + "\n".join(pages)
    return "\n\n".join([head, *shapes, body])
