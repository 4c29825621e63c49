"""What all layers together cost on the success path, over a wire that does nothing: microseconds a call."""

import asyncio
import sys
import time
from dataclasses import replace

from bff.ambassador._core import Context, Request, Response
from bff.ambassador._onion import Policies, build_onion
from bff.policy import Bulkhead, CircuitBreaker, FaultInjection, Hedging, RateLimit, Retry, Timeout

ANSWER = Response(200, {}, b"")
CALLS = 20_000
A_TURN = 100  # calls between two turns of the loop, which is when it forgets timers that were stopped
ROUNDS = 9


async def null_wire(_request: Request, _context: Context) -> Response:
    """Answer at once."""
    return ANSWER


OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
CASES: dict[str, Policies | None] = {
    "bare await": None,
    "all off": OFF,
    "timeouts": replace(OFF, timeout=Timeout()),
    "retry": replace(OFF, retry=Retry()),
    "breaker": replace(OFF, breaker=CircuitBreaker()),
    "bulkhead": replace(OFF, bulkhead=Bulkhead()),
    "hedging, fixed": replace(OFF, hedging=Hedging(1.0)),
    "hedging, p95": replace(OFF, hedging=Hedging("p95")),
    "rate limit": replace(OFF, rate_limit=RateLimit(1e9)),
    "fault": replace(OFF, fault=FaultInjection(1.0)),
    "defaults": Policies(),
    "all on": Policies(hedging=Hedging(), rate_limit=RateLimit(1e9), fault=FaultInjection(1.0)),
}


async def measure(policies: Policies | None) -> float:
    """Return microseconds of CPU time a call."""
    send = null_wire if policies is None else build_onion(policies, send=null_wire, name="null").send
    request = Request("GET", "http://localhost", "/")
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
    """Print what each layer costs, and all of them."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS} x {CALLS} calls, CPU time")
    bare = 0.0
    for name, policies in CASES.items():
        cost = asyncio.run(measure(policies))
        bare = bare or cost
        print(f"{name:14} {cost:6.2f} us   {cost - bare:+6.2f} us over bare")


if __name__ == "__main__":
    main()
