"""What OpenTelemetry is told, by its own SDK, of calls over real sockets."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    network_attributes,
    server_attributes,
    url_attributes,
)
from opentelemetry.semconv.metrics.http_metrics import HTTP_CLIENT_REQUEST_DURATION, HTTP_SERVER_REQUEST_DURATION
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bff import (
    BFF,
    CircuitBreaker,
    CircuitOpen,
    ClientProfile,
    Coalescing,
    Hedging,
    Retry,
    Shape,
    Timeout,
    Upstream,
    UpstreamUnreachable,
    call,
    endpoint,
)
from bff.ambassador import Ambassador, AmbassadorTransport, Policies, Request, build_onion
from bff.ambassador import Context as CallContext
from bff.events import AttemptFinished, AttemptStarted, CallCoalesced, CallFinished, CallStarted, Emitter, HedgeWon
from bff.observe._conventions import BUCKETS
from bff.observe._measures import MEASURES
from bff.observe.otel import W3C, OpenTelemetryObserver
from tests.support.faults import FaultServer
from tests.support.scripted import ScriptedWire, unreachable
from tests.support.virtual import run

AT_ONCE = Retry(3, wait=lambda _: 0.0)


@dataclass
class Telemetry:
    """An SDK that keeps everything in memory, and the observer that tells it."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.observer = OpenTelemetryObserver(tracer_provider=self.tracers, meter_provider=self.meters)

    def spans(self, kind: SpanKind) -> list[ReadableSpan]:
        """Return the spans of a kind in the order in which they began."""
        spans = [span for span in self.exporter.get_finished_spans() if span.kind is kind]
        return sorted(spans, key=lambda span: span.start_time or 0)

    def points(self, name: str) -> list[tuple[Mapping[str, Any], HistogramDataPoint | NumberDataPoint]]:
        """Return the attributes and values of a metric."""
        data = self.reader.get_metrics_data()
        metrics = [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        return [
            (dict(point.attributes or {}), point)  # type: ignore[misc]
            for metric in metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def spoken_to(
    telemetry: Telemetry, ask: Callable[[Ambassador, FaultServer], Awaitable[object]], **policies: Any
) -> FaultServer:
    """Let an ambassador speak to a real server, and return the server."""

    async def main() -> FaultServer:
        async with FaultServer() as server:
            async with Ambassador(
                server.origin, name="catalog", observers=[telemetry.observer], **policies
            ) as ambassador:
                await asyncio.gather(ask(ambassador, server), return_exceptions=True)
            return server

    return asyncio.run(main())


def identity(span: ReadableSpan) -> tuple[int, int]:
    """Return the numbers of a span's trace and of itself."""
    context = span.get_span_context()
    assert context is not None
    return context.trace_id, context.span_id


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_each_try_is_a_client_span_below_the_one_of_its_call(telemetry: Telemetry) -> None:
    """And that is a child of whatever is current."""
    outer = telemetry.tracers.get_tracer("test")

    async def ask(ambassador: Ambassador, _: FaultServer) -> None:
        with outer.start_as_current_span("page"):
            await ambassador.get("/reset")

    spoken_to(telemetry, ask, retry=AT_ONCE)
    page, called = telemetry.spans(SpanKind.INTERNAL)
    tries = telemetry.spans(SpanKind.CLIENT)
    assert ("page", "catalog") == (page.name, called.name)
    assert [identity(page), *[identity(called)] * 3] == [
        (span.parent.trace_id, span.parent.span_id) for span in [called, *tries] if span.parent is not None
    ]
    assert {identity(page)[0]} == {identity(span)[0] for span in [called, *tries]}
    assert [None, 1, 2] == [attributes(span).get(http_attributes.HTTP_REQUEST_RESEND_COUNT) for span in tries]
    assert ["unreachable"] * 3 == [attributes(span)[error_attributes.ERROR_TYPE] for span in tries]
    assert (3, "attempts") == (attributes(called)["bff.attempts"], attributes(called)["bff.retry.refused"])


def test_a_span_has_what_the_conventions_ask_for(telemetry: Telemetry) -> None:
    server = spoken_to(telemetry, lambda ambassador, _: ambassador.get("/ok", params={"token": "secret", "page": 2}))
    (span,) = telemetry.spans(SpanKind.CLIENT)
    assert "GET" == span.name
    assert {
        http_attributes.HTTP_REQUEST_METHOD: "GET",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200,
        server_attributes.SERVER_ADDRESS: "127.0.0.1",
        server_attributes.SERVER_PORT: server.port,
        url_attributes.URL_FULL: f"{server.origin}/ok?token=REDACTED&page=REDACTED",
        "bff.upstream": "catalog",
        "bff.operation": "",
        "bff.attempt.kind": "first",
    } == attributes(span)
    assert StatusCode.UNSET is span.status.status_code


@pytest.mark.parametrize(
    ("path", "error", "has_failed"),
    [
        ("/ok", None, False),
        ("/redirect", None, False),
        ("/500", "500", True),
        ("/reset", "unreachable", True),
        ("/garbage", "contract", True),
        ("/hang", "timeout", True),
    ],
)
def test_errors_are_told_as_the_conventions_have_them(
    telemetry: Telemetry, path: str, error: str | None, has_failed: bool
) -> None:
    spoken_to(telemetry, lambda ambassador, _: ambassador.get(path), retry=None, timeout=Timeout(per_try=0.25))
    (attempt,) = telemetry.spans(SpanKind.CLIENT)
    (called,) = telemetry.spans(SpanKind.INTERNAL)
    for span in (attempt, called):
        assert error == attributes(span).get(error_attributes.ERROR_TYPE)
        assert (StatusCode.ERROR if has_failed else StatusCode.UNSET) is span.status.status_code


def test_a_client_error_is_one_of_the_try_and_not_of_the_call(telemetry: Telemetry) -> None:
    async def main() -> None:
        onion = build_onion(
            Policies(), send=ScriptedWire([404]).send, name="catalog", emitter=Emitter([telemetry.observer])
        )
        await onion.send(Request("GET", "http://catalog", "/"), CallContext("catalog", "product"))

    run(main())
    (attempt,), (called,) = telemetry.spans(SpanKind.CLIENT), telemetry.spans(SpanKind.INTERNAL)
    assert (StatusCode.ERROR, "404") == (attempt.status.status_code, attributes(attempt)["error.type"])
    assert (StatusCode.UNSET, "catalog.product") == (called.status.status_code, called.name)
    assert ("catalog", 80) == (attributes(attempt)["server.address"], attributes(attempt)["server.port"])


def test_where_a_name_was_resolved_the_span_names_both(telemetry: Telemetry) -> None:
    async def main() -> None:
        onion = build_onion(Policies(), send=ScriptedWire().send, name="x", emitter=Emitter([telemetry.observer]))
        request = Request("PURGE", "https://10.0.0.7:8443", "/", host="catalog.example")
        await onion.send(request, CallContext("x"))

    run(main())
    (span,) = telemetry.spans(SpanKind.CLIENT)
    found = attributes(span)
    assert ("catalog.example", 443) == (found["server.address"], found["server.port"])
    peer = found[network_attributes.NETWORK_PEER_ADDRESS], found[network_attributes.NETWORK_PEER_PORT]
    assert ("10.0.0.7", 8443) == peer
    method = found[http_attributes.HTTP_REQUEST_METHOD], found[http_attributes.HTTP_REQUEST_METHOD_ORIGINAL]
    assert ("HTTP", "_OTHER", "PURGE") == (span.name, *method)


def parent_of(server: FaultServer, number: int) -> tuple[int, int]:
    """Return the span that a request came from, as its headers say."""
    headers = dict(server.requests[number].headers)
    context: Context = TraceContextTextMapPropagator().extract(headers)
    parent = trace.get_current_span(context).get_span_context()
    return parent.trace_id, parent.span_id


def test_the_upstream_is_told_of_the_try_that_it_is_asked_by(telemetry: Telemetry) -> None:
    server = spoken_to(telemetry, lambda ambassador, _: ambassador.get("/reset"), retry=AT_ONCE)
    sent = [identity(span) for span in telemetry.spans(SpanKind.CLIENT)]
    assert sent == [parent_of(server, number) for number in range(3)]
    assert all(len(request.header("traceparent")) == 1 for request in server.requests)


@pytest.mark.parametrize("has_propagator", [True, False])
def test_nothing_is_sent_to_third_parties_nor_without_a_propagator(has_propagator: bool) -> None:
    observer = OpenTelemetryObserver(propagator=W3C if has_propagator else None, tracer_provider=Telemetry().tracers)
    header = None if has_propagator else "x-budget"

    async def main() -> None:
        async with FaultServer() as server:
            async with Ambassador(server.origin, observers=[observer], deadline_header=header) as ambassador:
                await ambassador.get("/ok")
            assert [] == server.requests[0].header("traceparent")

    asyncio.run(main())


@pytest.mark.parametrize("has_inner", [False, True])
@pytest.mark.parametrize("given", [{}, {"Traceparent": "theirs", "x-other": "kept"}])
def test_a_client_of_httpx_sends_its_traces_on(telemetry: Telemetry, has_inner: bool, given: dict[str, str]) -> None:
    """Over the default wire, or over a transport of httpx's, which gets to see httpx's own request."""

    async def main() -> None:
        inner = httpx.AsyncHTTPTransport() if has_inner else None
        transport = AmbassadorTransport(inner, observers=[telemetry.observer])
        async with FaultServer() as server, httpx.AsyncClient(transport=transport) as client:
            await client.get(f"{server.origin}/ok", headers=given)
            (span,) = telemetry.spans(SpanKind.CLIENT)
            assert identity(span) == parent_of(server, 0)
            sent = server.requests[0]
            assert 1 == len(sent.header("traceparent"))
            assert [given[name] for name in given if name == "x-other"] == sent.header("x-other")

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/hang", "/half", "/drip"])
def test_a_call_that_is_cancelled_leaves_no_span_behind(telemetry: Telemetry, path: str) -> None:
    async def ask(ambassador: Ambassador, server: FaultServer) -> None:
        asked = asyncio.ensure_future(ambassador.get(path))
        await server.until(lambda: len(server.requests) == 1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    spoken_to(telemetry, ask)
    spans = telemetry.spans(SpanKind.CLIENT) + telemetry.spans(SpanKind.INTERNAL)
    assert [("cancelled", StatusCode.UNSET)] * 2 == [
        (attributes(span)["error.type"], span.status.status_code) for span in spans
    ]
    assert 0 == len(telemetry.observer._spans)


def test_thousands_of_random_ends_leave_no_span_behind(telemetry: Telemetry) -> None:
    async def main() -> None:
        wire = ScriptedWire([200, 503, unreachable(), 404] * 500, delay=0.25)
        policies = Policies(Timeout(total=1.0), AT_ONCE, CircuitBreaker())
        onion = build_onion(policies, send=wire.send, name="test", emitter=Emitter([telemetry.observer]))
        calls = [
            asyncio.ensure_future(onion.send(Request("GET", "http://test", "/"), CallContext("test")))
            for _ in range(1000)
        ]
        for number, asked in enumerate(calls):
            asyncio.get_running_loop().call_later(number / 1000, asked.cancel)
        await asyncio.gather(*calls, return_exceptions=True)
        assert 0 == len(telemetry.observer._spans)
        assert len(wire.sent) == len(telemetry.spans(SpanKind.CLIENT))
        assert len(calls) == len(telemetry.spans(SpanKind.INTERNAL))

    run(main())


def test_the_duration_of_each_try_is_a_metric_by_the_conventions(telemetry: Telemetry) -> None:
    server = spoken_to(telemetry, lambda ambassador, _: ambassador.get("/500", params={"q": "secret"}), retry=None)
    ((found, point),) = telemetry.points(HTTP_CLIENT_REQUEST_DURATION)
    assert {
        "http.request.method": "GET",
        "http.response.status_code": 500,
        "error.type": "500",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "url.scheme": "http",
        "bff.upstream": "catalog",
    } == found
    assert isinstance(point, HistogramDataPoint)
    assert (1, BUCKETS) == (point.count, tuple(point.explicit_bounds))
    ((found, _),) = telemetry.points("bff.client.call.duration")
    assert {"bff.upstream": "catalog", "http.response.status_code": 500, "error.type": "500"} == found


def values(telemetry: Telemetry, name: str) -> dict[tuple[Any, ...], Any]:
    return {
        tuple(found[key] for key in sorted(found)): point.value
        for found, point in telemetry.points(name)
        if isinstance(point, NumberDataPoint)
    }


def test_what_is_decided_about_tries_is_counted(telemetry: Telemetry) -> None:
    async def ask(ambassador: Ambassador, _: FaultServer) -> None:
        for _number in range(2):
            with pytest.raises((UpstreamUnreachable, CircuitOpen)):
                await ambassador.get("/reset")

    spoken_to(telemetry, ask, retry=AT_ONCE, breaker=CircuitBreaker(min_calls=3))
    assert {("first", "catalog"): 1, ("retry", "catalog"): 2} == values(telemetry, "bff.client.attempts")
    assert {("catalog", "unreachable"): 2} == values(telemetry, "bff.client.retries")
    assert {("attempts", "catalog", "unreachable"): 1} == values(telemetry, "bff.client.refused_retries")
    assert {("open", "catalog"): 1} == values(telemetry, "bff.client.breaker.changes")
    assert {("catalog",): 2} == values(telemetry, "bff.client.breaker.state")
    causes = [found["error.type"] for found, _ in telemetry.points("bff.client.call.duration")]
    assert ["open", "unreachable"] == sorted(causes)


def test_a_call_that_shared_the_answer_of_another_is_linked_to_it(telemetry: Telemetry) -> None:
    """Whether that one is still under way or has just ended."""
    observer = telemetry.observer

    def began(number: int) -> None:
        observer(CallStarted("catalog", "product", "GET", "", number))

    def shared(number: int, leader: int) -> None:
        observer(CallCoalesced("catalog", "product", "", "", call=number, leader_call=leader))

    def ended(number: int) -> None:
        observer(CallFinished("catalog", "product", 200, 0.5, 1, "", call=number))

    for number in (1, 2, 3, 4):
        began(number)
    shared(2, leader=1)
    ended(1)
    shared(3, leader=1)
    shared(4, leader=99)
    for number in (2, 3, 4):
        ended(number)
    spans = telemetry.spans(SpanKind.INTERNAL)
    leader = identity(spans[0])
    links = [[(link.context.trace_id, link.context.span_id) for link in span.links] for span in spans]
    assert [[], [leader], [leader], []] == links
    assert {("product", "catalog"): 3} == values(telemetry, "bff.client.coalesced_calls")


def test_a_hedge_is_a_span_beside_the_try_that_was_late(telemetry: Telemetry) -> None:
    observer = telemetry.observer
    first = ("catalog", "", 1, "first", "GET", "http://catalog/", "http://catalog", "", 7)
    hedge = (*first[:2], 2, "hedge", *first[4:])
    observer(CallStarted("catalog", "", "GET", "", 7))
    observer(AttemptStarted(*first))
    observer(AttemptStarted(*hedge))
    observer(AttemptFinished(*hedge, 200, "", 0.5))
    assert "<OpenTelemetryObserver: 2 spans under way>" == repr(observer)
    observer(AttemptFinished(*first, None, "cancelled", 1.0))
    observer(HedgeWon("catalog", "", 2, call=7))
    observer(CallFinished("catalog", "", 200, 1.0, 2, "", call=7))
    (called,) = telemetry.spans(SpanKind.INTERNAL)
    assert 2 == attributes(called)["bff.hedge.won"]
    assert [("first", None, "cancelled"), ("hedge", 1, None)] == [
        tuple(attributes(span).get(key) for key in ("bff.attempt.kind", "http.request.resend_count", "error.type"))
        for span in telemetry.spans(SpanKind.CLIENT)
    ]
    assert [identity(called)] * 2 == [
        (span.parent.trace_id, span.parent.span_id) for span in telemetry.spans(SpanKind.CLIENT) if span.parent
    ]
    assert 0 == len(observer._spans)


def test_a_call_that_waits_for_an_equal_one_is_linked_to_it_and_sends_nothing(telemetry: Telemetry) -> None:
    async def main() -> None:
        wire, observers = ScriptedWire(delay=1.0), [telemetry.observer]
        async with Ambassador("http://catalog", wire=wire, observers=observers, coalescing=Coalescing()) as ambassador:
            await asyncio.gather(*(ambassador.get("/") for _ in range(3)))

    run(main())
    assert 1 == len(telemetry.spans(SpanKind.CLIENT))
    leader, *waiters = telemetry.spans(SpanKind.INTERNAL)
    links = [[(link.context.trace_id, link.context.span_id) for link in span.links] for span in waiters]
    assert [[identity(leader)]] * 2 == links
    assert 0 == len(telemetry.observer._spans)


def test_a_hedge_and_the_try_that_it_beat_are_spans_of_one_call(telemetry: Telemetry) -> None:
    async def main() -> None:
        async with FaultServer() as server:
            observers, hedging = [telemetry.observer], Hedging(after=0.05)
            async with Ambassador(server.origin, observers=observers, hedging=hedging) as ambassador:
                asked = asyncio.ensure_future(ambassador.get("/hang"))
                await server.until(lambda: len(server.requests) == 2)
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
            assert [identity(span) for span in telemetry.spans(SpanKind.CLIENT)] == [
                parent_of(server, number) for number in range(2)
            ]

    asyncio.run(main())
    assert [("first", None), ("hedge", 1)] == [
        (attributes(span)["bff.attempt.kind"], attributes(span).get("http.request.resend_count"))
        for span in telemetry.spans(SpanKind.CLIENT)
    ]
    assert 0 == len(telemetry.observer._spans)


@pytest.mark.parametrize(
    ("path", "is_read", "error"), [("/ok", True, None), ("/drip", False, None), ("/short", True, "unreachable")]
)
def test_the_span_of_a_streamed_answer_ends_with_its_body(
    telemetry: Telemetry, path: str, is_read: bool, error: str | None
) -> None:
    async def ask(ambassador: Ambassador, _: FaultServer) -> None:
        async with ambassador.stream("GET", path) as answer:
            assert [] == telemetry.spans(SpanKind.CLIENT)
            if is_read:
                await answer.aread()

    spoken_to(telemetry, ask)
    (attempt,), (called,) = telemetry.spans(SpanKind.CLIENT), telemetry.spans(SpanKind.INTERNAL)
    assert [error] * 2 == [attributes(span).get("error.type") for span in (attempt, called)]
    assert 0 == len(telemetry.observer._spans)


def test_names_that_the_conventions_have_are_theirs() -> None:
    """Whatever is not `bff.*` stands in the stable conventions as they are installed."""
    ours = {measure.instrument.name for measure in MEASURES} | {
        attribute for measure in MEASURES for attribute in measure.instrument.attributes
    }
    modules = [error_attributes, http_attributes, network_attributes, server_attributes, url_attributes]
    theirs = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    theirs |= {HTTP_CLIENT_REQUEST_DURATION, HTTP_SERVER_REQUEST_DURATION}
    assert set() == {name for name in ours if not name.startswith("bff.")} - theirs
    assert (0.005, 10.0) == (BUCKETS[0], BUCKETS[-1])


class Stock(Shape):
    available: int


class Answer(Shape):
    available: int


class Inventory(Upstream):
    base_url = "http://inventory"
    accept_headers = ("traceparent", "tracestate")

    @call.get("/stock/{sku}")
    def stock(self, sku: str) -> Stock: ...


class Web(ClientProfile):
    @endpoint.get("/stock/{sku}")
    def stock(self, sku: str) -> Answer:
        return Answer.of(Inventory.stock(sku))


def test_a_page_has_its_metric_and_goes_on_with_our_trace(telemetry: Telemetry) -> None:
    """The client's `traceparent`, which is forwarded, is replaced and not doubled."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"available": 3} if len(seen) == 1 else {"available": "secret"})

    async def main() -> list[int]:
        transport = httpx.MockTransport(answer)
        app = BFF(Web, upstreams={Inventory: {"transport": transport}}, observers=[telemetry.observer])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://web") as client:
            given = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
            return [(await client.get("/stock/x1", headers=given)).status_code for _ in range(2)]

    assert [200, 502] == run(main())
    first, second = telemetry.spans(SpanKind.CLIENT)
    span_ids = [f"{identity(span)[1]:016x}" for span in (first, second)]
    assert span_ids == [request.headers["traceparent"].split("-")[2] for request in seen]
    assert ["inventory.stock"] * 2 == [span.name for span in telemetry.spans(SpanKind.INTERNAL)]
    assert [
        {"http.response.status_code": 200},
        {"http.response.status_code": 502, "error.type": "502"},
    ] == [
        {key: value for key, value in found.items() if key in {"http.response.status_code", "error.type"}}
        for found, _ in telemetry.points(HTTP_SERVER_REQUEST_DURATION)
    ]
    common = telemetry.points(HTTP_SERVER_REQUEST_DURATION)[0][0]
    assert ("/stock/{sku}", "https", "web") == (common["http.route"], common["url.scheme"], common["bff.profile"])
    assert {("stock", "inventory"): 1} == values(telemetry, "bff.client.contract_violations")
    ((_, calls),) = telemetry.points("bff.client.call.duration")
    assert isinstance(calls, HistogramDataPoint)
    assert 2 == calls.count


def test_an_app_that_is_measured_already_is_not_measured_twice() -> None:
    assert "RequestFinished" not in {kind.__name__ for kind in OpenTelemetryObserver(server=False).events}
    assert "RequestFinished" in {kind.__name__ for kind in OpenTelemetryObserver().events}


def test_without_an_sdk_nothing_is_kept_and_the_trace_passes_through() -> None:
    observer = OpenTelemetryObserver()

    async def main() -> None:
        wire = ScriptedWire()
        async with Ambassador("http://catalog", wire=wire, observers=[observer]) as ambassador:
            await ambassador.get("/", headers={"traceparent": "theirs"})
        assert "theirs" == dict(wire.requests[0].headers)["traceparent"]

    run(main())
    assert 0 == len(observer._spans)
