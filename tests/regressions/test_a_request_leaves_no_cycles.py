"""The state of a request referred to itself: the collector took a tenth of a page's time to find that out."""

import asyncio
import gc
import warnings
from typing import Any

import pytest

from bff import BFF, ClientProfile, Shape, each, endpoint, optional
from tests.support.shop import Catalog, Inventory, Reviews, Wire, get, on
from tests.support.virtual import run


class Line(Shape):
    title: str
    available: int | None


class Card(Shape):
    name: str
    available: int | None
    lines: list[Line]


class Page(ClientProfile):
    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        product = Catalog.product(product_id)
        lines = each(
            Reviews.of_product(product_id),
            lambda review: Line.of(review, available=optional(Inventory.stock(review.title)).available),
        )
        return Card.of(product, available=optional(Inventory.stock(product.sku)).available, lines=lines)

    @endpoint.get("/plain/{product_id}")
    def plain(self, product_id: int) -> Card:
        """A page that is nothing but reads: it has code of its own."""
        product = Catalog.product(product_id)
        reviews = optional(Reviews.of_product(product_id), default=[])
        available = optional(Inventory.stock(product.sku)).available
        return Card.of(product, available=available, lines=each(reviews, lambda r: Line(title=r.title, available=1)))


@pytest.mark.parametrize("path", ["/products/7", "/plain/7"])
def test_a_request_leaves_nothing_for_the_collector(path: str) -> None:
    async def main() -> list[Any]:
        app = BFF(Page, upstreams=on(Wire()), observers=())
        await get(app, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of what other tests have left open
            gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await get(app, path)
            await asyncio.sleep(0)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            return [each for each in gc.garbage if type(each).__module__.startswith("bff.")]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert [] == run(main())
