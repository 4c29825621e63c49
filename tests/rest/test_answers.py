"""What a client sees: answers, caching, partial answers, problems, and FastAPI all around."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from bff import BFF, ClientProfile, Shape, Upstream, call, each, endpoint, header, now, optional
from bff.events import CallFailed, Event, RequestFinished
from tests.support.shop import Catalog, Inventory, Reply, Reviews, Wire, get, on
from tests.support.virtual import run


class Card(Shape):
    id: int
    name: str
    in_stock: bool | None


class Phone(ClientProfile):
    expose = True

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        """One product, small."""
        product = Catalog.product(product_id)
        return Card.of(product, in_stock=optional(Inventory.stock(product.sku)).available > 0)


def ask(
    path: str, wire: Wire | None = None, *profiles: type[ClientProfile], headers: Mapping[str, str] | None = None
) -> Reply:
    app = BFF(*(profiles or (Phone,)), upstreams=on(wire or Wire()), observers=())
    reply = run(get(app, path, headers=headers))
    assert reply is not None
    return reply


def fetch(app: Any, path: str, *, method: str = "GET", **content: Any) -> httpx.Response:
    """Ask as httpx does, for what `get` does not know: bodies, and exceptions that the server gets to see too."""

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **content)

    return asyncio.run(main())


class Stamp:
    """A pure ASGI middleware, as users write them."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def stamped(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-stamp", b"1"))
            await send(message)

        await self.app(scope, receive, stamped if scope["type"] == "http" else send)


class TestCaching:
    FRESH: Mapping[str, dict[str, str]] = {
        "catalog.test": {"cache-control": "max-age=60", "age": "10"},
        "inventory.test": {"cache-control": "max-age=30"},
    }

    def test_the_strictest_freshness_wins(self) -> None:
        assert "max-age=30" == ask("/products/7", Wire(headers={**self.FRESH})).headers["cache-control"]

    def test_an_answer_without_freshness_has_to_be_asked_about(self) -> None:
        assert "no-cache" == ask("/products/7").headers["cache-control"]

    def test_private_passes_on(self) -> None:
        headers = {**self.FRESH, "inventory.test": {"cache-control": "private, max-age=5"}}
        assert "private, max-age=5" == ask("/products/7", Wire(headers=headers)).headers["cache-control"]

    def test_who_has_the_answer_already_gets_304(self) -> None:
        first = ask("/products/7", Wire(headers={**self.FRESH}))
        again = ask("/products/7", Wire(headers={**self.FRESH}), headers={"if-none-match": first.headers["etag"]})
        assert (304, b"", first.headers["etag"]) == (again.status, again.body, again.headers["etag"])
        assert first.headers["cache-control"] == again.headers["cache-control"]

    def test_a_partial_answer_is_not_kept(self) -> None:
        reply = ask("/products/7", Wire(failures={"inventory.test": 500}, headers={**self.FRESH}))
        assert ("no-store", None) == (reply.headers["cache-control"], reply.headers.get("etag"))

    def test_reading_a_header_makes_the_answer_vary(self) -> None:
        class Polite(ClientProfile):
            @endpoint.get("/a")
            def traced(self) -> str | None:
                return header("X-Theme")

            @endpoint.get("/b")
            def declared(self, x_theme: Annotated[str, Header()] = "light") -> str:
                return x_theme

        for path in ("/a", "/b"):
            reply = ask(path, None, Polite, headers={"X-Theme": "dark"})
            assert ("x-theme", "dark") == (reply.headers["vary"], reply.json())

    def test_a_cookie_a_dependency_and_a_credential_make_it_private(self) -> None:
        async def who() -> str:
            return "anna"

        class Personal(ClientProfile):
            @endpoint.get("/cookie")
            def cookie(self, session: Annotated[str, Cookie()] = "") -> str:
                return session

            @endpoint.get("/depends")
            def depends(self, user: Annotated[str, Depends(who)]) -> str:
                return user

            @endpoint.get("/header")
            def credential(self) -> str | None:
                return header("Authorization")

        for path in ("/cookie", "/depends", "/header"):
            assert "private, no-cache" == ask(path, None, Personal).headers["cache-control"]


class TestForwarding:
    def test_a_header_travels_only_where_both_sides_let_it(self) -> None:
        class German(Catalog):
            accept_headers = ("accept-language", "x-tenant")

        class Web(ClientProfile):
            forward_headers = ("accept-language", "authorization")

            @endpoint.get("/")
            def page(self) -> str:
                return German.product(7).name

        wire = Wire()
        app = BFF(Web, upstreams=on(wire, German), observers=())
        sent = {"accept-language": "de", "x-tenant": "t1", "authorization": "Bearer x"}
        reply = run(get(app, "/", headers=sent))
        assert reply is not None
        (request,) = wire.requests
        assert ("de", None, None) == tuple(
            request.headers.get(name) for name in ("accept-language", "x-tenant", "authorization")
        )
        assert "accept-language" == reply.headers["vary"]

    def test_the_request_id_is_taken_returned_and_sent_on(self) -> None:
        wire = Wire()
        reply = ask("/products/7", wire, headers={"x-request-id": "abc-1"})
        assert {"abc-1"} == {reply.headers["x-request-id"], *(r.headers["x-request-id"] for r in wire.requests)}

    def test_a_request_id_that_could_forge_a_line_is_replaced(self) -> None:
        assert "a b" != ask("/products/7", headers={"x-request-id": "a b"}).headers["x-request-id"]

    def test_timings_are_shown_only_to_whom_they_are_exposed(self) -> None:
        class Hidden(Phone):
            expose = False

        assert "catalog.product" in ask("/products/7").headers["server-timing"]
        assert "server-timing" not in ask("/products/7", None, Hidden).headers


class TestProblems:
    @pytest.mark.parametrize(
        ("failure", "status", "cause"),
        [
            (404, 404, "not-found"),
            (500, 502, "status"),
            (401, 502, "status"),
            (409, 502, "status"),
            (302, 502, "status"),
            (b"<html>", 502, "contract"),
            (b"{}", 502, "contract"),
            (httpx.ConnectError("refused"), 502, "unreachable"),
            (httpx.ReadError("reset"), 502, "unreachable"),
        ],
    )
    def test_a_failure_has_its_document(self, failure: int | Exception | bytes, status: int, cause: str) -> None:
        reply = ask("/products/7", Wire(failures={"catalog.test": failure}))
        document = reply.json()
        assert (status, status, cause) == (reply.status, document["status"], document["cause"])
        assert ("application/problem+json", "no-store") == (
            reply.headers["content-type"],
            reply.headers["cache-control"],
        )
        assert ("catalog", "product", "/products/7") == tuple(
            document[member] for member in ("upstream", "operation", "instance")
        )
        assert "secret" not in reply.body.decode()

    def test_a_404_of_what_the_client_did_not_ask_for_is_502(self) -> None:
        class Sensor(ClientProfile):
            @endpoint.get("/stock/{product_id}")
            def stock(self, product_id: int) -> int:
                return Inventory.stock(Catalog.product(product_id).sku).available

        reply = ask("/stock/7", Wire(failures={"inventory.test": 404}), Sensor)
        assert (502, "not-found") == (reply.status, reply.json()["cause"])

    def test_an_open_breaker_says_when_to_come_back(self) -> None:
        async def main() -> Reply | None:
            wire = Wire(failures={"catalog.test": 500})
            app = BFF(Phone, upstreams=on(wire, breaker={"min_calls": 2, "cooldown": 7.0}), observers=())
            for _ in range(2):
                await get(app, "/products/7")
            reply = await get(app, "/products/7")
            assert 2 == len(wire.requests)
            return reply

        reply = run(main())
        assert reply is not None
        assert (503, "open") == (reply.status, reply.json()["cause"])
        assert 1 <= int(reply.headers["retry-after"]) <= 8

    @pytest.mark.parametrize("path", ["%2e%2e", "..%2fadmin", "a%2fb", "%0d%0ax", "a%0db", "%00", "a%5cb", "%2e"])
    def test_a_path_value_of_a_client_reaches_no_other_resource(self, path: str) -> None:
        class Stocks(ClientProfile):
            @endpoint.get("/stock/{sku:path}")
            def stock(self, sku: str) -> int:
                return Inventory.stock(sku).available

        wire = Wire()
        reply = ask(f"/stock/{path}", wire, Stocks)
        assert (404, []) == (reply.status, wire.paths)

    def test_without_expose_nobody_learns_the_names(self) -> None:
        class Hidden(Phone):
            expose = False

        assert "upstream" not in ask("/products/7", Wire(failures={"catalog.test": 500}), Hidden).json()

    def test_an_absent_item_that_has_to_be_there_is_a_broken_contract(self) -> None:
        class Picture(ClientProfile):
            @endpoint.get("/picture")
            def picture(self) -> str:
                return Catalog.product(7).images[3].url

        reply = ask("/picture", None, Picture)
        assert (502, "contract") == (reply.status, reply.json()["cause"])

    def test_a_shape_with_rules_of_its_own_is_checked_per_request(self) -> None:
        class Strict(Shape):
            name: Annotated[str, Field(min_length=10)]

        class Web(ClientProfile):
            @endpoint.get("/strict")
            def strict(self) -> Strict:
                return Strict.of(Catalog.product(7))

        assert (502, "contract") == ((reply := ask("/strict", None, Web)).status, reply.json()["cause"])


class TestFastAPI:
    """The app is a FastAPI app, and everything that belongs to one works."""

    def test_parameters_are_checked_as_fastapi_does(self) -> None:
        class Search(ClientProfile):
            @endpoint.get("/search")
            def search(self, q: Annotated[str, Query(min_length=2)], limit: int = 5) -> str:
                return q

        async def search(q: Annotated[str, Query(min_length=2)], limit: int = 5) -> str:
            return q

        bare = FastAPI()
        bare.add_api_route("/search", search)
        for query in ("/search", "/search?q=a", "/search?q=ab&limit=x", "/search?q=ab"):
            theirs = run(get(bare, query))
            ours = ask(query, None, Search)
            assert theirs is not None
            assert (theirs.status, theirs.json()) == (ours.status, ours.json())
            assert "x-request-id" in ours.headers

    def test_openapi_says_what_there_is(self) -> None:
        document: Any = BFF(Phone, upstreams=on(Wire())).openapi()
        operation = document["paths"]["/products/{product_id}"]["get"]
        assert ["product_id"] == [parameter["name"] for parameter in operation["parameters"]]
        assert {"200", "404", "422", "502", "503", "504"} == set(operation["responses"])
        shown = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert {"$ref": "#/components/schemas/Card"} == shown
        assert ["application/problem+json"] == [*operation["responses"]["502"]["content"]]
        assert {"id", "name", "in_stock"} == set(document["components"]["schemas"]["Card"]["properties"])
        assert "One product, small." == operation["description"]

    def test_users_routes_dependencies_middleware_and_handlers_work(self) -> None:
        class Teapot(Exception):
            pass

        def noted(response: Response) -> str:
            response.headers["x-noted"] = "yes"
            return "noted"

        class Web(ClientProfile):
            @endpoint.get("/page")
            def page(self, note: Annotated[str, Depends(noted)]) -> str:
                return note

            @endpoint.get("/teapot")
            async def teapot(self) -> str:
                raise Teapot

            @endpoint.get("/gone")
            async def gone(self, request: Request) -> str:
                raise HTTPException(410, request.url.path)

        app = BFF(Web, observers=())
        app.add_middleware(Stamp)

        async def pour(_: Request, error: Exception) -> Response:
            return Response("tea", 418)

        app.add_exception_handler(Teapot, pour)
        app.add_api_route("/plain", lambda: "mine")
        page = fetch(app, "/page")
        assert ("noted", "yes", "1") == (page.json(), page.headers["x-noted"], page.headers["x-stamp"])
        assert ("mine", 418) == (fetch(app, "/plain").json(), fetch(app, "/teapot").status_code)
        assert (410, "/gone") == ((gone := fetch(app, "/gone")).status_code, gone.json()["detail"])
        assert "x-request-id" in gone.headers

    def test_what_nobody_expected_is_a_problem_document(self) -> None:
        class Web(ClientProfile):
            @endpoint.get("/broken")
            async def broken(self) -> str:
                raise RuntimeError("secret")

        app = BFF(Web, observers=())
        reply = fetch(app, "/broken")
        assert (500, "internal", "application/problem+json") == (
            reply.status_code,
            reply.json()["cause"],
            reply.headers["content-type"],
        )
        assert "secret" not in reply.text

    def test_a_profile_joins_an_existing_app(self) -> None:
        seen: list[str] = []

        def guard() -> None:
            seen.append("guarded")

        existing = FastAPI()
        existing.include_router(Phone.router(upstreams=on(Wire()), observers=()), prefix="/phone")
        existing.include_router(
            Phone.router(upstreams=on(Wire()), observers=()), prefix="/guarded", dependencies=[Depends(guard)]
        )
        assert "Lamp" == fetch(existing, "/phone/products/7").json()["name"]
        assert "Lamp" == fetch(existing, "/guarded/products/7").json()["name"]
        assert ["guarded"] == seen
        assert "/phone/products/{product_id}" in existing.openapi()["paths"]

    def test_overridden_dependencies_are_used(self) -> None:
        def user() -> str:
            return "real"

        class Web(ClientProfile):
            @endpoint.get("/me")
            def me(self, name: Annotated[str, Depends(user)]) -> str:
                return name

        app = BFF(Web, observers=())
        app.dependency_overrides[user] = lambda: "fake"
        assert "fake" == fetch(app, "/me").json()

    def test_methods_that_are_not_declared_are_refused(self) -> None:
        app = BFF(Phone, upstreams=on(Wire()), observers=())
        assert 405 == fetch(app, "/products/7", method="POST").status_code


class Note(BaseModel):
    text: str


class TestAsyncEndpoints:
    def test_a_body_comes_in_and_a_shape_goes_out(self) -> None:
        class Web(ClientProfile):
            @endpoint.post("/notes", status_code=201)
            async def add(self, body: Note, catalog: Catalog) -> Card:
                product = await catalog.product(7)
                return Card.of(product, in_stock=True)

        app = BFF(Web, upstreams=on(Wire()), observers=())
        reply = fetch(app, "/notes", method="POST", json={"text": "hello"})
        wrong = fetch(app, "/notes", method="POST", json={})
        assert (201, "no-store", 422) == (reply.status_code, reply.headers["cache-control"], wrong.status_code)
        assert {"id": 7, "name": "Lamp", "in_stock": True} == reply.json()

    def test_what_an_upstream_may_refuse_is_documented_and_told(self) -> None:
        class Notes(Upstream):
            base_url = "http://notes.test"

            @call.post("/notes", errors={409: "already-exists"})
            def add(self, body: Note) -> Note: ...

        class Web(ClientProfile):
            @endpoint.post("/notes", status_code=201)
            async def add(self, body: Note, notes: Notes) -> Note:
                return await notes.add(body)

        app = BFF(Web, upstreams=on(Wire(failures={"notes.test": 409}), Notes), observers=())
        reply = fetch(app, "/notes", method="POST", json={"text": "hello"})
        assert (409, "urn:bff:problem:already-exists") == (reply.status_code, reply.json()["type"])
        responses = app.openapi()["paths"]["/notes"]["post"]["responses"]
        assert {"201", "409", "413", "422", "502", "503", "504"} == set(responses)

    def test_a_404_of_what_the_client_asked_for_passes(self) -> None:
        class Web(ClientProfile):
            @endpoint.get("/products/{product_id}")
            async def product(self, product_id: int, catalog: Catalog) -> str:
                return (await catalog.product(product_id)).name

            @endpoint.get("/fixed")
            async def fixed(self, catalog: Catalog) -> str:
                return (await catalog.product(7)).name

        wire = Wire(failures={"catalog.test": 404})
        assert [404, 502] == [ask(path, wire, Web).status for path in ("/products/7", "/fixed")]


class TestSeveralProfiles:
    def test_each_is_served_under_its_prefix(self) -> None:
        class Web(Phone):
            pass

        class Kiosk(Phone):
            prefix = "/k"

        app = BFF(Phone, Web, Kiosk, upstreams=on(Wire()), observers=())
        statuses = [run(get(app, f"{prefix}/products/7")) for prefix in ("/phone", "/web", "/k", "")]
        assert [200, 200, 200, 404] == [reply.status for reply in statuses if reply]


class TestSeeing:
    def test_one_event_for_a_request_and_one_for_a_failed_call(self) -> None:
        seen: list[Event] = []
        app = BFF(Phone, upstreams=on(Wire(failures={"inventory.test": 500})), observers=[seen.append])
        run(get(app, "/products/7", headers={"x-request-id": "r1"}))
        (failed,) = [event for event in seen if isinstance(event, CallFailed)]
        (finished,) = [event for event in seen if isinstance(event, RequestFinished)]
        assert ("inventory", "stock", "status", "r1") == (
            failed.upstream,
            failed.operation,
            failed.cause,
            failed.request_id,
        )
        assert ("phone", "/products/{product_id}", "/products/7", 200, 2, ("in_stock",), "r1") == (
            finished.profile,
            finished.route,
            finished.path,
            finished.status,
            finished.calls,
            finished.missing,
            finished.request_id,
        )

    def test_a_422_has_an_access_line_too(self) -> None:
        seen: list[Event] = []
        app = BFF(Phone, upstreams=on(Wire()), observers=[seen.append])
        run(get(app, "/products/x"))
        assert [422] == [event.status for event in seen if isinstance(event, RequestFinished)]

    def test_lines_are_logged_unless_someone_says_otherwise(self, caplog: pytest.LogCaptureFixture) -> None:
        app = BFF(Phone, upstreams=on(Wire(failures={"inventory.test": 500})))
        with caplog.at_level(logging.INFO, logger="bff"):
            run(get(app, "/products/7"))
        assert ["bff.upstream", "bff.access"] == [record.name for record in caplog.records]

    def test_health_says_nothing_about_upstreams(self) -> None:
        wire = Wire(failures=dict.fromkeys(("catalog.test", "inventory.test"), 500))
        assert [200, 200] == [ask(path, wire).status for path in ("/healthz", "/readyz")]


def test_the_time_of_a_request_is_the_same_all_over_a_page() -> None:
    class Clock(ClientProfile):
        @endpoint.get("/now")
        def page(self) -> list[bool]:
            return [now() == now()]

    assert [True] == ask("/now", None, Clock).json()


def test_lists_and_reviews_are_shaped_item_by_item() -> None:
    class Line(Shape):
        title: str

    class Web(ClientProfile):
        @endpoint.get("/reviews")
        def reviews(self) -> list[Line]:
            return each(Reviews.of_product(7), Line.of)

    assert [{"title": "Bright"}] == ask("/reviews", None, Web).json()


def test_a_router_of_another_app_is_no_page() -> None:
    class Other(Upstream):
        base_url = "http://other.test"

        @call.get("/")
        def root(self) -> str: ...

    app = BFF(Phone, upstreams={**on(Wire()), Other: "http://elsewhere.test"}, observers=())
    app.include_router(APIRouter())
    assert {Catalog, Inventory, Other} == {*app.upstreams} - {Reviews}
    assert ["/products/{product_id}"] == [page.path for page in app.pages]


def test_no_answer_is_kept_between_requests() -> None:
    """Fresh or not, every request makes its own calls: there is no cache that nobody declared."""
    wire = Wire(headers={**TestCaching.FRESH})
    app = BFF(Phone, upstreams=on(wire), observers=())
    for _ in range(3):
        run(get(app, "/products/7"))
    assert 6 == len(wire.requests)


class Guarded(Catalog):
    accept_headers = ("authorization",)


class Insider(ClientProfile):
    forward_headers = ("authorization",)

    @endpoint.get("/guarded")
    def guarded(self) -> str:
        return Guarded.product(7).name

    @endpoint.get("/open")
    def open(self) -> int:
        return Inventory.stock(Guarded.product(7).sku).available

    @endpoint.get("/awaited")
    async def awaited(self, catalog: Guarded) -> str:
        return (await catalog.product(7)).name


class TestCredentials:
    """A 401 is the client's business where its own credential went along, and nowhere else."""

    @pytest.mark.parametrize(
        ("path", "host", "status"),
        [
            ("/guarded", "catalog.test", 401),
            ("/awaited", "catalog.test", 401),
            ("/open", "catalog.test", 401),
            ("/open", "inventory.test", 502),
        ],
    )
    def test_a_401_passes_only_from_where_the_credential_went(self, path: str, host: str, status: int) -> None:
        wire = Wire(failures={host: 401})
        app = BFF(Insider, upstreams=on(wire, Guarded, Inventory), observers=())
        reply = run(get(app, path, headers={"authorization": "Bearer x"}))
        assert reply is not None
        assert status == reply.status


def test_an_answer_that_breaks_its_contract_is_a_failed_call_for_observers() -> None:
    seen: list[Event] = []
    app = BFF(Phone, upstreams=on(Wire(failures={"catalog.test": b"{}"})), observers=[seen.append])
    run(get(app, "/products/7"))
    assert ["contract"] == [event.cause for event in seen if isinstance(event, CallFailed)]
