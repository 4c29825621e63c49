"""What all layers together cost on the success path, over a wire that does nothing: microseconds a call."""

import asyncio
import random
import sys
import time
from typing import get_args

from bff.ambassador._addresses import Addresses
from bff.ambassador._cluster import Cluster
from bff.ambassador._core import Context, Request, Response, Send
from bff.ambassador._onion import Policies, build_onion
from bff.policy import Bulkhead, CircuitBreaker, LoadBalancing, OutlierDetection, Retry, Timeout
from bff.policy._balancing import Algorithm

ANSWER = Response(200, {}, b"")
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
    "all on": Policies(),
}


def three(algorithm: Algorithm) -> Addresses:
    """Return three addresses, among which `algorithm` chooses."""
    origins = [f"http://10.0.0.{number}" for number in (1, 2, 3)]
    policy = LoadBalancing(algorithm)
    return Addresses(Cluster("null", origins, balancing=policy, outliers=OutlierDetection(), random=random.random))


async def measure(policies: Policies | None, addresses: Addresses | None = None) -> float:
    """Return microseconds of CPU time a call."""
    send: Send = null_wire
    if policies is not None:
        send = build_onion(policies, send=null_wire, name="null", addresses=addresses).send
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
    cases: list[tuple[str, Policies | None, Addresses | None]]
    cases = [(name, policies, None) for name, policies in CASES.items()]
    cases += [(f"{name}, 3", CASES["all off"], three(name)) for name in get_args(Algorithm)]
    for name, policies, addresses in cases:
        cost = asyncio.run(measure(policies, addresses))
        bare = bare or cost
        print(f"{name:16} {cost:6.2f} us   {cost - bare:+6.2f} us over bare")


if __name__ == "__main__":
    main()
