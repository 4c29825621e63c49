"""Traces and metrics for OpenTelemetry; needs the extra `otel`."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import TracerProvider
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:  # pragma: no cover - tests/observe/test_doors.py looks at it in another process
    raise ImportError("bff.observe.otel needs OpenTelemetry: install bff-framework[otel]") from error

from bff.events import AttemptStarted, Event
from bff.observe._conventions import BUCKETS
from bff.observe._measures import Instrument, Record, Value, recorders
from bff.observe._spans import Spans

__all__ = ["OpenTelemetryObserver"]

W3C: Final = TraceContextTextMapPropagator()


class OpenTelemetryObserver:
    """
    Tell OpenTelemetry of calls, tries, and what is decided about them.

    A call is an internal span, each of its tries a client span below it, which the upstream is told of in
    `traceparent` and `tracestate` (by another `propagator` as that has it; `None`: not at all). Metrics are
    `http.client.request.duration`, `http.server.request.duration` and ours, `bff.client.*`. Providers are the global
    ones unless others are given. `server=False` leaves out the requests that we answer, for apps whose server
    OpenTelemetry's own instrumentation measures already.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagator: TextMapPropagator | None = W3C,
        server: bool = True,
    ) -> None:
        self._spans = Spans(trace.get_tracer("bff", tracer_provider=tracer_provider))
        self._propagator = propagator
        meter = metrics.get_meter("bff", meter_provider=meter_provider)
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)
        for kind, handler in self._spans.handlers.items():
            self._handlers[kind].append(handler)
        for kind, handler in recorders({}, partial(_family, meter), _child, has_server=server):
            self._handlers[kind].append(handler)
        self.events = tuple(self._handlers)

    def __call__(self, event: Event) -> None:
        """Make of one event what it is to OpenTelemetry."""
        for handle in self._handlers[type(event)]:
            handle(event)

    def headers_for(self, event: AttemptStarted) -> Mapping[str, str]:
        """Return the headers that carry the trace on."""
        return {} if self._propagator is None else self._spans.headers_for(event, self._propagator)

    def __repr__(self) -> str:
        return f"<OpenTelemetryObserver: {len(self._spans)} spans under way>"


_Family: TypeAlias = Callable[[float, dict[str, str | int]], None]


def _family(meter: Meter, instrument: Instrument) -> _Family:
    name, unit, text = instrument.name, instrument.unit, instrument.text
    if instrument.kind == "histogram":
        return meter.create_histogram(name, unit, text, explicit_bucket_boundaries_advisory=BUCKETS).record
    if instrument.kind == "gauge":
        return meter.create_gauge(name, unit, text).set
    return meter.create_counter(name, unit, text).add


def _child(family: _Family, instrument: Instrument, values: tuple[Value, ...]) -> Record:
    # An attribute that does not apply is left out.
    named = zip(instrument.attributes, values, strict=True)
    attributes = {name: value for name, value in named if value is not None and value != ""}
    return lambda value: family(value, attributes)
