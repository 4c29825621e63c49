"""What observers cost on the success path, all layers on, over a wire that does nothing: microseconds a call."""

import asyncio
import sys
import time
from collections.abc import Sequence

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from prometheus_client import CollectorRegistry

from benchmarks.onion import A_TURN, CALLS, ROUNDS, null_wire
from bff import LoggingObserver
from bff.ambassador import Context, Policies, Request, build_onion
from bff.events import CallFinished, Emitter, Event, Observer
from bff.observe.otel import OpenTelemetryObserver
from bff.observe.prometheus import PrometheusObserver


class Calls:
    """An observer that wants to know how calls ended, and does nothing with it."""

    events = (CallFinished,)

    def __call__(self, event: Event) -> None:
        """Do nothing."""


def everything(_event: Event) -> None:
    """Want every event, and do nothing with it."""


def traced(tracers: TracerProvider | None) -> OpenTelemetryObserver:
    """Return an observer with an SDK that exports nothing, or without one."""
    meters = None if tracers is None else MeterProvider(shutdown_on_exit=False)
    return OpenTelemetryObserver(tracer_provider=tracers, meter_provider=meters)


CASES: dict[str, Sequence[Observer]] = {
    "nobody": [],
    "LoggingObserver": [LoggingObserver()],
    "calls": [Calls()],
    "everything": [everything],
    "Prometheus": [PrometheusObserver(registry=CollectorRegistry())],
    "OpenTelemetry, no SDK": [traced(None)],
    "OpenTelemetry, not sampled": [traced(TracerProvider(ALWAYS_OFF, shutdown_on_exit=False))],
    "OpenTelemetry, sampled": [traced(TracerProvider(ALWAYS_ON, shutdown_on_exit=False))],
}


async def measure(observers: Sequence[Observer]) -> float:
    """Return microseconds of CPU time a call."""
    send = build_onion(Policies(), send=null_wire, name="null", emitter=Emitter(observers)).send
    request = Request("GET", "http://localhost", "/products/7?q=flowers")
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS // A_TURN):
            for _ in range(A_TURN):
                await send(request, Context("null"))
            await asyncio.sleep(0)
        best = min(best, time.process_time() - start)
    return best / CALLS * 1e6


def main() -> None:
    """Print what each observer costs."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS} x {CALLS} calls, CPU time")
    bare = 0.0
    for name, observers in CASES.items():
        cost = asyncio.run(measure(observers))
        bare = bare or cost
        print(f"{name:27} {cost:6.2f} us   {cost - bare:+6.2f} us")


if __name__ == "__main__":
    main()
