"""What the upstreams answer: files, written once from what the example services say."""

import asyncio
import json
from pathlib import Path
from typing import Final

import httpx

from examples.upstreams import catalog, inventory, reviews
from examples.upstreams._shop import random_for, sentence

__all__ = ["PRODUCTS", "SIZES", "write_documents"]

PRODUCTS: Final = range(1, 301)
SIZES: Final = (1, 10, 100, 1000)
"""Of large answers, in kilobytes."""

REVIEWS_SHOWN: Final = (10, 3)
THINGS: Final = 100  # on a shelf
TAGS: Final = ("new", "oak", "steel", "sale", "quiet", "outdoor", "repairable", "heavy")


def write_documents(folder: Path) -> None:
    """Write everything that the upstreams can be asked for into `folder`."""
    further = {name: json.dumps(content).encode() for name, content in {**_boxes(), **_shelves()}.items()}
    for name, content in {**asyncio.run(_documents()), **further}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _boxes() -> dict[str, object]:
    """Return small things, and large ones of every size."""
    found: dict[str, object] = {
        f"items/{item_id}": {"id": item_id, "name": f"Item No. {item_id}", "value": item_id * 7} for item_id in PRODUCTS
    }
    for size in SIZES:
        random, rows = random_for("box", size), list[dict[str, object]]()
        left = size * 1000
        while left > 0:
            tags = [random.choice(TAGS) for _ in range(3)]
            rows.append({
                "id": len(rows), "name": f"Row {len(rows)}", "text": sentence(random), "price": len(rows) / 4,
                "tags": tags,
            })  # fmt: skip
            left -= len(json.dumps(rows[-1]))
        found[f"boxes/{size}"] = {"size": size, "rows": rows}
    return found


def _shelves() -> dict[str, object]:
    """
    Return shelves of a hundred things, and what is in stock of them.

    No two shelves have a thing in common. What is in stock of all on one is named by the first; of one alone it is
    always the same, as nobody reads its name there.
    """
    found: dict[str, object] = {"thing": {"sku": "T", "available": 7}}
    for shelf_id in PRODUCTS:
        things = [f"T-{shelf_id:05}-{number}" for number in range(THINGS)]
        lines = [{"sku": sku, "quantity": at % 9 + 1} for at, sku in enumerate(things)]
        found[f"shelves/{shelf_id}"] = {"id": shelf_id, "lines": lines}
        found[f"stocks/{things[0]}"] = [{"sku": sku, "available": at % 50} for at, sku in enumerate(things)]
    return found


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
