"""The further cases with `bff`."""

from collections.abc import Callable
from os import environ

from benchmarks.contenders.more._contracts import FANS, Box, Fan, Item, Joined, Stock
from benchmarks.contenders.more._contracts import Shelf as Things
from bff import ClientProfile, Upstream, call, each, endpoint


class Items(Upstream):
    """Small things and large ones."""

    base_url = "http://127.0.0.1:9001"

    @call.get("/items/{item_id}/{part}")
    def item(self, item_id: int, part: int) -> Item: ...

    @call.get("/boxes/{size}/{box_id}")
    def box(self, size: int, box_id: int) -> Box: ...


class Shelf(Upstream):
    """Shelves, and what is in stock: one by one, or many at once."""

    base_url = "http://127.0.0.1:9001"

    @call.get("/shelves/{shelf_id}")
    def shelf(self, shelf_id: int) -> Things: ...

    @call.get("/stock/{sku}")
    def alone(self, sku: str) -> Stock: ...

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...

    @call.get("/stock", batch_of="stock", key="sku")
    def stocks(self, skus: list[str]) -> list[Stock]: ...


def _fan(parts: int) -> Callable[..., Fan]:
    def fan(self: ClientProfile, item_id: int) -> Fan:  # noqa: ARG001 - as in any method
        return Fan(items=[Items.item(item_id, part) for part in range(parts)])

    return fan


def _small() -> Callable[..., Item]:
    def small(self: ClientProfile, item_id: int) -> Item:  # noqa: ARG001 - as in any method
        return Items.item(item_id, 0)

    return small


class Cases(ClientProfile):
    """Whoever measures."""

    prefix = ""
    max_calls = 101

    @endpoint.get("/boxes/{size}/{box_id}")
    def box(self, size: int, box_id: int) -> Box:
        return Items.box(size, box_id)

    @endpoint.get("/joined/{shelf_id}")
    def joined(self, shelf_id: int) -> list[Joined]:
        return each(
            Shelf.shelf(shelf_id).lines, lambda line: Joined.of(line, available=Shelf.stock(line.sku).available)
        )

    @endpoint.get("/joined-singly/{shelf_id}")
    def joined_singly(self, shelf_id: int) -> list[Joined]:
        return each(
            Shelf.shelf(shelf_id).lines, lambda line: Joined.of(line, available=Shelf.alone(line.sku).available)
        )

    for parts in FANS:
        vars()[f"fan_{parts}"] = endpoint.get(f"/fan/{parts}/{{item_id}}")(_fan(parts))
    for number in range(int(environ.get("BENCH_ENDPOINTS", "0"))):
        vars()[f"small_{number}"] = endpoint.get(f"/small/{number}/{{item_id}}")(_small())
