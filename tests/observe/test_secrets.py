"""A secret that is put wherever one can be comes out nowhere, whatever happens to the call."""

import asyncio
import logging
import traceback
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from bff import (
    BFF,
    Bulkhead,
    CircuitBreaker,
    ClientProfile,
    DeclarationError,
    LoggingObserver,
    Retry,
    Shape,
    Timeout,
    Upstream,
    call,
    endpoint,
)
from bff.ambassador import Ambassador, AmbassadorTransport, Context, HttpxWire, LeanWire, Policies, Request, Response
from bff.events import Event, Observer
from bff.observe.otel import OpenTelemetryObserver
from bff.observe.prometheus import PrometheusObserver
from tests.support import faults
from tests.support.faults import FaultServer, answer, refusing_port

WORD: Final = "s3cr3t"
USER: Final = f"user:{WORD}-password"
FORMS: Final = (WORD, b64encode(USER.encode()).decode().rstrip("="))
BODY: Final = f'{{"name":"{WORD}-in-the-body"}}'.encode()

# What an upstream may send, with the secret in it, well-formed or not.
LEAKY: Final[dict[str, bytes]] = {
    "ok": answer(BODY, set_cookie=f"session={WORD}-in-a-cookie", x_token=f"{WORD}-in-a-header"),
    "500": answer(BODY, "500 Internal Server Error", set_cookie=f"session={WORD}-in-a-cookie"),
    "429": answer(BODY, "429 Too Many Requests", retry_after="0"),
    "503": answer(BODY, f"503 {WORD}-in-the-reason", set_cookie=f"session={WORD}-in-a-cookie"),
    "404": answer(BODY, "404 Not Found"),
    "redirect": answer(BODY, "302 Found", location=f"https://{USER}@elsewhere/?token={WORD}"),
    "short": b"HTTP/1.1 200 OK\r\nset-cookie: session=%b\r\ncontent-length: 1000\r\n\r\n%b" % (WORD.encode(), BODY),
    "cut-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n%b" % BODY,
    "bad-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%b\r\nwhatever\r\n0\r\n\r\n" % WORD.encode(),
    "head-only": b"HTTP/1.1 200 OK\r\nset-cookie: session=%b\r\nx-more: %b" % (WORD.encode(), WORD.encode()),
    "garbage": b"%b-is-no-status-line\r\n\r\n" % WORD.encode(),
    "bad-header": b"HTTP/1.1 200 OK\r\n%b is no header\r\n\r\n" % WORD.encode(),
    "bad-value": b"HTTP/1.1 200 OK\r\nset-cookie: %b\0\r\n\r\n" % WORD.encode(),
    "huge-header": answer(b"", set_cookie=WORD * 2000),
    "bad-gzip": answer(BODY, content_encoding="gzip"),
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: %b\r\nconnection: upgrade\r\n\r\n" % WORD.encode(),
    "long": b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n1234%b" % BODY,
    "20mb": answer(BODY * 100),
}
PATHS: Final = [*LEAKY, "reset", "reset-half", "hang", "half", "nothing", "unasked", "many-headers"]


@pytest.fixture(autouse=True)
def _leaky_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in LEAKY.items():
        monkeypatch.setitem(faults.ANSWERS, name, content)


@dataclass
class Evidence:
    """Everything that is told, logged, raised or shown."""

    caplog: pytest.LogCaptureFixture
    texts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __post_init__(self) -> None:
        self.caplog.set_level(logging.DEBUG, "bff")
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.registry = CollectorRegistry()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.observers: list[Observer] = [
            self.told,
            LoggingObserver(),
            OpenTelemetryObserver(tracer_provider=tracers, meter_provider=meters),
            PrometheusObserver(registry=self.registry),
        ]
        self.events: list[Event] = []

    def told(self, event: Event) -> None:
        self.events.append(event)
        self.show("event", event)

    def show(self, what: str, thing: object) -> None:
        self.texts += [(what, repr(thing)), (what, str(thing))]

    def raised(self, error: BaseException) -> None:
        """Look at an error and at all that it came from, hidden from tracebacks or not."""
        todo, seen = [error], set[int]()
        while todo:
            current = todo.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            self.show(f"error {type(current).__module__}.{type(current).__name__}", current)
            self.show("arguments", current.args)
            todo += [link for link in (current.__cause__, current.__context__) if link is not None]
        self.texts.append(("traceback", "".join(traceback.format_exception(error))))

    async def of(self, asked: Awaitable[object]) -> None:
        """Look at how something ends."""
        try:
            self.show("result", await asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
            self.raised(error)

    def leaks(self) -> set[tuple[str, str]]:
        """Return where a secret is to be seen, and in what."""
        formatter = logging.Formatter("%(message)s")
        for record in self.caplog.records:
            self.texts += [("log", formatter.format(record)), ("record", repr(vars(record)))]
        self.texts += [("span", span.to_json()) for span in self.exporter.get_finished_spans()]
        data = self.reader.get_metrics_data()
        self.texts += [
            ("metric", data.to_json() if data else ""),
            ("exposition", generate_latest(self.registry).decode()),
        ]
        return {(what, text[:300]) for what, text in self.texts if any(form in text for form in FORMS)}


@pytest.fixture
def evidence(caplog: pytest.LogCaptureFixture) -> Evidence:
    return Evidence(caplog)


def credentials(_: Request) -> dict[str, str]:
    return {"authorization": f"Bearer {WORD}-of-auth", "x-signature": f"{WORD}-signature"}


POLICIES: Final[dict[str, Any]] = {
    "timeout": Timeout(total=5.0, per_try=0.1),
    "retry": Retry(2, wait=lambda _: 0.0),
    "breaker": CircuitBreaker(min_calls=1000),
}


def ambassador_to(
    origin: str, evidence: Evidence, *, wire: Literal["lean", "httpx"] = "lean", **more: Any
) -> Ambassador:
    """Return an ambassador that carries a secret wherever it can."""
    scheme, _, authority = origin.partition("://")
    return Ambassador(
        f"{scheme}://{USER}@{authority}",
        name="catalog",
        headers={"x-api-key": f"{WORD}-key"},
        observers=evidence.observers,
        max_body=2000,
        auth=credentials,
        transport=httpx.AsyncHTTPTransport() if wire == "httpx" else None,
        **{**POLICIES, **more},
    )


async def asked_all_over(it: Ambassador, path: str, evidence: Evidence) -> None:
    """Ask for a path, with secrets in the query, the headers and the body, as a read and as a write."""
    params, headers = {"token": f"{WORD}-token"}, {"cookie": f"session={WORD}", "authorization": WORD}
    await evidence.of(it.get(path, params=params, headers=headers))
    await evidence.of(it.post(path, json={"password": f"{WORD}-of-a-user"}, headers={"idempotency-key": WORD}))
    await evidence.of(read_all(it, path, evidence))
    evidence.show("ambassador", it)
    evidence.show("statistics", it.statistics())


async def read_all(it: Ambassador, path: str, evidence: Evidence) -> None:
    """Ask for a path and read its answer while it comes."""
    async with it.stream("GET", path, params={"token": f"{WORD}-token"}) as answer:
        evidence.show("streamed", answer)
        await answer.aread()


@pytest.mark.parametrize("wire", ["lean", "httpx"])
def test_no_answer_and_no_failure_gives_a_secret_away(wire: Literal["lean", "httpx"], evidence: Evidence) -> None:
    async def main() -> None:
        async with FaultServer() as server, ambassador_to(server.origin, evidence, wire=wire) as it:
            for path in PATHS:
                await asked_all_over(it, f"/{path}", evidence)
            await evidence.of(it.get(f"/ok/http://{USER}@elsewhere/"))
            await evidence.of(it.get(f"/ok/../http://{USER}@elsewhere/"))
            assert all(WORD in request.header("authorization")[0] for request in server.requests)

    asyncio.run(main())
    assert len(PATHS) * 2 <= len({getattr(event, "call", 0) for event in evidence.events})
    assert set() == evidence.leaks()


@pytest.mark.parametrize("wire", ["lean", "httpx"])
def test_no_refusal_gives_a_secret_away(wire: Literal["lean", "httpx"], evidence: Evidence) -> None:
    async def main() -> None:
        with refusing_port() as port:
            async with ambassador_to(f"http://127.0.0.1:{port}", evidence, wire=wire) as it:
                await asked_all_over(it, "/ok", evidence)
        async with FaultServer() as server:
            async with ambassador_to(server.origin, evidence, wire=wire, breaker=CircuitBreaker()) as it:
                it.force_breaker("open")
                await asked_all_over(it, "/ok", evidence)
            async with ambassador_to(server.origin, evidence, wire=wire, bulkhead=Bulkhead(1, queue=0)) as it:
                await asyncio.gather(*(asked_all_over(it, "/hang", evidence) for _ in range(2)))
            async with ambassador_to(server.origin, evidence, wire=wire) as it:
                await asked_all_over(it, "/../up", evidence)
                await evidence.of(it.get(f"/%2e%2e/?token={WORD}"))
                await evidence.of(it.get("/ok", headers={"x-key": f"{WORD}\r\nx-other: 1"}))
                await evidence.of(it.get("/ok", headers={"x-key": f"{WORD}\udc80"}))
                given_up = asyncio.ensure_future(it.get("/hang", params={"token": WORD}))
                await server.until(lambda: any("token" in request.target for request in server.requests))
                given_up.cancel()
                await asyncio.gather(given_up, return_exceptions=True)

    asyncio.run(main())
    causes = {getattr(event, "cause", "") for event in evidence.events}
    assert {"unreachable", "open", "not-found", "overloaded", "error", "timeout"} <= causes
    assert set() == evidence.leaks()


def test_a_client_of_httpx_gives_none_away(evidence: Evidence) -> None:
    """The errors are httpx's, whose request is the caller's own and known to him: what they say is looked at."""

    async def main() -> None:
        transport = AmbassadorTransport(observers=evidence.observers, **POLICIES)
        async with FaultServer() as server, httpx.AsyncClient(transport=transport) as client:
            origin = server.origin.replace("//", f"//{USER}@")

            async def status(path: str) -> int:
                url, headers = f"{origin}/{path}", {"cookie": WORD}
                return (await client.get(url, params={"token": WORD}, headers=headers, timeout=0.5)).status_code

            for path in PATHS:
                await evidence.of(status(path))
            evidence.show("transport", transport)
            evidence.show("statistics", transport.statistics())

    asyncio.run(main())
    assert set() == evidence.leaks()


class Account(Shape):
    name: int


class Accounts(Upstream):
    base_url = f"http://{USER}@accounts"
    headers = {"x-api-key": f"{WORD}-key"}  # noqa: RUF012 - as users write it
    accept_headers = ("authorization", "cookie", "traceparent")
    auth = staticmethod(credentials)
    max_body = 2000
    retry = Retry(2, wait=lambda _: 0.0)
    timeout = Timeout(total=5.0, per_try=0.1)
    breaker = None

    @call.get("/{path}")
    def account(self, path: str, token: str) -> Account: ...


class Web(ClientProfile):
    deadline = 0.5
    forward_headers = ("authorization", "cookie", "traceparent")
    expose = True

    @endpoint.get("/accounts/{path}")
    def account(self, path: str, token: str) -> Account:
        return Account.of(Accounts.account(path, token=token))


def test_a_page_gives_none_away(evidence: Evidence) -> None:
    """What a client sees of failures is looked at too."""

    async def main() -> None:
        async with FaultServer() as server:
            address = server.origin.replace("//", f"//{USER}@")
            app = BFF(Web, upstreams={Accounts: address}, observers=evidence.observers)
            transport = httpx.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://web") as web,
            ):
                headers = {"authorization": f"Bearer {WORD}", "cookie": f"session={WORD}"}
                for path in [*PATHS, ".."]:
                    answered = await web.get(f"/accounts/{path}", params={"token": WORD}, headers=headers)
                    evidence.texts.append(("answer", f"{answered.headers} {answered.text}"))
                assert any(f"Bearer {WORD}" in request.header("authorization")[0] for request in server.requests)
            for upstream in app.upstreams.values():
                evidence.show("upstream", upstream)
                evidence.show("connection", upstream.connection)
                evidence.show("statistics", upstream.statistics())
                evidence.show("binding", upstream.binding(Accounts.account))  # type: ignore[arg-type]
            evidence.show("app", app)

    asyncio.run(main())
    assert {"contract", "status"} <= {getattr(event, "cause", "") for event in evidence.events}
    assert set() == evidence.leaks()


def test_an_endpoint_that_is_awaited_raises_none_of_it(evidence: Evidence) -> None:
    async def main() -> None:
        async with FaultServer() as server, Accounts(base_url=server.origin.replace("//", f"//{USER}@")) as accounts:
            for path in PATHS:
                await evidence.of(accounts.account(path, token=WORD))
            evidence.show("upstream", accounts)

    asyncio.run(main())
    assert any(what.startswith("error bff.errors.ContractViolation") for what, _ in evidence.texts)
    assert set() == evidence.leaks()


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Ambassador(f"ftp://{USER}@catalog"),
        lambda: Ambassador(f"http://{USER}@catalog/?token={WORD}"),
        lambda: Ambassador(f"http://catalog/?token={WORD}"),
        lambda: Ambassador(f"http://catalog/#{WORD}"),
        lambda: Ambassador(f"http://{USER}@"),
        lambda: Ambassador(f"http://user:{WORD}/more@catalog"),
        lambda: Ambassador(f"{USER}@catalog"),
        lambda: Accounts(base_url=f"ftp://{USER}@catalog"),
        lambda: Accounts(headers=WORD),  # type: ignore[arg-type]
        lambda: Accounts(max_body=WORD),  # type: ignore[arg-type]
        lambda: BFF(Web, upstreams={Accounts: f"ftp://{USER}@catalog"}),
        lambda: BFF(Web, upstreams={Accounts: {"headers": WORD}}),
    ],
)
def test_no_mistake_in_a_declaration_gives_a_secret_away(declare: Callable[[], object], evidence: Evidence) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare()
    evidence.raised(caught.value)
    # The traceback quotes this file, in which the secret has a name.
    assert set() == {leak for leak in evidence.leaks() if leak[0] != "traceback"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BFF_ACCOUNTS__HEADERS", f'{{"x-api-key": "{WORD}"'),
        ("BFF_ACCOUNTS__HEADERS", f'"{WORD}"'),
        ("BFF_ACCOUNTS__BASE_URL", f"ftp://{USER}@catalog"),
        ("BFF_ACCOUNTS__AUTH", WORD),
        ("BFF_ACCOUNTS__TIMEOUT", WORD),
        ("BFF_ACCOUNTS__TIMEOUT__TOTAL", WORD),
    ],
)
def test_no_mistake_in_the_environment_gives_a_secret_away(
    name: str, value: str, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(DeclarationError) as caught:
        Accounts()
    evidence.raised(caught.value)
    assert set() == evidence.leaks()


def test_what_can_be_shown_shows_none_of_it(evidence: Evidence) -> None:
    request = Request("GET", "http://catalog", f"/a?token={WORD}", [("cookie", WORD)], WORD.encode())

    async def context() -> Context:
        return Context("catalog", "product")

    for thing in (
        request,
        asyncio.run(context()),
        Response(200, {"set-cookie": WORD}, WORD.encode()),
        Policies(),
        LeanWire(),
        HttpxWire(httpx.MockTransport(lambda _: httpx.Response(200))),
    ):
        evidence.show("public", thing)
    assert set() == evidence.leaks()


def test_an_observer_that_fails_is_logged_without_what_it_was_told(evidence: Evidence) -> None:
    def failing(_: Event) -> None:
        raise LookupError

    evidence.observers.append(failing)

    async def main() -> None:
        async with FaultServer() as server, ambassador_to(server.origin, evidence) as it:
            await asked_all_over(it, "/ok", evidence)

    asyncio.run(main())
    assert any("failing" in record.getMessage() for record in evidence.caplog.records)
    assert set() == evidence.leaks()
