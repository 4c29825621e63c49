"""What the layers of one onion remember between calls, and what can be said of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bff.ambassador._addresses import Addresses
from bff.ambassador._breaker import Breaker, State
from bff.ambassador._budget import Budget
from bff.ambassador._bulkhead import Slots
from bff.ambassador._cluster import AddressStatistics
from bff.ambassador._coalescing import Identify
from bff.ambassador._core import Send
from bff.ambassador._flights import Flights
from bff.ambassador._hedger import Hedger
from bff.ambassador._rate import Rate
from bff.events import Emitter

__all__ = ["OnionStatistics", "Parts"]


@dataclass(frozen=True, slots=True)
class OnionStatistics:
    """
    What the layers know at this moment; `None` where the layer is off.

    `calls` and `failure_rate` (0 to 1) are the breaker's window, `taken` and `queued` the bulkhead's slots and
    waiting calls, `retry_tokens` what the budget of retries and hedges holds, `hedge_delay` how many seconds after its
    beginning a try is hedged (`None` also while too few have been seen to know), `rate_tokens` how many tries the rate
    limit would let through at once. `flights` are the reads that were sent so far, `shared` those that were given the
    outcome of an equal one instead. `addresses` has each of several.
    """

    state: State | None
    calls: int | None
    failure_rate: float | None
    taken: int | None
    queued: int | None
    retry_tokens: float | None
    hedge_delay: float | None
    rate_tokens: float | None
    flights: int | None
    shared: int | None
    addresses: tuple[AddressStatistics, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What an onion is made of besides policies: its wire, what its layers remember, and their surroundings."""

    send: Send
    identify: Identify | None
    flights: Flights | None
    budget: Budget | None
    hedger: Hedger | None
    breaker: Breaker | None
    slots: Slots | None
    rate: Rate | None
    addresses: Addresses | None
    emitter: Emitter
    random: Callable[[], float]

    def statistics(self) -> OnionStatistics:
        """Return what the layers know now."""
        breaker, slots, flights = self.breaker, self.slots, self.flights
        return OnionStatistics(
            state=breaker.state if breaker else None,
            calls=breaker.calls if breaker else None,
            failure_rate=breaker.failure_rate if breaker else None,
            taken=slots.taken if slots else None,
            queued=slots.queued if slots else None,
            retry_tokens=self.budget.tokens if self.budget else None,
            hedge_delay=self.hedger.delay if self.hedger else None,
            rate_tokens=self._rate_tokens(),
            flights=flights.flown if flights else None,
            shared=flights.shared if flights else None,
            addresses=self.addresses.cluster.statistics() if self.addresses else (),
        )

    def _rate_tokens(self) -> float | None:
        if self.rate is None:
            return None
        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:  # no loop runs, and with it no clock
            now = self.rate.updated
        return self.rate.tokens(now)
