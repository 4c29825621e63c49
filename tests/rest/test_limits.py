"""What a client may ask of us, and what it may tell us: bodies, deadlines, tries, headers, partial answers."""

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from bff import BFF, ClientProfile, Shape, Upstream, call, endpoint, optional
from bff.events import Event, RequestFinished
from bff.rest._trust import Trust, attempt, seconds, trust
from tests.support.http import fetch
from tests.support.shop import Catalog, Inventory, Reply, Reviews, Wire, get, on
from tests.support.virtual import run


class Note(BaseModel):
    text: str


class Notes(ClientProfile):
    max_request_body = 100

    @endpoint.post("/notes")
    async def add(self, body: Note) -> int:
        return len(body.text)

    @endpoint.get("/notes/{number}")
    def note(self, number: int) -> int:
        return number

    @endpoint.post("/raw")
    async def raw(self, request: Request) -> int:
        return len(await request.body())

    @endpoint.post("/untouched")
    async def untouched(self) -> str:
        return "done"


class Unlimited(Notes):
    max_request_body = 2_000_000


class Default(ClientProfile):
    @endpoint.post("/notes")
    async def add(self, body: Note) -> int:
        return len(body.text)


def stream(app: Any, path: str, parts: list[bytes]) -> tuple[Reply, int]:
    """Send a body in parts, without a length; return the reply and how many parts the app took."""
    taken = 0
    sent: list[Any] = []

    async def receive() -> Any:
        nonlocal taken
        if taken == len(parts):
            await asyncio.Event().wait()
        taken += 1
        return {"type": "http.request", "body": parts[taken - 1], "more_body": taken < len(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }
    asyncio.run(app(scope, receive, send))
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert 1 == len(starts)
    headers = {name.decode(): value.decode() for name, value in starts[0]["headers"]}
    return Reply(starts[0]["status"], headers, b"".join(message.get("body", b"") for message in sent), 0.0), taken


class TestRequestBodies:
    def test_one_that_is_declared_too_large_is_refused(self) -> None:
        reply = fetch(BFF(Notes, observers=()), "/notes", method="POST", json={"text": "x" * 100})
        document = reply.json()
        assert (413, "too-large", "urn:bff:problem:too-large", "/notes") == (
            reply.status_code,
            document["cause"],
            document["type"],
            document["instance"],
        )
        assert ("application/problem+json", "no-store") == (
            reply.headers["content-type"],
            reply.headers["cache-control"],
        )
        assert "x-request-id" in reply.headers

    def test_one_that_grows_too_large_is_refused_before_it_is_read_whole(self) -> None:
        reply, taken = stream(BFF(Notes, observers=()), "/notes", [b"x" * 30] * 1000)
        assert (413, "too-large", 4) == (reply.status, reply.json()["cause"], taken)

    def test_one_that_the_endpoint_reads_itself_is_refused_too(self) -> None:
        reply, taken = stream(BFF(Notes, observers=()), "/raw", [b"x" * 60] * 1000)
        assert (413, 2) == (reply.status, taken)

    def test_an_endpoint_that_reads_the_body_itself_gets_all_of_it(self) -> None:
        """Who waits for the client to leave takes nothing of it."""

        class Reader(ClientProfile):
            @endpoint.post("/late")
            async def late(self, request: Request, catalog: Catalog) -> list[int]:
                await catalog.product(7)
                return [len(part) async for part in request.stream()]

        reply, taken = stream(BFF(Reader, upstreams=on(Wire()), observers=()), "/late", [b"x" * 10, b"y" * 20])
        assert ([10, 20], 2) == ([length for length in reply.json() if length], taken)

    @pytest.mark.parametrize("size", [100, 101])
    def test_the_limit_itself_is_allowed(self, size: int) -> None:
        content = b'{"text":"' + b"x" * (size - 11) + b'"}'
        assert size == len(content)
        app = BFF(Notes, observers=())
        headers = {"content-type": "application/json"}
        whole = fetch(app, "/notes", method="POST", content=content, headers=headers)
        parts, _ = stream(app, "/notes", [content[:50], content[50:]])
        expected = 200 if size == 100 else 413
        assert (expected, expected) == (whole.status_code, parts.status)

    def test_a_body_that_nobody_asked_for_has_the_limit_too(self) -> None:
        app = BFF(Notes, observers=())
        assert [413, 413] == [
            fetch(app, "/notes/7", content=b"x" * 101).status_code,
            fetch(app, "/untouched", method="POST", content=b"x" * 101).status_code,
        ]
        assert 200 == fetch(app, "/notes/7", content=b"x" * 100).status_code

    def test_a_client_may_send_more_than_another(self) -> None:
        app = BFF(Notes, Unlimited, observers=())
        body = {"text": "x" * 1_500_000}
        assert [413, 200] == [
            fetch(app, f"/{name}/notes", method="POST", json=body).status_code for name in ("notes", "unlimited")
        ]

    def test_the_default_is_a_megabyte(self) -> None:
        app = BFF(Default, observers=())
        sizes = [999_900, 1_000_100]
        assert [200, 413] == [
            fetch(app, "/notes", method="POST", json={"text": "x" * size}).status_code for size in sizes
        ]

    def test_it_is_documented(self) -> None:
        paths: Any = BFF(Notes, observers=()).openapi()["paths"]
        assert "413" in paths["/notes"]["post"]["responses"]
        assert "413" not in paths["/notes/{number}"]["get"]["responses"]

    def test_observers_are_told(self) -> None:
        seen: list[Event] = []
        app = BFF(Notes, observers=[seen.append])
        fetch(app, "/notes", method="POST", json={"text": "x" * 100})
        stream(app, "/notes", [b"x" * 60] * 3)
        assert [(413, "too-large")] * 2 == [
            (event.status, event.cause) for event in seen if isinstance(event, RequestFinished)
        ]

    def test_it_holds_in_another_app(self) -> None:
        existing = FastAPI()
        existing.include_router(Notes.router(observers=()), prefix="/in")
        assert 413 == fetch(existing, "/in/notes", method="POST", json={"text": "x" * 100}).status_code
        assert 413 == stream(existing, "/in/notes", [b"x" * 60] * 3)[0].status


class Patient(ClientProfile):
    deadline = 5.0

    @endpoint.get("/name")
    def title(self) -> str:
        return Catalog.product(7).name


class Trusting(Patient):
    trusted_peer = True


class Neighbour(Patient):
    trusted_peer = ("127.0.0.0/8", "::1")


class Stranger(Patient):
    trusted_peer = ("10.0.0.0/8",)


def ask(profile: type[ClientProfile], wire: Wire, **headers: str) -> Reply:
    app = BFF(profile, upstreams=on(wire), observers=())
    reply = run(get(app, "/name", headers={name.replace("_", "-"): value for name, value in headers.items()}))
    assert reply is not None
    return reply


class TestInboundDeadlines:
    @pytest.mark.parametrize(
        ("profile", "told", "after"),
        [
            (Trusting, "200", 0.2),
            (Neighbour, "200", 0.2),
            (Stranger, "200", 1.0),
            (Patient, "200", 1.0),
            (Trusting, "60000", 1.0),
            (Trusting, "0", 1.0),
            (Trusting, "-5", 1.0),
            (Trusting, "soon", 1.0),
            (Trusting, "1e2", 1.0),
        ],
    )
    def test_a_trusted_peer_s_deadline_counts_where_it_is_the_smaller(
        self, profile: type[ClientProfile], told: str, after: float
    ) -> None:
        reply = ask(profile, Wire(delays={"catalog.test": 1.0}), x_envoy_expected_rq_timeout_ms=told)
        assert (504 if after == 0.2 else 200) == reply.status
        assert pytest.approx(after) == reply.after

    def test_our_own_deadline_stays_where_it_is_the_smaller(self) -> None:
        class Hasty(Trusting):
            deadline = 0.1

        reply = ask(Hasty, Wire(delays={"catalog.test": 1.0}), x_envoy_expected_rq_timeout_ms="500")
        assert 504 == reply.status
        assert pytest.approx(0.1) == reply.after


class TestInboundRetries:
    """Who asks again does so for the whole request: what it is made of is then tried once."""

    @pytest.mark.parametrize(
        ("profile", "told", "tries"),
        [(Trusting, "2", 1), (Neighbour, "3", 1), (Trusting, "1", 3), (Trusting, "x", 3), (Patient, "2", 3)],
    )
    def test_a_trusted_peer_s_retry_is_not_multiplied(
        self, profile: type[ClientProfile], told: str, tries: int
    ) -> None:
        wire = Wire(failures={"catalog.test": 503})
        app = BFF(profile, upstreams={Catalog: {"transport": wire, "retry": {"attempts": 3}}}, observers=())
        reply = run(get(app, "/name", headers={"x-envoy-attempt-count": told}))
        assert reply is not None
        assert (502, tries) == (reply.status, len(wire.requests))


@pytest.mark.parametrize(
    ("peer", "client", "is_covered"),
    [
        (("10.0.0.0/8", "192.168.1.7"), ("10.1.2.3", 1), True),
        (("10.0.0.0/8", "192.168.1.7"), ("192.168.1.7", 1), True),
        (("10.0.0.0/8", "192.168.1.7"), ("192.168.1.8", 1), False),
        (("10.0.0.0/8",), ("::ffff:10.1.2.3", 1), True),
        (("fd00::/8",), ("fd00::1", 1), True),
        (("fd00::/8",), ("10.1.2.3", 1), False),
        (("10.0.0.0/8",), ("testclient", 1), False),
        (("10.0.0.0/8",), None, False),
        (True, None, True),
    ],
)
def test_a_peer_is_known_by_its_address(peer: Any, client: Any, is_covered: bool) -> None:
    believed = trust(peer)
    assert believed is not None
    assert is_covered == believed.covers({"client": client})


def test_nobody_is_believed_unless_asked_for() -> None:
    assert (None, Trust(is_everyone=True)) == (trust(False), trust(True))
    assert (None, 1) == (seconds({}), attempt({}))


class Whole(ClientProfile):
    on_partial = "fail"
    expose = True

    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> list[int | str | None]:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        reviews = optional(Reviews.of_product(product_id), default=[])
        return [product.name, stock.available, reviews[0].rating]


class Degraded(Whole):
    on_partial = "degrade"


class TestPartialAnswers:
    @pytest.mark.parametrize(
        ("failures", "delays", "status", "cause", "upstream"),
        [
            ({"inventory.test": 500}, {}, 502, "status", "inventory"),
            ({"reviews.test": httpx.ConnectError("refused")}, {}, 502, "unreachable", "reviews"),
            ({"reviews.test": b"{"}, {}, 502, "contract", "reviews"),
            ({"reviews.test": 404}, {}, 404, "not-found", "reviews"),
            ({}, {"reviews.test": 60.0}, 504, "timeout", "reviews"),
        ],
    )
    def test_a_client_that_wants_none_gets_the_failure_of_what_is_missing(
        self, failures: dict[str, Any], delays: dict[str, float], status: int, cause: str, upstream: str
    ) -> None:
        async def answers() -> list[Reply | None]:
            app = BFF(Whole, Degraded, upstreams=on(Wire(failures=failures, delays=delays)), observers=())
            return [await get(app, f"/{name}/products/7") for name in ("whole", "degraded")]

        whole, degraded = run(answers())
        assert whole is not None
        assert degraded is not None
        document = whole.json()
        assert (status, cause, upstream) == (whole.status, document["cause"], document["upstream"])
        assert (200, f"cause={cause}") == (degraded.status, degraded.headers["bff-partial"].rpartition(";")[2])
        assert ("no-store", None) == (whole.headers["cache-control"], whole.headers.get("bff-partial"))

    def test_a_whole_answer_is_the_same(self) -> None:
        app = BFF(Whole, Degraded, upstreams=on(Wire()), observers=())
        assert [["Lamp", 3, 5]] * 2 == [fetch(app, f"/{name}/products/7").json() for name in ("whole", "degraded")]

    def test_it_fails_as_soon_as_the_first_part_does(self) -> None:
        wire = Wire(failures={"reviews.test": 500}, delays={"inventory.test": 3.0})
        reply = run(get(BFF(Whole, upstreams=on(wire), observers=()), "/products/7"))
        assert reply is not None
        assert (502, ["inventory.test"]) == (reply.status, wire.cancelled)
        assert pytest.approx(0.0) == reply.after


class Page(Shape):
    name: str


@pytest.mark.parametrize("name", ["x-tenant", "authorization", "cookie", "accept-language", "traceparent"])
@pytest.mark.parametrize(("is_forwarded", "is_accepted"), [*itertools.product([True, False], repeat=2)])
@pytest.mark.parametrize("is_traced", [True, False])
def test_a_header_travels_only_where_client_and_upstream_both_let_it(
    name: str, is_forwarded: bool, is_accepted: bool, is_traced: bool
) -> None:
    class Things(Upstream):
        base_url = "http://catalog.test"
        accept_headers = (name.title(),) if is_accepted else ()

        @call.get("/things/{number}")
        def thing(self, number: int) -> Page: ...

    class Traced(ClientProfile):
        forward_headers = (name.upper(),) if is_forwarded else ()

        @endpoint.get("/page")
        def page(self) -> Page:
            return Page.of(Things.thing(7))

    class Awaited(ClientProfile):
        forward_headers = Traced.forward_headers

        @endpoint.get("/page")
        async def page(self, things: Things) -> Page:
            return Page.of(await things.thing(7))

    wire = Wire()
    app = BFF(Traced if is_traced else Awaited, upstreams=on(wire, Things), observers=())
    value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reply = fetch(app, "/page", headers={name: value})
    travels = is_forwarded and is_accepted
    assert (200, value if travels else None) == (reply.status_code, wire.requests[0].headers.get(name))
    is_personal = "private" in reply.headers["cache-control"]
    assert (travels and name in {"authorization", "cookie"}) == is_personal
    assert (travels and name != "traceparent") == (reply.headers.get("vary") == name)
