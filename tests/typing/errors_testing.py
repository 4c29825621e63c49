"""What a type checker refuses of `bff.testing`."""

from pydantic import BaseModel

from bff import Upstream, call
from bff.testing import Fakes


class Product(BaseModel):
    id: int


class Stock(BaseModel):
    sku: str


class Catalog(Upstream):
    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...


def wrong_fakes(fakes: Fakes) -> None:
    fakes.on(Catalog.product).returns(Stock(sku="sku-7"))  # E: arg-type, reportArgumentType
    fakes.on(Catalog.product).fails("timout")  # E: arg-type, reportArgumentType
    fakes.on("product")  # E: arg-type, reportArgumentType
