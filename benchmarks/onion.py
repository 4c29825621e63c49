"""What all layers together cost on the success path, over a wire that does nothing: microseconds a call."""

import asyncio
import sys
import time

from bff.ambassador._core import Context, Request, Response
from bff.ambassador._onion import Policies, build_onion
from bff.policy import Bulkhead, CircuitBreaker, Coalescing, Retry, Timeout

ANSWER = Response(200, {}, b"")
HEADERS = [(f"x-header-{number}", "a value") for number in range(8)]
CALLS = 20_000
A_TURN = 100  # calls between two turns of the loop, which is when it forgets timers that were stopped
ROUNDS = 9


async def null_wire(_request: Request, _context: Context) -> Response:
    """Answer at once."""
    return ANSWER


CASES: dict[str, Policies | None] = {
    "bare await": None,
    "all off": Policies(timeout=None, retry=None, breaker=None, bulkhead=None),
    "timeouts": Policies(timeout=Timeout(), retry=None, breaker=None, bulkhead=None),
    "retry": Policies(timeout=None, retry=Retry(), breaker=None, bulkhead=None),
    "breaker": Policies(timeout=None, retry=None, breaker=CircuitBreaker(), bulkhead=None),
    "bulkhead": Policies(timeout=None, retry=None, breaker=None, bulkhead=Bulkhead()),
    "coalesce": Policies(timeout=None, retry=None, breaker=None, bulkhead=None, coalescing=Coalescing()),
    "all on": Policies(coalescing=Coalescing()),
}


async def measure(policies: Policies | None) -> float:
    """Return microseconds of CPU time a call."""
    send = null_wire if policies is None else build_onion(policies, send=null_wire, name="null").send
    request = Request("GET", "http://localhost", "/products/7", HEADERS)
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
        print(f"{name:12} {cost:6.2f} us   {cost - bare:+6.2f} us over bare")


if __name__ == "__main__":
    main()
