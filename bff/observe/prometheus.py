"""Metrics for Prometheus; needs the extra `prometheus`."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:  # pragma: no cover - tests/observe/test_doors.py looks at it in another process
    raise ImportError("bff.observe.prometheus needs prometheus-client: install bff-framework[prometheus]") from error

from bff.events import Event
from bff.observe._conventions import BUCKETS
from bff.observe._measures import Instrument, Reading, measures

__all__ = ["PrometheusObserver"]

_Family: TypeAlias = Counter | Gauge | Histogram
_Read: TypeAlias = Callable[[Any], Reading | None]


class PrometheusObserver:
    """
    Count and time calls, tries, and what is decided about them, in a registry (the global one by default).

    Names are those of OpenTelemetry as it translates them: `http_client_request_duration_seconds`,
    `bff_client_retries_total`. Several observers may share a registry. `server=False` leaves out the requests that
    we answer.
    """

    def __init__(self, *, registry: CollectorRegistry = REGISTRY, server: bool = True) -> None:
        families = _families.setdefault(registry, {})
        self._reads: dict[type[Event], list[tuple[_Read, _Family]]] = defaultdict(list)
        for measure in measures(has_server=server):
            name = measure.instrument.name
            if name not in families:
                families[name] = _family(measure.instrument, registry)
            self._reads[measure.event].append((measure.read, families[name]))
        self.events = tuple(self._reads)

    def __call__(self, event: Event) -> None:
        """Add one event to the metrics."""
        for read, family in self._reads[type(event)]:
            reading = read(event)
            if reading is None:
                continue
            value, values = reading
            child = family.labels(*["" if value is None else value for value in values])
            if isinstance(child, Histogram):
                child.observe(value)
            elif isinstance(child, Gauge):
                child.set(value)
            else:
                child.inc(value)


_families: WeakKeyDictionary[CollectorRegistry, dict[str, _Family]] = WeakKeyDictionary()


def _family(instrument: Instrument, registry: CollectorRegistry) -> _Family:
    name = instrument.name.replace(".", "_")
    labels = [attribute.replace(".", "_") for attribute in instrument.attributes]
    if instrument.kind == "histogram":
        return Histogram(f"{name}_seconds", instrument.text, labels, buckets=BUCKETS, registry=registry)
    kind = Counter if instrument.kind == "counter" else Gauge
    return kind(name, instrument.text, labels, registry=registry)
