"""Who calls the upstream: `bff` with its defaults and some variants of them, nobody's policy, and one by hand."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final, Self, TypeAlias
from unittest.mock import patch

import httpx
import pybreaker
import tenacity

from benchmarks.simulation._network import ModelTransport, ModelWire, Network
from bff.ambassador import Ambassador, Context, Request
from bff.policy import Bulkhead, Hedging, LoadBalancing, Retry

__all__ = [
    "BY_HAND",
    "CONTENDERS",
    "DEFAULTS",
    "HEDGING",
    "NO_BUDGET",
    "NO_POLICY",
    "PEAK_EWMA",
    "SMALL_BULKHEAD",
    "Ask",
    "Contender",
]

Ask: TypeAlias = Callable[[], Awaitable[int]]
Contender: TypeAlias = Callable[[Network], AbstractAsyncContextManager[Ask]]

DEFAULTS: Final = "bff, as it comes"
NO_POLICY: Final = "no policy"
BY_HAND: Final = "httpx + tenacity + pybreaker"
NO_BUDGET: Final = "bff, retries without a budget"
HEDGING: Final = "bff, hedging"
PEAK_EWMA: Final = "bff, peak EWMA"
SMALL_BULKHEAD: Final = "bff, Bulkhead(16)"


def bff(**policies: Any) -> Contender:
    """Return an `Ambassador` to the upstream, with the defaults where nothing else is said."""

    @asynccontextmanager
    async def contender(network: Network) -> AsyncGenerator[Ask, None]:
        wire = ModelWire(network, connect=1.0)
        async with Ambassador(list(network.servers), name="upstream", wire=wire, **policies) as upstream:

            async def ask() -> int:
                return (await upstream.get("/products/7")).status

            yield ask

    return contender


@asynccontextmanager
async def no_policy(network: Network) -> AsyncGenerator[Ask, None]:
    """Send each request once to some address and wait for as long as the client does."""
    wire = ModelWire(network, connect=None)

    async def ask() -> int:
        request = Request("GET", network.any_address(), "/products/7")
        return (await wire.send(request, Context("upstream"))).status

    yield ask


@asynccontextmanager
async def by_hand(network: Network) -> AsyncGenerator[Ask, None]:
    """Do what one finds in many services: httpx as it comes, tenacity around it, and pybreaker in between."""
    client = httpx.AsyncClient(transport=ModelTransport(network))
    breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=60)

    @tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential(multiplier=0.1, max=2),
        retry=tenacity.retry_if_exception_type(httpx.HTTPError),
        reraise=True,
    )
    async def ask() -> int:
        with breaker.calling():
            response = await client.get(network.any_address() + "/products/7")
            response.raise_for_status()
            return response.status_code

    # pybreaker's time is the wall clock's, which does not pass here.
    with patch("pybreaker.datetime", _LoopTime):
        async with client:
            yield ask


class _LoopTime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(asyncio.get_running_loop().time(), tz)


CONTENDERS: Final[Mapping[str, Contender]] = MappingProxyType(
    {
        DEFAULTS: bff(),
        NO_POLICY: no_policy,
        BY_HAND: by_hand,
        NO_BUDGET: bff(retry=Retry(budget=None)),
        HEDGING: bff(hedging=Hedging()),
        PEAK_EWMA: bff(balancing=LoadBalancing("peak_ewma")),
        SMALL_BULKHEAD: bff(bulkhead=Bulkhead(16)),
    }
)
