"""What the layers, and the making of a call around them, cost over a wire that does nothing: microseconds a call."""

import asyncio
import random
import sys
import time
from dataclasses import dataclass, replace
from typing import Final, get_args

from bff import Upstream, call
from bff._logging import LoggingObserver
from bff.ambassador._addresses import Addresses
from bff.ambassador._cluster import Cluster
from bff.ambassador._core import Context, Request, Response, Send
from bff.ambassador._headers import Headers
from bff.ambassador._onion import build_onion
from bff.ambassador._policies import Policies
from bff.declare._connection import Connection
from bff.declare._exchange import exchange
from bff.declare._scope import RequestScope
from bff.events import Emitter
from bff.policy import (
    Bulkhead,
    CircuitBreaker,
    Coalescing,
    FaultInjection,
    Hedging,
    LoadBalancing,
    OutlierDetection,
    RateLimit,
    Retry,
    Timeout,
)
from bff.policy._balancing import Algorithm

ANSWER = Response(200, {}, b"")
HEADERS = [(f"x-header-{number}", "a value") for number in range(8)]
CALLS = 2_000  # in a round: few, for the best of many rounds is the one that nothing disturbed
A_TURN = 100  # calls between two turns of the loop, which is when it forgets timers that were stopped
ROUNDS = 100
MOST: Final = 6.0  # microseconds that all layers together may cost
MOST_AROUND: Final = 5.0  # microseconds that the making of a call may add to its layers
HEAD = Headers(
    b"\r\nserver: nginx/1.22.1"
    b"\r\ndate: Mon, 01 Jan 2024 12:00:00 GMT"
    b"\r\ncontent-type: application/json"
    b"\r\ncontent-length: 2"
    b"\r\nlast-modified: Mon, 01 Jan 2024 10:00:00 GMT"
    b"\r\nconnection: keep-alive"
    b'\r\netag: "65f1c2a0-2"'
    b"\r\ncache-control: public, max-age=60"
    b"\r\naccept-ranges: bytes\r\n"
)


async def null_wire(_request: Request, _context: Context) -> Response:
    """Answer at once."""
    return ANSWER


def three(algorithm: Algorithm) -> Addresses:
    """Return three addresses, among which `algorithm` chooses."""
    origins = [f"http://10.0.0.{number}" for number in (1, 2, 3)]
    policy = LoadBalancing(algorithm)
    return Addresses(Cluster("null", origins, balancing=policy, outliers=OutlierDetection(), random=random.random))


@dataclass(frozen=True)
class Case:
    """What is switched on; without `policies` there is no onion at all."""

    name: str
    policies: Policies | None
    addresses: Addresses | None = None


OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None, deadline_header=None)
EVERYTHING = Policies(
    coalescing=Coalescing(), hedging=Hedging("p95"), rate_limit=RateLimit(1e9), fault=FaultInjection(1.0)
)
CASES = [
    Case("bare await", None),
    Case("all off", OFF),
    Case("timeouts", replace(OFF, timeout=Timeout())),
    Case("headers", Policies(timeout=None, retry=None, breaker=None, bulkhead=None)),
    Case("coalescing", replace(OFF, coalescing=Coalescing())),
    Case("retry", replace(OFF, retry=Retry())),
    Case("hedging, fixed", replace(OFF, hedging=Hedging(1.0))),
    Case("hedging, p95", replace(OFF, hedging=Hedging("p95"))),
    Case("breaker", replace(OFF, breaker=CircuitBreaker())),
    Case("bulkhead", replace(OFF, bulkhead=Bulkhead())),
    Case("rate limit", replace(OFF, rate_limit=RateLimit(1e9))),
    Case("fault", replace(OFF, fault=FaultInjection(1.0))),
    *(Case(f"{name}, 3", OFF, three(name)) for name in get_args(Algorithm)),
    Case("ambassador's defaults", Policies()),
    Case("upstream's defaults", Policies(coalescing=Coalescing())),
    Case("all layers", EVERYTHING, three("least_request")),
]


async def measure(case: Case, *, rounds: int) -> float:
    """Return microseconds of CPU time a call."""
    send: Send = null_wire
    if case.policies is not None:
        send = build_onion(case.policies, send=null_wire, name="null", addresses=case.addresses).send
    request = Request("GET", "http://localhost", "/products/7", HEADERS)
    # Without an onion there is no need for a context: what it costs to make one is a cost of the layers.
    context = Context("null")
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(CALLS // A_TURN):
            if case.policies is None:
                for _ in range(A_TURN):
                    await send(request, context)
            else:
                for _ in range(A_TURN):
                    await send(request, Context("null"))
            await asyncio.sleep(0)
        best = min(best, time.process_time() - start)
    return best / CALLS * 1e6


class Reviews(Upstream):
    """One of the upstreams of the example pages."""

    base_url = "http://localhost"

    @call.get("/products/{product_id}/reviews")
    def of_product(self, product_id: int, limit: int = 10) -> None:
        """Return what people say of a product."""


class NullWire:
    """Answers at once, as an upstream does that lets its answers be kept."""

    def __init__(self) -> None:
        self.answer = Response(200, HEAD, b"{}")

    async def send(self, _request: Request, _context: Context, /) -> Response:
        """Answer at once."""
        return self.answer

    async def aclose(self) -> None:
        """Close nothing."""


def decode(_content: bytes) -> None:
    """Decode nothing."""


async def measure_exchange(*, rounds: int) -> float:
    """Return microseconds of CPU time for a call with its layers, its arguments written and its outcome noted."""
    made = Reviews().connection
    # An app has an observer, the log, which wants to hear of calls that fail.
    connection = Connection(made.name, made.settings, Emitter([LoggingObserver()]), wire=NullWire())
    await made.aclose()
    binding = connection.binding(vars(Reviews)["of_product"])
    loop, best = asyncio.get_running_loop(), float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for turn in range(CALLS // A_TURN):
            now = loop.time()
            scope = RequestScope(now, time.perf_counter(), now + 10.0, "0123456789abcdef", {}, {})
            for number in range(A_TURN):
                await exchange(binding, (turn + number, 10), decode, scope=scope, deadline=scope.deadline)
            await asyncio.sleep(0)
        best = min(best, time.process_time() - start)
    return best / CALLS * 1e6


def main(rounds: int = ROUNDS) -> None:
    """Print what each layer costs, and all of them."""
    print(f"Python {sys.version.split()[0]}, best of {rounds} x {CALLS} calls, CPU time")
    bare = cost = 0.0
    layers: dict[str, float] = {}
    for case in CASES:
        cost = asyncio.run(measure(case, rounds=rounds))
        bare = bare or cost
        layers[case.name] = cost
        print(f"{case.name:22} {cost:6.2f} us   {cost - bare:+6.2f} us over bare")
    print(f"all layers cost {cost - bare:.2f} us a call, of {MOST:g} that they may")
    cost = asyncio.run(measure_exchange(rounds=rounds))
    print(f"{'exchange':22} {cost:6.2f} us   {cost - bare:+6.2f} us over bare")
    around = cost - layers["upstream's defaults"]
    print(f"to make a call costs {around:.2f} us besides its layers, of {MOST_AROUND:g} that it may")


if __name__ == "__main__":
    main()
