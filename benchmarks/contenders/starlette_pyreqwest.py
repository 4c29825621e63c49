"""By hand with Starlette, pyreqwest and msgspec: only the fields that a page shows are decoded; no resilience."""

import asyncio

import msgspec
from pyreqwest.exceptions import RequestError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.contenders._addresses import CATALOG, INVENTORY, REVIEWS
from benchmarks.contenders._leanly import answer, fetch, lifespan


class Money(msgspec.Struct):
    """An amount, as the catalog writes it."""

    amount: str
    currency: str


class Brand(msgspec.Struct):
    """Who makes a product."""

    name: str


class Image(msgspec.Struct):
    """One size of one view."""

    view: str
    url: str
    width: int
    height: int


class Attribute(msgspec.Struct):
    """One line of a data sheet."""

    name: str
    value: str


class WebProduct(msgspec.Struct):
    """What the browser's page reads of a product."""

    id: int
    sku: str
    name: str
    brand: Brand | None
    price: Money
    images: list[Image]
    description: str
    attributes: list[Attribute]


class WebStock(msgspec.Struct):
    """What the browser's page reads of the stock."""

    available: int
    next_delivery: str | None


class WebReview(msgspec.Struct):
    """What the browser's page reads and shows of a review."""

    rating: int
    title: str
    text: str
    author: str
    written_on: str


class ProductPage(msgspec.Struct):
    """What browsers get."""

    id: int
    name: str
    brand: str | None
    price: Money
    images: list[Image]
    description: str
    attributes: list[Attribute]
    available: int
    next_delivery: str | None
    reviews: list[WebReview]


class SizedImage(msgspec.Struct):
    """What the phone's page reads of an image."""

    url: str
    width: int


class MobileProduct(msgspec.Struct):
    """What the phone's page reads of a product."""

    id: int
    sku: str
    name: str
    price: Money
    images: list[SizedImage]


class MobileStock(msgspec.Struct):
    """What the phone's page reads of the stock."""

    available: int


class MobileReview(msgspec.Struct):
    """What the phone's page reads and shows of a review."""

    rating: int
    title: str


class ProductCard(msgspec.Struct):
    """What phones get."""

    id: int
    name: str
    price: Money
    thumbnail: str | None
    in_stock: bool
    reviews: list[MobileReview]


web_product = msgspec.json.Decoder(WebProduct)
web_stock = msgspec.json.Decoder(WebStock)
web_reviews = msgspec.json.Decoder(list[WebReview])
mobile_product = msgspec.json.Decoder(MobileProduct)
mobile_stock = msgspec.json.Decoder(MobileStock)
mobile_reviews = msgspec.json.Decoder(list[MobileReview])


async def bad_gateway(_request: Request, _error: Exception) -> Response:
    """Answer where an upstream did not, or not well."""
    return Response(status_code=502)


async def web_product_and_stock(product_id: int) -> tuple[WebProduct, WebStock]:
    """Return a product, and then its stock."""
    product = await fetch(f"{CATALOG}/products/{product_id}", web_product)
    return product, await fetch(f"{INVENTORY}/stock/{product.sku}", web_stock)


async def mobile_product_and_stock(product_id: int) -> tuple[MobileProduct, MobileStock]:
    """Return a product, and then its stock."""
    product = await fetch(f"{CATALOG}/products/{product_id}", mobile_product)
    return product, await fetch(f"{INVENTORY}/stock/{product.sku}", mobile_stock)


async def web(request: Request) -> Response:
    """Answer the browser's page."""
    product_id: int = request.path_params["product_id"]
    (product, stock), reviews = await asyncio.gather(
        web_product_and_stock(product_id), fetch(f"{REVIEWS}/products/{product_id}/reviews?limit=10", web_reviews)
    )
    return answer(
        ProductPage(
            id=product.id,
            name=product.name,
            brand=product.brand.name if product.brand else None,
            price=product.price,
            images=sharpest(product.images),
            description=product.description,
            attributes=product.attributes,
            available=stock.available,
            next_delivery=stock.next_delivery,
            reviews=reviews,
        )
    )


async def mobile(request: Request) -> Response:
    """Answer the phone's page."""
    product_id: int = request.path_params["product_id"]
    (product, stock), reviews = await asyncio.gather(
        mobile_product_and_stock(product_id), fetch(f"{REVIEWS}/products/{product_id}/reviews?limit=3", mobile_reviews)
    )
    return answer(
        ProductCard(
            id=product.id,
            name=product.name,
            price=product.price,
            thumbnail=fit(product.images, 640),
            in_stock=stock.available > 0,
            reviews=reviews,
        )
    )


def sharpest(images: list[Image]) -> list[Image]:
    """Return the largest size of every view, in the order of the views."""
    return list({image.view: image for image in sorted(images, key=lambda image: image.width)}.values())


def fit(images: list[SizedImage], width: int) -> str | None:
    """Return the smallest image that fills `width` pixels, else the widest there is."""
    wide_enough = [image for image in images if image.width >= width]
    if wide_enough:
        return min(wide_enough, key=lambda image: image.width).url
    return max(images, key=lambda image: image.width).url if images else None


app = Starlette(
    routes=[Route("/web/products/{product_id:int}", web), Route("/mobile/products/{product_id:int}", mobile)],
    lifespan=lifespan,
    exception_handlers={RequestError: bad_gateway},
)
