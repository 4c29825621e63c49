"""Fakes answer for upstreams: everything above the wire is real, and nothing else notices."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Annotated, Any, cast

import httpx
import pytest
from fastapi import FastAPI, Header, Request
from pydantic import BaseModel, Field

from bff import (
    BFF,
    CircuitOpen,
    ClientProfile,
    DeclarationError,
    Shape,
    Timeout,
    Upstream,
    UpstreamStatus,
    call,
    each,
    endpoint,
    optional,
)
from bff.testing import Deadlock, Fakes, UnfakedCall, run_virtual


class Product(BaseModel):
    id: int
    sku: str
    name: str = Field(validation_alias="title")


class NewProduct(BaseModel):
    name: str


class Review(BaseModel):
    rating: int


class Catalog(Upstream):
    base_url = "http://catalog.test/v1"
    timeout = Timeout(total=1.0, per_try=0.4)

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...

    @call.get("/products", batch_of="product", key="id")
    def products(self, ids: list[int]) -> list[Product]: ...

    @call.post("/products")
    def create(self, product: NewProduct, by: Annotated[str, Header()] = "us") -> Product: ...

    @call.delete("/products/{product_id}")
    def remove(self, product_id: int) -> None: ...


class Reviews(Upstream):
    base_url = "http://reviews.test"
    timeout = Timeout(total=0.5, per_try=0.3)

    @call.get("/reviews")
    def of_product(self, product_id: int, limit: int | None = None) -> list[Review]: ...


class Line(Shape):
    rating: int


class Card(Shape):
    name: str
    reviews: list[Line]


class Phone(ClientProfile):
    deadline = 2.0

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        reviews = optional(Reviews.of_product(product_id), default=[])
        return Card.of(Catalog.product(product_id), reviews=each(reviews, Line.of))

    @endpoint.post("/products")
    async def create(self, name: str, catalog: Catalog) -> Card:
        made = await catalog.create(NewProduct(name=name))
        return Card(name=made.name, reviews=[])


app = BFF(Phone, observers=())
LAMP = {"id": 7, "sku": "sku-7", "title": "Lamp"}


def lamp(product_id: int = 7) -> Product:
    return Product.model_validate({**LAMP, "id": product_id, "title": f"Lamp {product_id}"})


def shop() -> Fakes:
    fakes = Fakes()
    fakes.on(Catalog.product).returns(LAMP)
    fakes.on(Reviews.of_product).returns([Review(rating=5)])
    return fakes


def ask(fakes: Fakes, path: str = "/products/7", application: FastAPI = app) -> tuple[httpx.Response, float]:
    """Return the answer to one request, and the seconds that it took."""

    async def main() -> tuple[httpx.Response, float]:
        async with fakes.client(application) as phone:
            loop = asyncio.get_running_loop()
            began = loop.time()
            return await phone.get(path), round(loop.time() - began, 6)

    return run_virtual(main())


def call_directly(fakes: Fakes, use: Callable[[Catalog], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        with fakes.active():
            async with Catalog() as catalog:
                return await use(catalog)

    return run_virtual(main())


class TestAnswers:
    def test_a_model_goes_by_the_names_that_its_contract_reads(self) -> None:
        fakes = shop()
        fakes.on(Catalog.product).returns(lamp())
        response, _ = ask(fakes)
        assert {"name": "Lamp 7", "reviews": [{"rating": 5}]} == response.json()

    def test_data_needs_only_the_fields_that_a_page_reads(self) -> None:
        fakes = shop()
        fakes.on(Catalog.product).returns({"title": "Bare lamp"})
        assert "Bare lamp" == ask(fakes)[0].json()["name"]

    def test_a_function_makes_the_answer_of_the_arguments(self) -> None:
        fakes = shop()
        fakes.on(Catalog.product).returns(lamp)
        assert "Lamp 12" == ask(fakes, "/products/12")[0].json()["name"]

    def test_several_answers_come_one_after_the_other_and_the_last_from_then_on(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product).returns(lamp(1), lamp(2))

        async def use(catalog: Catalog) -> list[int]:
            return [(await catalog.product(0)).id for _ in range(3)]

        assert [1, 2, 2] == call_directly(fakes, use)

    def test_the_rule_with_more_arguments_counts_and_of_those_the_last(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product, product_id=7).returns(lamp(70))
        fakes.on(Catalog.product, product_id=8).returns(lamp(80))
        fakes.on(Catalog.product, product_id=8).returns(lamp(81))
        fakes.on(Catalog.product).returns(lamp(1))

        async def use(catalog: Catalog) -> list[int]:
            return [(await catalog.product(number)).id for number in (7, 8, 9)]

        assert [70, 81, 1] == call_directly(fakes, use)

    def test_an_answer_has_headers_and_a_time_of_its_own(self) -> None:
        fakes = shop()
        fakes.on(Catalog.product).returns(LAMP, headers={"cache-control": "max-age=60"}, after=0.25)
        fakes.on(Reviews.of_product).returns([], headers={"Cache-Control": "max-age=30"})
        response, seconds = ask(fakes)
        assert (0.25, "max-age=30") == (seconds, response.headers["cache-control"].replace("public, ", ""))

    def test_an_operation_without_an_answer_returns_nothing(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.remove).returns(None)
        assert call_directly(fakes, lambda catalog: catalog.remove(7)) is None


class TestFaults:
    """The policies are real: what they make of a fault is what production would see."""

    @pytest.mark.parametrize(
        ("how", "cause", "attempts"),
        [("refused", "unreachable", 3), ("timeout", "timeout", 2), (503, "status", 3), ("malformed", "contract", 1)],
    )
    def test_a_fault_ends_in_its_cause_after_the_tries_that_it_is_worth(
        self, how: Any, cause: str, attempts: int
    ) -> None:
        fakes = shop()
        fakes.on(Reviews.of_product).fails(how)
        response, _ = ask(fakes)
        assert (200, f"reviews;cause={cause}") == (response.status_code, response.headers["bff-partial"])
        assert (1, attempts) == (fakes.calls(Reviews.of_product), fakes.attempts(Reviews.of_product))

    def test_a_timeout_takes_as_long_as_the_policy_lets_it(self) -> None:
        fakes = shop()
        fakes.on(Reviews.of_product).fails("timeout")
        assert 0.5 == ask(fakes)[1]

    def test_what_is_slow_still_answers_what_it_would_have_answered(self) -> None:
        fakes = shop()
        fakes.on(Catalog.product).fails("slow", seconds=0.3)
        response, seconds = ask(fakes)
        assert (200, 0.3, "Lamp") == (response.status_code, seconds, response.json()["name"])

    def test_what_is_slow_without_a_time_is_nearly_too_slow(self) -> None:
        fakes = shop()
        fakes.on(Catalog.product).fails("slow")
        assert 0.36 == ask(fakes)[1]

    def test_a_status_may_carry_headers(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product).fails("status", 429, headers={"retry-after": "0"})
        with pytest.raises(UpstreamStatus, match="429"):
            call_directly(fakes, lambda catalog: catalog.product(7))
        assert 3 == fakes.attempts(Catalog.product)

    def test_a_breaker_opens_for_one_client_and_is_forgotten_with_it(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product).fails(500)

        async def until_open(catalog: Catalog) -> int:
            for number in range(100):
                try:
                    await catalog.product(7)
                except CircuitOpen:
                    return number
                except UpstreamStatus:
                    pass
            return 100

        assert [20, 20] == [call_directly(fakes, until_open), call_directly(fakes, until_open)]


class TestBatches:
    def test_a_batch_is_answered_by_the_fakes_of_the_calls_that_it_stands_in_for(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product).returns(lamp)
        fakes.on(Catalog.product, product_id=2).fails(404)
        products = call_directly(fakes, lambda catalog: catalog.products([1, 2, 3]))
        assert [1, 3] == [product.id for product in products]
        assert (1, 0) == (fakes.calls(Catalog.products), fakes.calls(Catalog.product))

    def test_what_only_some_items_are_faked_for_is_missing_in_the_others(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product, product_id=2).returns(lamp)
        products = call_directly(fakes, lambda catalog: catalog.products([1, 2, 3]))
        assert [2] == [product.id for product in products]

    def test_an_item_that_fails_fails_the_batch(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product).returns(lamp)
        fakes.on(Catalog.product, product_id=2).fails(500)
        with pytest.raises(UpstreamStatus, match="500"):
            call_directly(fakes, lambda catalog: catalog.products([1, 2, 3]))

    def test_a_rule_of_its_own_comes_first(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product).returns(lamp)
        fakes.on(Catalog.products, ids=[1]).returns([lamp(100)])
        products = call_directly(fakes, lambda catalog: catalog.products([1]))
        assert [100] == [product.id for product in products]


class TestRequests:
    def test_a_request_is_seen_as_the_upstream_would_have_seen_it(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.create, product=NewProduct(name="Lamp")).returns(lamp(9))
        made = call_directly(fakes, lambda catalog: catalog.create(NewProduct(name="Lamp"), by="me"))
        (seen,) = fakes.requests(Catalog.create)
        assert 9 == made.id
        assert {"product": NewProduct(name="Lamp"), "by": "me"} == seen.arguments
        assert ("POST", "/v1/products", b'{"name":"Lamp"}', "me", 1) == (
            seen.method,
            seen.target,
            seen.content,
            seen.headers["by"],
            seen.attempt,
        )

    def test_what_was_left_out_is_none(self) -> None:
        fakes = shop()
        fakes.on(Reviews.of_product, limit=None).returns([Review(rating=1)])
        assert [{"rating": 1}] == ask(fakes)[0].json()["reviews"]
        (seen,) = fakes.requests(Reviews.of_product)
        assert {"product_id": 7, "limit": None} == seen.arguments

    def test_an_endpoint_that_runs_per_request_is_answered_too(self) -> None:
        fakes = Fakes()

        def made(product: NewProduct, by: str) -> Any:
            return {**LAMP, "title": f"{product.name} by {by}"}

        fakes.on(Catalog.create).returns(made)

        async def main() -> httpx.Response:
            async with fakes.client(app) as phone:
                return await phone.post("/products?name=Desk")

        assert "Desk by us" == run_virtual(main()).json()["name"]


WRONG: list[tuple[Callable[[Fakes], object], str]] = [
    (lambda fakes: fakes.on(Catalog.product, produkt_id=7), "no `produkt_id`\n.*did you mean `product_id`"),
    (lambda fakes: fakes.on(Catalog.product, colour=7), "no `colour`\n.*it takes product_id"),
    (lambda fakes: fakes.on(Phone.product), "`product` is no operation of an upstream"),
    (lambda fakes: cast("Any", fakes.on(Catalog.product)).fails("timout"), "'timout' is no way.*\n.*'timeout'"),
    (lambda fakes: cast("Any", fakes.on(Catalog.product)).fails("broken"), "known are refused, timeout"),
    (lambda fakes: fakes.on(Catalog.product).fails(7), "7 is no status"),
    (lambda fakes: fakes.on(Catalog.product).returns(), "`returns` is given nothing"),
]


class TestCredentials:
    """What signs requests is real, and what it asks somebody else for is not faked."""

    def test_a_signature_is_seen(self) -> None:
        fakes = Fakes()
        fakes.on(Catalog.product).returns(lamp)

        async def main() -> None:
            with fakes.active():
                async with Catalog(auth=httpx.BasicAuth("us", "secret")) as catalog:
                    await catalog.product(7)

        run_virtual(main())
        (seen,) = fakes.requests(Catalog.product)
        assert "Basic dXM6c2VjcmV0" == seen.headers["authorization"]

    def test_a_request_for_a_token_fails_the_test(self) -> None:
        class Token(httpx.Auth):
            def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
                yield httpx.Request("POST", "http://tokens.test/token")
                yield request

        fakes = Fakes()
        fakes.on(Catalog.product).returns(lamp)

        async def main() -> None:
            with fakes.active():
                async with Catalog(auth=Token()) as catalog:
                    await catalog.product(7)

        with pytest.raises(UnfakedCall) as raised:
            run_virtual(main())
        expected = """\
POST http://tokens.test/token (sent by catalog's `auth`) is not faked
    Mend: set `auth` to None in the test's app"""
        assert expected == str(raised.value)


class TestLifespans:
    """An app starts before its client, stops after it, and hands on what it prepared."""

    def test_an_app_may_call_its_upstreams_while_it_starts_and_stops(self) -> None:
        names: list[str] = []

        @contextlib.asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, str]]:
            async with Catalog() as catalog:
                names.append((await catalog.product(1)).name)
                yield {"motto": "light for all"}
                names.append((await catalog.product(2)).name)

        existing = FastAPI(lifespan=lifespan)
        existing.include_router(Phone.router(observers=()))

        @existing.get("/motto")
        def motto(request: Request) -> str:
            return str(request.state.motto)

        fakes = shop()
        fakes.on(Catalog.product).returns(lamp)
        assert "light for all" == ask(fakes, "/motto", existing)[0].json()
        assert ["Lamp 1", "Lamp 2"] == names


class TestMistakes:
    def test_a_call_that_is_not_faked_fails_the_test_and_is_named(self) -> None:
        fakes = Fakes()
        fakes.on(Reviews.of_product).returns([])
        with pytest.raises(UnfakedCall) as raised:
            ask(fakes)
        expected = """\
Catalog.product(product_id=7) is not faked
    Mend: say what it answers: fakes.on(Catalog.product).returns(...)"""
        assert expected == str(raised.value)

    def test_an_app_that_hides_it_does_not_save_the_test(self) -> None:
        class Hiding(ClientProfile):
            @endpoint.get("/hidden")
            async def hidden(self, catalog: Catalog) -> Card:
                with contextlib.suppress(AssertionError):
                    await catalog.product(1)
                return Card(name="none", reviews=[])

        async def main() -> None:
            async with Fakes().client(BFF(Hiding, observers=())) as phone:
                assert 200 == (await phone.get("/hidden")).status_code

        with pytest.raises(UnfakedCall, match="Catalog"):
            run_virtual(main())

    @pytest.mark.parametrize(("wrong", "message"), WRONG)
    def test_what_cannot_be_faked_is_refused(self, wrong: Callable[[Fakes], object], message: str) -> None:
        with pytest.raises(DeclarationError, match=message) as raised:
            wrong(Fakes())
        assert __file__ == raised.value.problems[0].file


class TestContexts:
    def test_two_clients_of_one_app_do_not_see_each_other(self) -> None:
        """Not in turns, not at once, and not in one task."""
        mine, yours = shop(), shop()
        mine.on(Catalog.product).returns(lamp(1), after=0.1)
        yours.on(Catalog.product).returns(lamp(2))

        async def main() -> list[str]:
            async with mine.client(app) as me, yours.client(app) as you:
                answers = [await me.get("/products/1"), await you.get("/products/2")]
                answers += await asyncio.gather(me.get("/products/1"), you.get("/products/2"))
                return [answer.json()["name"] for answer in answers]

        assert ["Lamp 1", "Lamp 2", "Lamp 1", "Lamp 2"] == run_virtual(main())
        assert (2, 2) == (mine.calls(Catalog.product), yours.calls(Catalog.product))

    @pytest.mark.parametrize("after", [0.1, 0.0])
    def test_equal_requests_at_the_same_time_make_the_calls_that_they_make_in_earnest(self, after: float) -> None:
        """One, as the app's own layers have it: no answer is there in the turn in which it is asked for."""
        fakes, other = shop(), shop()
        for each_ in (fakes, other):
            each_.on(Catalog.product).returns(LAMP, after=after)

        async def main() -> list[int]:
            async with fakes.client(app) as phone, other.client(app) as another:
                replies = await asyncio.gather(*(client.get("/products/7") for client in (phone, phone, another)))
                return [reply.status_code for reply in replies]

        assert [200, 200, 200] == run_virtual(main())
        assert (1, 1) == (fakes.calls(Catalog.product), other.calls(Catalog.product))

    def test_outside_of_a_client_an_app_calls_its_upstreams_as_ever(self) -> None:
        sent: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request.url.host)
            return httpx.Response(200, json=LAMP)

        real = BFF(Phone, upstreams={Catalog: {"transport": httpx.MockTransport(answer)}}, observers=())
        fakes = shop()

        async def main() -> None:
            async with fakes.client(real) as phone:
                assert 200 == (await phone.get("/products/7")).status_code
                assert [] == sent
                async with httpx.AsyncClient(transport=httpx.ASGITransport(real), base_url="http://test") as other:
                    await other.get("/products/7")
                assert ["catalog.test"] == sent

        asyncio.run(main())

    def test_an_app_is_ready_however_often_it_was_started(self) -> None:
        assert [200, 200] == [ask(Fakes(), "/readyz")[0].status_code for _ in range(2)]

    def test_a_profile_in_an_app_of_somebody_else_is_answered_too(self) -> None:
        existing = FastAPI()
        existing.include_router(Phone.router(observers=()), prefix="/shop")
        assert "Lamp" == ask(shop(), "/shop/products/7", existing)[0].json()["name"]

    def test_waiting_for_ever_is_told_of(self) -> None:
        class Patient(Upstream):
            base_url = "http://patient.test"
            timeout = None

            @call.get("/")
            def wait(self) -> Review: ...

        fakes = Fakes()
        fakes.on(Patient.wait).fails("timeout")

        async def main() -> None:
            with fakes.active():
                async with Patient() as patient:
                    await patient.wait()

        with pytest.raises(Deadlock):
            run_virtual(main())
