"""What Prometheus is told, read back by its own parser."""

import asyncio
from collections.abc import Mapping

import httpx
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bff import BFF, Bulkhead, CircuitBreaker, ClientProfile, Retry, Shape, Upstream, call, endpoint, events
from bff.ambassador import Ambassador
from bff.events import (
    AddressEjected,
    AddressesChanged,
    AddressParked,
    AddressReturned,
    AttemptRejected,
    BreakerChanged,
    BudgetExhausted,
    CallCoalesced,
    CallStarted,
    Event,
    FaultInjected,
    HedgeStarted,
    HedgeWon,
    PanicChanged,
    ResolutionFailed,
)
from bff.observe._conventions import BUCKETS
from bff.observe._measures import MEASURES
from bff.observe.prometheus import PrometheusObserver
from tests.support.faults import FaultServer
from tests.support.scripted import FOR_EVER, Outcome, ScriptedWire, unreachable
from tests.support.virtual import run


def families(registry: CollectorRegistry) -> list[Metric]:
    return list(text_string_to_metric_families(generate_latest(registry).decode()))


def exposed(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a name by the values of their labels, in the order of the labels, empty ones left out."""
    return {
        tuple(value for _, value in sorted(sample.labels.items()) if value): sample.value
        for family in families(registry)
        for sample in family.samples
        if sample.name == name
    }


async def asked(registry: CollectorRegistry, outcomes: list[Outcome], *, times: int = 1, **policies: object) -> None:
    """Let an ambassador play a script."""
    options: Mapping[str, object] = {"bulkhead": None, "timeout": None, **policies}
    observer = PrometheusObserver(registry=registry)
    async with Ambassador("http://catalog:80", wire=ScriptedWire(outcomes), observers=[observer], **options) as it:  # type: ignore[arg-type]
        for _ in range(times):
            await asyncio.gather(it.get("/products/7?q=x"), return_exceptions=True)


def test_calls_tries_and_retries_are_counted_by_upstream() -> None:
    registry = CollectorRegistry()
    run(asked(registry, [503, unreachable(), 200], retry=Retry(3, wait=lambda _: 0.0)))
    assert {("first", "catalog:80"): 1, ("retry", "catalog:80"): 2} == exposed(registry, "bff_client_attempts_total")
    assert {("catalog:80", "status"): 1, ("catalog:80", "unreachable"): 1} == exposed(
        registry, "bff_client_retries_total"
    )
    assert {("catalog:80", "200"): 1} == exposed(registry, "bff_client_call_duration_seconds_count")
    assert {
        ("catalog:80", "503", "GET", "503", "catalog", "80", "http"): 1,
        ("catalog:80", "unreachable", "GET", "catalog", "80", "http"): 1,
        ("catalog:80", "GET", "200", "catalog", "80", "http"): 1,
    } == exposed(registry, "http_client_request_duration_seconds_count")


def test_the_breakers_state_is_a_number_and_its_changes_are_counted() -> None:
    registry = CollectorRegistry()
    run(asked(registry, [unreachable()], times=4, retry=None, breaker=CircuitBreaker(min_calls=3)))
    assert {("catalog:80",): 2} == exposed(registry, "bff_client_breaker_state")
    assert {("open", "catalog:80"): 1} == exposed(registry, "bff_client_breaker_changes_total")
    assert {("catalog:80", "open"): 1, ("catalog:80", "unreachable"): 3} == exposed(
        registry, "bff_client_call_duration_seconds_count"
    )


def test_what_was_given_up_and_what_was_refused_is_no_success() -> None:
    registry = CollectorRegistry()

    async def main() -> None:
        observer = PrometheusObserver(registry=registry)
        wire = ScriptedWire(delay=FOR_EVER)
        async with Ambassador("http://catalog", wire=wire, observers=[observer], bulkhead=Bulkhead(1, queue=0)) as it:
            given_up = asyncio.ensure_future(it.get("/"))
            await asyncio.sleep(0.125)
            await asyncio.gather(it.get("/"), return_exceptions=True)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)

    run(main())
    assert {("catalog", "cancelled"): 1, ("catalog", "overloaded"): 1} == exposed(
        registry, "bff_client_call_duration_seconds_count"
    )


EVENTS = [
    AttemptRejected("catalog", "product", "overloaded", 1.0),
    BudgetExhausted("catalog", "product", "hedge"),
    CallCoalesced("catalog", "product", "id-1", "id-2"),
    FaultInjected("catalog", "product", 0.5, None),
    HedgeWon("catalog", "product", 2),
    BreakerChanged("catalog", "", "open", "half-open"),
    AddressEjected("catalog", "http://10.0.0.7", "gateway", 30.0, 1),
    AddressReturned("catalog", "http://10.0.0.7"),
    AddressParked("catalog", "http://10.0.0.7", 2.0),
    AddressesChanged("catalog", ("http://10.0.0.7", "http://10.0.0.8"), (), ()),
    ResolutionFailed("catalog", "catalog.internal", "it timed out", 2),
    PanicChanged("catalog", is_panic=True, healthy=1),
]


def test_every_event_that_is_a_decision_is_a_metric() -> None:
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry=registry)
    for event in EVENTS:
        observer(event)
    found = {
        name.removeprefix("bff_client_"): exposed(registry, name)
        for name in {sample.name for family in families(registry) for sample in family.samples}
        if not name.endswith("_created")
    }
    where, address = ("product", "catalog"), ("http://10.0.0.7", "catalog")
    assert {
        "rejected_attempts_total": {(*where, "overloaded"): 1},
        "exhausted_budgets_total": {("hedge", *where): 1},
        "coalesced_calls_total": {where: 1},
        "injected_faults_total": {where: 1},
        "won_hedges_total": {where: 1},
        "breaker_changes_total": {("half-open", "catalog"): 1},
        "breaker_state": {("catalog",): 1},
        "address_ejections_total": {(*address, "gateway"): 1},
        "address_returns_total": {address: 1},
        "address_parkings_total": {address: 1},
        "addresses": {("catalog",): 2},
        "resolution_failures_total": {("catalog",): 1},
        "panic": {("catalog",): 1},
    } == found


def test_every_class_of_events_is_in_the_table_or_left_out_on_purpose() -> None:
    every = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)}
    measured = {measure.event for measure in MEASURES}
    # A call is counted by how it ends, and a hedge as a try.
    assert {Event, CallStarted, HedgeStarted} == every - measured


def test_durations_fall_into_the_buckets_of_the_conventions() -> None:
    registry = CollectorRegistry()
    run(asked(registry, [200]))
    buckets = exposed(registry, "http_client_request_duration_seconds_bucket")
    found = sorted(
        float(next(value for value in labels if value[0] in "0123456789+." and value not in {"80", "200"}))
        for labels in buckets
    )
    assert [*BUCKETS, float("inf")] == found


def test_paths_and_queries_are_in_no_label() -> None:
    async def main() -> str:
        registry = CollectorRegistry()
        observer = PrometheusObserver(registry=registry)
        async with (
            FaultServer() as server,
            Ambassador(server.origin, name="catalog", observers=[observer]) as ambassador,
        ):
            for number in range(20):
                await ambassador.get(f"/ok/user-{number}", params={"q": f"secret-{number}"})
        return generate_latest(registry).decode()

    text = asyncio.run(main())
    assert "user-" not in text
    assert "secret-" not in text
    counts = [line for line in text.splitlines() if line.startswith("http_client_request_duration_seconds_count")]
    assert ["20.0"] == [line.rpartition(" ")[2] for line in counts]


def test_several_observers_share_a_registry() -> None:
    registry = CollectorRegistry()
    run(asked(registry, [200]))
    run(asked(registry, [200]))
    kinds = len({measure.event for measure in MEASURES})
    assert f"<PrometheusObserver of {kinds} kinds of events>" == repr(PrometheusObserver(registry=registry))
    assert {("catalog:80", "200"): 2} == exposed(registry, "bff_client_call_duration_seconds_count")


def test_every_measure_is_exposed_under_a_name_of_its_own() -> None:
    registry = CollectorRegistry()
    PrometheusObserver(registry=registry)
    assert len(families(registry)) == len({measure.instrument.name for measure in MEASURES})


class Greeting(Shape):
    text: str


class Greeter(Upstream):
    base_url = "http://greeter"

    @call.get("/{name}")
    def greet(self, name: str) -> Greeting: ...


class Phone(ClientProfile):
    @endpoint.get("/hello/{name}")
    def hello(self, name: str) -> Greeting:
        return Greeting.of(Greeter.greet(name))


def test_a_page_is_counted_by_its_route() -> None:
    registry = CollectorRegistry()

    async def main() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"text": "hello"}))
        app = BFF(
            Phone, upstreams={Greeter: {"transport": transport}}, observers=[PrometheusObserver(registry=registry)]
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://phone") as client:
            for name in ("ada", "grace"):
                await client.get(f"/hello/{name}")

    run(main())
    assert {("phone", "GET", "200", "/hello/{name}", "http"): 2} == exposed(
        registry, "http_server_request_duration_seconds_count"
    )
    assert {("greet", "greeter", "200"): 2} == exposed(registry, "bff_client_call_duration_seconds_count")
