"""On real sockets: clients that ask for the same page at the same time share the calls that it takes, and no more."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence

import httpx
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Timeout, Upstream, call, endpoint, optional
from bff.events import CallCoalesced, CallFinished, Event
from tests.support.flights import under_way
from tests.support.serving import served

PATIENCE = 20.0
CLIENTS = 50
NOTHING: Mapping[str, str] = {}
ALIKE = (NOTHING,) * 10


class Product(BaseModel):
    name: str
    owner: str


class Stock(BaseModel):
    available: int


class Catalog(Upstream):
    accept_headers = ("authorization", "cookie", "traceparent")
    timeout = Timeout(total=15.0)
    retry = None

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...

    @call.get("/stock/{product_id}")
    def stock(self, product_id: int) -> Stock: ...


class Card(Shape):
    name: str
    owner: str
    available: int | None


class Shop(ClientProfile):
    deadline = 15.0
    forward_headers = ("authorization", "cookie", "traceparent")

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        stock = optional(Catalog.stock(product_id))
        return Card.of(Catalog.product(product_id), available=stock.available)


class Warehouse:
    """Serves the catalog, once it is told to; counts what it was asked, by path."""

    def __init__(self, **headers: str) -> None:
        self.asked: Counter[str] = Counter()
        self.go = asyncio.Event()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.stock_status = 200
        self.app = FastAPI()
        self.app.add_api_route("/products/{product_id}", self.product)
        self.app.add_api_route("/stock/{product_id}", self.stock)

    async def product(self, request: Request, response: Response) -> Product:
        await self._wait(request, response)
        who = request.headers.get("authorization") or request.headers.get("cookie", "nobody")
        return Product(name="Lamp", owner=who)

    async def stock(self, request: Request, response: Response) -> Stock:
        await self._wait(request, response)
        response.status_code = self.stock_status
        return Stock(available=3)

    async def _wait(self, request: Request, response: Response) -> None:
        self.asked[request.url.path] += 1
        await self.go.wait()
        response.headers.update({"cache-control": "max-age=60", **self.headers})


class Shopping:
    """A shop, its warehouse and its clients."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.events: list[Event] = []
        self.client = httpx.AsyncClient(timeout=PATIENCE, limits=httpx.Limits(max_connections=None))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator["Shopping"]:
        async with served(self.warehouse.app) as back:
            address = f"http://127.0.0.1:{back}"
            app = BFF(Shop, upstreams={Catalog: address}, observers=(self.events.append,), drain=0.0)
            self.upstream = app.upstreams[Catalog]
            async with served(app) as front, self.client:
                self.client.base_url = f"http://127.0.0.1:{front}"
                yield self

    def ask(self, headers: Mapping[str, str] | None = None) -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(self.client.get("/products/7", headers=headers))

    async def until_waiting(self, count: int) -> None:
        """Wait until so many calls, for all clients together, are under way or wait for one that is."""
        async with asyncio.timeout(PATIENCE):
            while under_way(self.upstream.connection._onion) < count:  # noqa: ASYNC110 - of waiting there is no event
                await asyncio.sleep(0.01)


async def answers(
    shopping: Shopping, headers: Sequence[Mapping[str, str]], *, under_way: int | None = None
) -> list[httpx.Response]:
    tasks = [shopping.ask(each) for each in headers]
    await shopping.until_waiting(2 * len(headers) if under_way is None else under_way)
    shopping.warehouse.go.set()
    return await asyncio.gather(*tasks)


def test_anonymous_clients_make_one_call_of_each_read_between_them() -> None:
    async def main() -> None:
        async with Shopping(Warehouse()).open() as shopping:
            traces = [{"traceparent": f"00-{number:032x}-{1:016x}-01"} for number in range(1, CLIENTS + 1)]
            replies = await answers(shopping, traces)
            assert {"/products/7": 1, "/stock/7": 1} == shopping.warehouse.asked
            # Who is asking could have taken part in it: nobody's proxy keeps it.
            assert {(200, "private, max-age=60")} == {
                (each.status_code, each.headers["cache-control"]) for each in replies
            }
            assert 1 == len({(each.headers["etag"], each.content) for each in replies})
            assert CLIENTS == len({each.headers["x-request-id"] for each in replies})
            coalesced = [event for event in shopping.events if isinstance(event, CallCoalesced)]
            attempts = Counter(event.attempts for event in shopping.events if isinstance(event, CallFinished))
            assert (2 * CLIENTS - 2, {1: 2, 0: 2 * CLIENTS - 2}) == (len(coalesced), attempts)
            led = {each.headers["x-request-id"] for each in replies}
            assert {event.leader for event in coalesced} <= led

    asyncio.run(main())


def test_clients_whose_credentials_travel_get_what_is_their_own() -> None:
    async def main(name: str) -> None:
        async with Shopping(Warehouse()).open() as shopping:
            visitors = [{name: f"of={number}"} for number in range(CLIENTS)]
            replies = await answers(shopping, visitors)
            assert {"/products/7": CLIENTS, "/stock/7": CLIENTS} == shopping.warehouse.asked
            assert [visitor[name] for visitor in visitors] == [each.json()["owner"] for each in replies]

    for name in ("authorization", "cookie"):
        asyncio.run(main(name))


def test_what_does_not_travel_is_no_difference() -> None:
    async def main() -> None:
        async with Shopping(Warehouse()).open() as shopping:
            await answers(shopping, [{"x-session": str(number)} for number in range(10)])
            assert {"/products/7": 1, "/stock/7": 1} == shopping.warehouse.asked

    asyncio.run(main())


def test_a_private_answer_is_asked_for_by_each() -> None:
    async def main() -> None:
        async with Shopping(Warehouse(cache_control="private, max-age=5")).open() as shopping:
            replies = await answers(shopping, ALIKE)
            assert {"/products/7": 10, "/stock/7": 10} == shopping.warehouse.asked
            assert {"private, max-age=5"} == {each.headers["cache-control"] for each in replies}

    asyncio.run(main())


def test_a_failure_of_something_optional_is_told_to_all() -> None:
    async def main() -> None:
        warehouse = Warehouse()
        warehouse.stock_status = 500
        async with Shopping(warehouse).open() as shopping:
            replies = await answers(shopping, ALIKE)
            assert {"/products/7": 1, "/stock/7": 1} == shopping.warehouse.asked
            assert {("available;cause=status", "no-store", None)} == {
                (each.headers["bff-partial"], each.headers["cache-control"], each.json()["available"])
                for each in replies
            }
            assert not any("etag" in each.headers for each in replies)

    asyncio.run(main())


def test_a_client_that_leaves_takes_no_other_along() -> None:
    async def main() -> None:
        async with Shopping(Warehouse()).open() as shopping:
            first = shopping.ask()
            await shopping.until_waiting(2)
            others = [shopping.ask() for _ in range(9)]
            await shopping.until_waiting(20)
            first.cancel()
            async with asyncio.timeout(PATIENCE):
                # Both calls are begun again, by the first that waits.
                while {"/products/7": 2, "/stock/7": 2} != shopping.warehouse.asked:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
            shopping.warehouse.go.set()
            replies = await asyncio.gather(*others)
            assert [200] * 9 == [each.status_code for each in replies]
            assert {"/products/7": 2, "/stock/7": 2} == shopping.warehouse.asked

    asyncio.run(main())
