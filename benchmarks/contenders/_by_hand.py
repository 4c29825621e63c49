"""What the pages written by hand share: the shaping, and the order of the calls."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from pydantic import TypeAdapter

from benchmarks.contenders._addresses import CATALOG, INVENTORY, REVIEWS
from examples.mobile_bff.app import ProductCard, ReviewLine, fit
from examples.services import Product, Review, Stock
from examples.web_bff.app import Picture, ProductPage, ReviewText, sharpest

_REVIEWS = TypeAdapter(list[Review])


def add_pages(app: FastAPI, fetch: Callable[[str], Awaitable[bytes]]) -> None:
    """Add both pages to an app; `fetch` gets an address and returns the body of a 200."""

    async def product_and_stock(product_id: int) -> tuple[Product, Stock]:
        product = Product.model_validate_json(await fetch(f"{CATALOG}/products/{product_id}"))
        return product, Stock.model_validate_json(await fetch(f"{INVENTORY}/stock/{product.sku}"))

    async def reviews_of(product_id: int, limit: int) -> list[Review]:
        return _REVIEWS.validate_json(await fetch(f"{REVIEWS}/products/{product_id}/reviews?limit={limit}"))

    async def web(product_id: int) -> ProductPage:
        (product, stock), reviews = await asyncio.gather(product_and_stock(product_id), reviews_of(product_id, 10))
        return ProductPage(
            id=product.id,
            name=product.name,
            brand=product.brand.name if product.brand else None,
            price=product.price,
            images=[
                Picture(view=image.view, url=image.url, width=image.width, height=image.height)
                for image in sharpest(product.images)
            ],
            description=product.description,
            attributes=product.attributes,
            available=stock.available,
            next_delivery=stock.next_delivery,
            reviews=[
                ReviewText(
                    rating=review.rating,
                    title=review.title,
                    text=review.text,
                    author=review.author,
                    written_on=review.written_on,
                )
                for review in reviews
            ],
        )

    async def mobile(product_id: int) -> ProductCard:
        (product, stock), reviews = await asyncio.gather(product_and_stock(product_id), reviews_of(product_id, 3))
        return ProductCard(
            id=product.id,
            name=product.name,
            price=product.price,
            thumbnail=fit(product.images, 640),
            in_stock=stock.available > 0,
            reviews=[ReviewLine(rating=review.rating, title=review.title) for review in reviews],
        )

    app.add_api_route("/web/products/{product_id}", web)
    app.add_api_route("/mobile/products/{product_id}", mobile)
