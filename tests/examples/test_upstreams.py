"""The services that the examples compose: what they answer, and how they misbehave when told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from examples.upstreams import catalog, inventory, reviews
from examples.upstreams._service import service
from tests.support.virtual import run


def talk(app: FastAPI, conversation: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await conversation(client)

    return run(main())


def get(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    async def conversation(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    response: httpx.Response = talk(app, conversation)
    return response


def test_a_product_is_as_heavy_as_real_ones_are() -> None:
    response = get(catalog.app, "/products/7")
    product = response.json()
    assert 4_000 <= len(response.content) <= 10_000
    assert (7, "SKU-00007", 24) == (product["id"], product["sku"], len(product["images"]))
    assert {"amount", "currency"} == product["price"].keys()
    assert isinstance(product["price"]["amount"], str)


def test_some_products_have_no_brand_and_some_no_stock_and_some_no_reviews() -> None:
    assert {True, False} == {product.brand is None for product in catalog.PRODUCTS.values()}
    assert {True, False} == {stock.available == 0 for stock in inventory.STOCKS.values()}
    assert {True, False} == {not found for found in reviews.REVIEWS.values()}
    assert 300 == len(catalog.PRODUCTS) == len(inventory.STOCKS) == len(reviews.REVIEWS)


def test_products_are_listed_page_by_page_and_by_their_ids() -> None:
    assert [3, 4] == [product["id"] for product in get(catalog.app, "/products?limit=2&offset=2").json()]
    assert [9, 2] == [product["id"] for product in get(catalog.app, "/products?ids=9&ids=2&ids=999&ids=9").json()]


def test_a_search_finds_products_that_have_every_word() -> None:
    found = get(catalog.app, "/products/search?q=KETTLE+oak&limit=1").json()
    assert found["total"] >= 1
    assert ["Kettle"] == [product["category"] for product in found["items"]]
    assert {"total": 0, "items": []} == get(catalog.app, "/products/search?q=submarine").json()


def test_reviews_come_newest_first_for_one_product_or_for_several() -> None:
    written = [review["written_on"] for review in get(reviews.app, "/products/7/reviews?limit=3").json()]
    assert written == sorted(written, reverse=True)
    assert {7, 8} >= {
        review["product_id"] for review in get(reviews.app, "/reviews?product_ids=7&product_ids=8").json()
    }


def test_stock_is_told_for_one_unit_or_for_several() -> None:
    one = get(inventory.app, "/stock/SKU-00001").json()
    assert one["available"] == sum(shelf["quantity"] for shelf in one["shelves"])
    assert [one] == get(inventory.app, "/stock?skus=SKU-00001&skus=SKU-99999").json()


@pytest.mark.parametrize(
    ("app", "path"),
    [
        (catalog.app, "/products/999"),
        (reviews.app, "/products/999/reviews"),
        (inventory.app, "/stock/SKU-99999"),
    ],
)
def test_what_does_not_exist_is_a_404(app: FastAPI, path: str) -> None:
    assert 404 == get(app, path).status_code


@pytest.mark.parametrize(
    ("app", "path", "freshness"),
    [
        (catalog.app, "/products/7", "max-age=60"),
        (reviews.app, "/products/7/reviews", "max-age=30"),
        (inventory.app, "/stock/SKU-00007", "max-age=5"),
    ],
)
def test_answers_may_be_kept_and_asked_about_again(app: FastAPI, path: str, freshness: str) -> None:
    first = get(app, path)
    assert freshness == first.headers["cache-control"]
    again = get(app, path, if_none_match=f'"other", {first.headers["etag"]}')
    assert (304, b"") == (again.status_code, again.content)


def misbehaving(**knobs: object) -> FastAPI:
    app = service("Fragile")

    @app.get("/")
    async def root() -> str:
        return "fine"

    async def turn(client: httpx.AsyncClient) -> None:
        response = await client.put("/_knobs", json=knobs)
        assert 200 == response.status_code

    talk(app, turn)
    return app


def test_an_error_rate_of_one_fails_every_request_but_the_knobs() -> None:
    app = misbehaving(error_rate=1)
    assert 500 == get(app, "/").status_code
    assert 1.0 == get(app, "/_knobs").json()["error_rate"]


def test_latency_delays_every_answer() -> None:
    async def time_taken(client: httpx.AsyncClient) -> float:
        clock = asyncio.get_running_loop().time
        start = clock()
        await client.get("/")
        return clock() - start

    assert 30 == talk(misbehaving(latency=30), time_taken)


def test_knobs_that_are_left_out_go_back_to_harmless() -> None:
    app = misbehaving(error_rate=1)
    talk(app, lambda client: client.put("/_knobs", json={}))
    assert "fine" == get(app, "/").json()


def test_a_knob_that_does_not_exist_is_refused() -> None:
    response = talk(service("Fragile"), lambda client: client.put("/_knobs", json={"latencey": 1}))
    assert 422 == response.status_code


def test_the_environment_gives_the_first_knobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENCY", "0.5")
    monkeypatch.setenv("ERROR_RATE", "0.25")
    knobs = get(service("Fragile"), "/_knobs").json()
    assert {"latency": 0.5, "jitter": 0.0, "error_rate": 0.25, "dark": False} == knobs


def test_a_dark_service_hangs_until_its_client_leaves_and_counts_that() -> None:
    app = misbehaving(dark=True)

    async def leave() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def refuse(_: object) -> None:
        raise AssertionError("a dark service has nothing to say")

    scope: dict[str, Any] = {"type": "http", "path": "/", "method": "GET", "headers": [], "query_string": b""}
    run(app(scope, leave, refuse))
    stats = get(app, "/_stats").json()
    assert (1, 1, 0) == (stats["requests"], stats["abandoned"], stats["in_flight"])


def test_requests_are_counted_by_path_and_knobs_do_not_count() -> None:
    app = misbehaving()
    get(app, "/")
    get(app, "/")
    assert {"/": 2} == get(app, "/_stats").json()["paths"]
