"""Requests come to their pages by a short way, and it is the way that the router would have taken."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Header, HTTPException, Request
from fastapi.responses import PlainTextResponse
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import NoOpTracerProvider
from starlette.requests import Request as StarletteRequest
from starlette.routing import BaseRoute, Host, Mount, Route, Router

from bff import BFF, ClientProfile, DeclarationError, endpoint
from bff.rest._route import PageRoute
from bff.rest._shortcut import Routes
from bff.rest._telemetry import Telemetry
from tests.support.http import fetch

SEGMENTS = ("a", "b", "{x}", "{y}", "{x:int}", "{x:path}", "a-{x}", "{x}{y:int}", "")
WORDS = ("a", "b", "7", "a-1", "", "x7", "a\n", "é", "%2F", "{x}")


def page_for(path: str, method: str, *, is_plain: bool) -> Any:
    """Return an endpoint that says which one it is, and what it was given."""
    names = re.findall(r"\{(\w+)", path)

    async def page(self: ClientProfile, **values: Any) -> list[str]:
        return [self.name, method, path, *(f"{name}={values[name]}" for name in names)]

    namespace: dict[str, Any] = {"page": page, "Header": Header, "Annotated": Annotated, "list": list, "str": str}
    more = [] if is_plain else ["x_more: Annotated[str, Header()] = ''"]
    parameters = ", ".join(["self", *(f"{name}: str" for name in names), *more])
    given = ", ".join(f"{name}={name}" for name in names)
    exec(f"async def made({parameters}) -> list[str]:\n    return await page(self, {given})", namespace)
    return getattr(endpoint, method.lower())(path)(namespace["made"])


@dataclass(frozen=True)
class Sketch:
    """A page of some profile, or a route of the user's before or after it."""

    kind: str
    path: str
    method: str
    is_plain: bool


def path_of(segments: Sequence[str]) -> str:
    return "/" + "/".join(segments)


def is_fit(path: str) -> bool:
    names = re.findall(r"\{(\w+)", path)
    return len(names) == len({*names})


PATHS = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(path_of).filter(is_fit)
KINDS = ("page", "page", "page", "mobile", "route", "included", "mount", "host")
SKETCHES = st.lists(
    st.builds(Sketch, st.sampled_from(KINDS), PATHS, st.sampled_from(["GET", "POST", "PUT"]), st.booleans()),
    min_size=1,
    max_size=8,
    unique_by=lambda sketch: (sketch.kind, sketch.path, sketch.method),
)
ASKED = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(path_of),
        st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
        st.sampled_from(["", "/a", "/a/b"]),
        st.sampled_from(["", "mobile"]),
        st.sampled_from(["test", "other"]),
    ),
    min_size=1,
    max_size=12,
)


def users(sketch: Sketch) -> BaseRoute:
    """Return a route that is not ours."""
    plain = sketch.path if is_fit(sketch.path) else "/a"

    async def answer(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(f"{sketch.kind} {plain} {sorted(request.path_params.items())}")

    match sketch.kind:
        case "mount":
            return Mount(re.sub(r"\{.*", "", plain).rstrip("/"), app=Router([Route("/b", answer)]))
        case "host":
            return Host("other", app=Router([Route(plain, answer, methods=[sketch.method])]))
        case "included":
            app, router = FastAPI(openapi_url=None), APIRouter()
            router.add_api_route(plain, _named(plain), methods=[sketch.method])
            app.include_router(router)
            return app.router.routes[-1]
        case _:
            return Route(plain, answer, methods=[sketch.method])


def _named(path: str) -> Callable[..., Any]:
    async def included(request: Request) -> str:
        return f"included {path} {sorted(request.path_params.items())}"

    return included


def app_of(sketches: Sequence[Sketch]) -> BFF:
    """Return an app with pages and users' routes in the order of the sketches."""
    profiles: list[type[ClientProfile]] = []
    for kind, attributes in (("page", {}), ("mobile", {"header": {"x-client": "mobile"}})):
        pages = {
            f"p{number}": page_for(sketch.path, sketch.method, is_plain=sketch.is_plain)
            for number, sketch in enumerate(sketches)
            if sketch.kind == kind
        }
        if pages:
            profiles.append(type(kind.capitalize(), (ClientProfile,), {**attributes, **pages}))
    app = BFF(*profiles, observers=(), title="test")
    ours = {(page.page.profile, page.page.method, page.path): page for page in app.pages}
    ordered = [
        ours[sketch.kind, sketch.method, sketch.path] if sketch.kind in {"page", "mobile"} else users(sketch)
        for sketch in sketches
    ]
    app.router.routes = Routes([*ordered, *(route for route in app.router.routes if route not in ordered)])
    return app


async def outcome(app: Any, path: str, method: str, root: str, client: str, host: str) -> Any:
    """Return what was sent, and what a request's scope says in the end of where it went."""
    sent: list[Any] = []
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": root,
        "query_string": b"",
        "scheme": "http",
        "server": ("test", 80),
        "path_params": {"outer": "1"},
        "headers": [(b"host", host.encode()), *([(b"x-client", client.encode())] if client else [])],
    }

    whole = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return next(whole, None) or await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *bodies = sent
    headers = {name: value for name, value in start["headers"] if name != b"x-request-id"}
    seen = {key: scope.get(key) for key in ("route", "endpoint", "path_params", "root_path")}
    return start["status"], headers, b"".join(body.get("body", b"") for body in bodies), seen, scope.get("app")


def plain(*paths: str) -> list[Sketch]:
    return [Sketch("page", path, "GET", is_plain=True) for path in paths]


@example(plain("/{x}", "/a"), [("/a", "GET", "", "", "test")])
@example(plain("/a", "/{x}"), [("/a\n", "GET", "", "", "test")])
@example(plain("/{x}/b", "/a/{y}"), [("/a/b", "GET", "", "", "test"), ("/a/b", "GET", "/a", "", "test")])
@example(plain("/{x:int}", "/{x}"), [("/7", "GET", "", "", "test"), ("/a", "GET", "", "", "test")])
@example([Sketch("mobile", "/a", "GET", is_plain=True), *plain("/{x}")], [("/a", "GET", "", "mobile", "test")])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(SKETCHES, ASKED)
def test_the_short_way_leads_where_the_router_does(
    sketches: list[Sketch], asked: list[tuple[str, str, str, str, str]]
) -> None:
    try:
        app = app_of(sketches)
    except DeclarationError:
        assume(False)
    short = app.router.routes
    assert isinstance(short, Routes)

    async def main() -> None:
        for request in asked:
            app.router.routes = short
            ours = await outcome(app, *request)
            # What is no list of ours is left to the router.
            app.router.routes = [*short]
            assert await outcome(app, *request) == ours

    asyncio.run(main())


class Web(ClientProfile):
    @endpoint.get("/pages/{number}")
    def page(self, number: int) -> int:
        return number

    @endpoint.get("/broken")
    async def broken(self) -> str:
        raise LookupError

    @endpoint.get("/gone")
    async def gone(self) -> str:
        raise HTTPException(410, "gone")


class Spy:
    """Stands in front of an app and notes what reaches FastAPI's own way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.long: list[str] = []
        whole = FastAPI.__call__

        async def called(app: FastAPI, scope: Any, receive: Any, send: Any) -> None:
            self.long.append(scope["path"])
            await whole(app, scope, receive, send)

        monkeypatch.setattr(FastAPI, "__call__", called)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(monkeypatch)


class Marked:
    """A middleware of the user's."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def marking(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-marked", b"1"))
            await send(message)

        await self.app(scope, receive, marking)


def test_a_page_is_entered_at_once(spy: Spy) -> None:
    app = BFF(Web, observers=())
    assert 7 == fetch(app, "/pages/7").json()
    assert [] == spy.long


def test_what_fastapi_has_to_see_to_goes_its_way(spy: Spy) -> None:
    app = BFF(Web, observers=())
    asked = [("/pages/x", "GET"), ("/pages/7", "HEAD"), ("/pages/7", "POST"), ("/pages/7/", "GET"), ("/nowhere", "GET")]
    statuses = [fetch(app, path, method=method).status_code for path, method in asked]
    assert [422, 405, 405, 307, 404] == statuses
    assert [path for path, _ in asked] == spy.long


def test_a_middleware_sees_every_request(spy: Spy) -> None:
    app = BFF(Web, observers=())
    app.add_middleware(Marked)
    assert "1" == fetch(app, "/pages/7").headers["x-marked"]
    assert ["/pages/7"] == spy.long


def test_a_middleware_that_is_put_in_by_other_means_sees_them_too() -> None:
    app = BFF(Web, observers=())
    assert "x-marked" not in fetch(app, "/pages/7").headers
    app.middleware_stack = Marked(app.build_middleware_stack())
    assert "1" == fetch(app, "/pages/7").headers["x-marked"]


@pytest.mark.parametrize("is_listed", [True, False])
def test_routes_may_change_while_it_serves(*, is_listed: bool) -> None:
    app = BFF(Web, observers=())
    assert 7 == fetch(app, "/pages/7").json()

    async def answer(_: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse("mine")

    mine = Route("/pages/{number}", answer)
    if is_listed:
        app.router.routes.insert(0, mine)
    else:
        app.router.routes = [mine, *app.router.routes]
    assert "mine" == fetch(app, "/pages/7").text
    app.router.routes.remove(mine)
    assert 7 == fetch(app, "/pages/7").json()
    app.router.routes[:] = [route for route in app.router.routes if not isinstance(route, PageRoute)]
    assert 404 == fetch(app, "/pages/7").status_code


def test_an_app_s_own_handlers_see_what_a_page_raises(caplog: pytest.LogCaptureFixture) -> None:
    app = BFF(Web, observers=())

    async def found(_: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(type(error).__name__, 418)

    app.add_exception_handler(LookupError, found)
    assert (418, "LookupError") == ((reply := fetch(app, "/broken")).status_code, reply.text)
    assert (410, "gone") == ((reply := fetch(app, "/gone")).status_code, reply.json()["detail"])


def test_an_exception_that_nobody_handles_reaches_the_server_as_itself() -> None:
    transport = httpx.ASGITransport(BFF(Web, observers=()), raise_app_exceptions=True)

    async def main() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get("/broken")

    with pytest.raises(LookupError) as caught:
        asyncio.run(main())
    assert "broken" in [frame.name for frame in caught.traceback]


@pytest.mark.parametrize("is_short", [True, False])
def test_what_fails_once_an_answer_is_under_way_is_answered_no_second_time(*, is_short: bool) -> None:
    app = BFF(Web, observers=())
    seen: list[Exception] = []

    async def noted(_: Request, error: Exception) -> PlainTextResponse:
        seen.append(error)
        return PlainTextResponse("", 500)

    app.add_exception_handler(Exception, noted)
    if not is_short:
        app.router.routes = [*app.router.routes]
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            raise OSError

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/pages/7", "query_string": b"", "headers": []}
    with pytest.raises(OSError):  # noqa: PT011 - it is the only one there is
        asyncio.run(app(scope, None, send))  # type: ignore[arg-type]
    assert ["http.response.start", "http.response.body"] == sent
    assert [OSError] == [type(error) for error in seen]


def test_telemetry_is_asked_for_again_when_it_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True, False])
    telemetry = Telemetry(lambda: next(answers))
    assert [False, False] == [telemetry.is_on, telemetry.is_on]
    with monkeypatch.context() as patch:
        patch.setattr("opentelemetry.trace._TRACER_PROVIDER", object())
        assert [True, True] == [telemetry.is_on, telemetry.is_on]
    assert [False, False] == [telemetry.is_on, telemetry.is_on]


def test_where_providers_are_not_known_telemetry_is_asked_for_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("opentelemetry.metrics._internal._METER_PROVIDER")
    answers = iter([False, True, False])
    telemetry = Telemetry(lambda: next(answers))
    assert [False, True, False] == [telemetry.is_on for _ in range(3)]


def test_while_telemetry_is_on_requests_go_by_it(spy: Spy, monkeypatch: pytest.MonkeyPatch) -> None:
    app = BFF(Web, observers=())
    fetch(app, "/pages/7")
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", NoOpTracerProvider())
    assert 7 == fetch(app, "/pages/7").json()
    assert ["/pages/7"] == spy.long


def test_an_app_within_another_one_is_told_of_by_that_one(spy: Spy) -> None:
    outer = FastAPI(max_body_size=100)
    outer.mount("/in", BFF(Web, observers=()))
    assert 7 == fetch(outer, "/in/pages/7").json()
    assert "/in/pages/7" in spy.long[1:]
