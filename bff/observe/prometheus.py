"""Metrics for Prometheus; needs the extra `prometheus`."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:  # pragma: no cover - tests/observe/test_doors.py looks at it in another process
    raise ImportError("bff.observe.prometheus needs prometheus-client: install bff-framework[prometheus]") from error

from bff.events import Event
from bff.observe._conventions import BUCKETS
from bff.observe._measures import Instrument, Record, Value, recorders

__all__ = ["PrometheusObserver"]

_Family: TypeAlias = Counter | Gauge | Histogram


class PrometheusObserver:
    """
    Count and time calls, tries, and what is decided about them, in a registry (the global one by default).

    Names are those of OpenTelemetry as it translates them: `http_client_request_duration_seconds`,
    `bff_client_retries_total`. Several observers may share a registry. `server=False` leaves out the requests that
    we answer.
    """

    def __init__(self, *, registry: CollectorRegistry = REGISTRY, server: bool = True) -> None:
        families = _families.setdefault(registry, {})
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)
        for kind, handler in recorders(families, partial(_family, registry), _child, has_server=server):
            self._handlers[kind].append(handler)
        self.events = tuple(self._handlers)

    def __call__(self, event: Event) -> None:
        """Add one event to the metrics."""
        for handle in self._handlers[type(event)]:
            handle(event)

    def __repr__(self) -> str:
        return f"<PrometheusObserver of {len(self.events)} kinds of events>"


_families: WeakKeyDictionary[CollectorRegistry, dict[str, _Family]] = WeakKeyDictionary()


def _family(registry: CollectorRegistry, instrument: Instrument) -> _Family:
    name = instrument.name.replace(".", "_")
    labels = [attribute.replace(".", "_") for attribute in instrument.attributes]
    if instrument.kind == "histogram":
        return Histogram(f"{name}_seconds", instrument.text, labels, buckets=BUCKETS, registry=registry)
    kind = Counter if instrument.kind == "counter" else Gauge
    return kind(name, instrument.text, labels, registry=registry)


def _child(family: _Family, _: Instrument, values: tuple[Value, ...]) -> Record:
    child = family.labels(*["" if value is None else value for value in values])
    if isinstance(child, Histogram):
        return child.observe
    return child.set if isinstance(child, Gauge) else child.inc
