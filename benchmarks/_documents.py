"""What the upstreams answer: files, written once from what the example services say."""

import asyncio
from pathlib import Path
from typing import Final

import httpx

from examples.upstreams import catalog, inventory, reviews

__all__ = ["PRODUCTS", "write_documents"]

PRODUCTS: Final = range(1, 301)
REVIEWS_SHOWN: Final = (10, 3)


def write_documents(folder: Path) -> None:
    """Write everything that the upstreams can be asked for into `folder`."""
    for name, content in asyncio.run(_documents()).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


async def _documents() -> dict[str, bytes]:
    """Return what the example services answer, by the name of the file that it goes to."""
    found: dict[str, bytes] = {}
    async with _client(catalog.app) as products, _client(inventory.app) as stock, _client(reviews.app) as opinions:
        for product_id in PRODUCTS:
            product = await _get(products, f"/products/{product_id}")
            found[f"products/{product_id}"] = product.content
            sku: str = product.json()["sku"]
            found[f"stock/{sku}"] = (await _get(stock, f"/stock/{sku}")).content
            for limit in REVIEWS_SHOWN:
                path = f"/products/{product_id}/reviews?limit={limit}"
                found[f"reviews/{product_id}-{limit}"] = (await _get(opinions, path)).content
    return found


def _client(app: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://upstream")


async def _get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return (await client.get(path)).raise_for_status()
