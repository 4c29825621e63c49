"""The order of the layers around a wire, in one place."""

import asyncio
import random as chance
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypedDict

from bff.ambassador._addresses import Addresses
from bff.ambassador._announcing import DEADLINE_HEADER, announcing
from bff.ambassador._attempt import timing
from bff.ambassador._balancing import balancing
from bff.ambassador._breaker import Breaker, State
from bff.ambassador._breaking import breaking
from bff.ambassador._budget import Budget
from bff.ambassador._bulkhead import Slots, limiting
from bff.ambassador._cluster import AddressStatistics
from bff.ambassador._core import Layer, Send
from bff.ambassador._deadline import deadline
from bff.ambassador._faulting import faulting
from bff.ambassador._hedger import Hedger
from bff.ambassador._hedging import hedging
from bff.ambassador._rate import Rate
from bff.ambassador._rating import rating
from bff.ambassador._reporting import reporting, reporting_refusals
from bff.ambassador._retry import Retrier, retrying
from bff.events import AttemptRejected, BreakerChanged, Emitter
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
    RetryBudget,
    Timeout,
)

__all__ = ["Onion", "OnionStatistics", "Parts", "Policies", "PolicyOptions", "build_onion"]

_PATIENT: Final = Timeout()


@dataclass(frozen=True, slots=True)
class Policies:
    """
    How one upstream, or one operation of it, is called; `None` switches a layer off.

    `balancing` and `outliers` matter where there are several addresses. `deadline_header` names the header in which an
    upstream learns how many milliseconds it has; `None` is for third parties, who learn nothing of our doing.
    """

    timeout: Timeout | None = field(default_factory=Timeout)
    retry: Retry | None = field(default_factory=Retry)
    breaker: CircuitBreaker | None = field(default_factory=CircuitBreaker)
    bulkhead: Bulkhead | None = field(default_factory=Bulkhead)
    coalescing: Coalescing | None = None
    balancing: LoadBalancing | None = field(default_factory=LoadBalancing)
    outliers: OutlierDetection | None = field(default_factory=OutlierDetection)
    hedging: Hedging | None = None
    rate_limit: RateLimit | None = None
    fault: FaultInjection | None = None
    deadline_header: str | None = DEADLINE_HEADER


class PolicyOptions(TypedDict, total=False):
    """The fields of `Policies`, each left out where the default is meant."""

    timeout: Timeout | None
    retry: Retry | None
    breaker: CircuitBreaker | None
    bulkhead: Bulkhead | None
    coalescing: Coalescing | None
    balancing: LoadBalancing | None
    outliers: OutlierDetection | None
    hedging: Hedging | None
    rate_limit: RateLimit | None
    fault: FaultInjection | None
    deadline_header: str | None


@dataclass(frozen=True, slots=True)
class OnionStatistics:
    """
    What the layers know at this moment; `None` where the layer is off.

    `calls` and `failure_rate` (0 to 1) are the breaker's window, `taken` and `queued` the bulkhead's slots and
    waiting calls, `retry_tokens` what the budget of retries and hedges holds, `hedge_delay` how many seconds after its
    beginning a try is hedged (`None` also while too few have been seen to know), `rate_tokens` how many tries the rate
    limit would let through at once, `addresses` each of several.
    """

    state: State | None
    calls: int | None
    failure_rate: float | None
    taken: int | None
    queued: int | None
    retry_tokens: float | None
    hedge_delay: float | None
    rate_tokens: float | None
    addresses: tuple[AddressStatistics, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What an onion is made of besides policies: its wire, what its layers remember, and their surroundings."""

    send: Send
    breaker: Breaker | None
    slots: Slots | None
    rate: Rate | None
    budget: Budget | None
    hedger: Hedger | None
    addresses: Addresses | None
    emitter: Emitter
    clock: Callable[[], float]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Onion:
    """A wire with its layers; `layers` names them from the outside in, `close` ends what works in the background."""

    policies: Policies
    parts: Parts
    send: Send
    layers: tuple[str, ...]
    close: Callable[[], None]

    def retimed(self, timeout: Timeout | None) -> "Onion":
        """Return an onion with another timeout that shares all that its layers remember with this one."""
        return _assemble(replace(self.policies, timeout=timeout), self.parts, close=self.close)

    def force_breaker(self, state: Literal["open", "closed"] | None) -> None:
        """Hold the breaker open or closed, or let it judge again; nothing happens where there is none."""
        if self.parts.breaker is not None:
            self.parts.breaker.force(state)

    def statistics(self) -> OnionStatistics:
        """Return what the layers know now."""
        breaker, slots, budget, hedger = self.parts.breaker, self.parts.slots, self.parts.budget, self.parts.hedger
        addresses = self.parts.addresses
        return OnionStatistics(
            state=breaker.state if breaker else None,
            calls=breaker.calls if breaker else None,
            failure_rate=breaker.failure_rate if breaker else None,
            taken=slots.taken if slots else None,
            queued=slots.queued if slots else None,
            retry_tokens=budget.tokens if budget else None,
            hedge_delay=hedger.delay if hedger else None,
            rate_tokens=self._rate_tokens(),
            addresses=addresses.cluster.statistics() if addresses else (),
        )

    def _rate_tokens(self) -> float | None:
        rate = self.parts.rate
        if rate is None:
            return None
        try:
            now = self.parts.clock()
        except RuntimeError:  # no loop runs, and with it no clock
            now = rate.updated
        return rate.tokens(now)


def build_onion(
    policies: Policies,
    *,
    send: Send,
    name: str,
    operation: str = "",
    emitter: Emitter = Emitter.none,
    addresses: Addresses | None = None,
    random: Callable[[], float] = chance.random,
) -> Onion:
    """
    Put the layers that `policies` switch on around `send`, each with state of its own.

    Several onions may stand on one wire, and share the addresses of their upstream; without `addresses` a request goes
    where it says.
    """
    bulkhead, rate_limit, hedges = policies.bulkhead, policies.rate_limit, policies.hedging
    if policies.fault:
        send = faulting(policies.fault, random=random, emitter=emitter)(send)
    budget = _budget(policies)
    breaker, close = _breaker(policies.breaker, name=name, operation=operation, emitter=emitter, random=random)
    parts = Parts(
        send=announcing(policies.deadline_header)(send),
        breaker=breaker,
        slots=Slots(bulkhead) if bulkhead else None,
        addresses=addresses,
        rate=Rate(rate_limit) if rate_limit else None,
        budget=budget,
        hedger=Hedger(hedges, retry=policies.retry, budget=budget, emitter=emitter) if hedges else None,
        emitter=emitter,
        clock=_loop_time,
        random=random,
    )
    return _assemble(policies, parts, close=close)


def _assemble(policies: Policies, parts: Parts, *, close: Callable[[], None]) -> Onion:
    """Build the layers in their order; one that is switched off is not there."""
    timeout, retry, clock = policies.timeout, policies.retry, parts.clock
    onion: list[tuple[str, Layer]] = [("deadline", deadline(timeout.total if timeout else None))]
    if retry:
        retrier = Retrier(retry, budget=parts.budget, clock=clock, random=parts.random, emitter=parts.emitter)
        onion.append(("retry", retrying(retrier)))
    if parts.hedger:
        onion.append(("hedge", hedging(parts.hedger)))
    if parts.emitter.wants(AttemptRejected):
        onion.append(("", reporting_refusals(parts.emitter)))
    if parts.breaker and policies.breaker:
        onion.append(("breaker", breaking(parts.breaker, clock=clock, slow_call=policies.breaker.slow_call)))
    if parts.slots:
        onion.append(("bulkhead", limiting(parts.slots)))
    if parts.rate:
        onion.append(("rate limit", rating(parts.rate, clock=clock)))
    if parts.addresses:
        # A failure is worth at least the time that a try may take: one that fails at once must not look quick.
        penalty = (timeout or _PATIENT).attempt or (timeout or _PATIENT).total
        cluster, refresher = parts.addresses.cluster, parts.addresses.refresher
        onion.append(("balance", balancing(cluster, refresher, clock=clock, penalty=penalty)))
    if timeout:
        onion.append(("per-try timeout", timing(timeout.attempt)))

    send = parts.send
    for _, layer in reversed(onion):
        send = layer(send)
    send = reporting(parts.emitter, clock=clock)(send)
    names = [*(name for name, _ in onion if name), *(["fault"] if policies.fault else []), "wire"]
    return Onion(policies, parts, send, layers=tuple(names), close=close)


def _budget(policies: Policies) -> Budget | None:
    """Return what retries and hedges draw on together."""
    if policies.retry:
        return Budget(policies.retry.budget) if policies.retry.budget else None
    return Budget(RetryBudget()) if policies.hedging else None


def _breaker(
    policy: CircuitBreaker | None, *, name: str, operation: str, emitter: Emitter, random: Callable[[], float]
) -> tuple[Breaker | None, Callable[[], None]]:
    """Return the breaker, which tells events and pybreaker of its changes, and what ends that."""
    if policy is None:
        return None, _nothing
    bridge = None
    if policy.listeners or policy.storage is not None:
        from bff.ambassador._bridge import Bridge

        bridge = Bridge(policy, name=name)
    is_wanted = emitter.wants(BreakerChanged)

    def changed(before: State, after: State) -> None:
        if is_wanted:
            emitter.emit(BreakerChanged(name, operation, before, after))
        if bridge is not None:
            bridge.tell(after)

    return Breaker(policy, random=random, on_change=changed), bridge.close if bridge else _nothing


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _nothing() -> None:
    """End what has no end."""
