"""The order of the layers around a wire, in one place."""

import asyncio
import random as chance
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypedDict

from bff.ambassador._announcing import DEADLINE_HEADER, announcing
from bff.ambassador._attempt import timing
from bff.ambassador._breaker import Breaker, State
from bff.ambassador._breaking import breaking
from bff.ambassador._budget import Budget
from bff.ambassador._bulkhead import Slots, limiting
from bff.ambassador._coalescing import Identify, coalescing, identify_of
from bff.ambassador._core import Layer, Send
from bff.ambassador._deadline import deadline
from bff.ambassador._flights import Flights
from bff.ambassador._reporting import reporting
from bff.ambassador._retry import Retrier, retrying
from bff.events import BreakerChanged, Emitter
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

__all__ = ["Onion", "OnionStatistics", "Parts", "Policies", "PolicyOptions", "build_onion"]


MANAGED_BY_MESH: Final = ("retry", "hedging", "breaker", "outliers", "balancing")
"""The policies that a mesh has of its own: two of one kind, one around the other, multiply."""


@dataclass(frozen=True, slots=True)
class Policies:
    """
    How one upstream, or one operation of it, is called; `None` switches a layer off.

    `balancing` and `outliers` matter where there are several addresses. `deadline_header` names the header in which an
    upstream learns how many milliseconds it has; `None` is for third parties, who learn nothing of our doing.
    `managed_by_mesh` leaves retries, hedging, breaking, ejection and balancing to a sidecar, whatever the policies say:
    they are `None` then, and a try has all of `timeout.total` unless a `per_try` is given.
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
    managed_by_mesh: bool = False

    def __post_init__(self) -> None:
        if self.managed_by_mesh:
            for name in MANAGED_BY_MESH:
                object.__setattr__(self, name, None)
            if self.timeout is not None and self.timeout.is_halved:
                # One try of ours is all of the mesh's tries.
                object.__setattr__(self, "timeout", replace(self.timeout, per_try=None))


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
    managed_by_mesh: bool


@dataclass(frozen=True, slots=True)
class OnionStatistics:
    """
    What the layers know at this moment; `None` where the layer is off.

    `calls` and `failure_rate` (0 to 1) are the breaker's window, `taken` and `queued` the bulkhead's slots and
    waiting calls, `retry_tokens` what the retry budget holds. `flights` are the reads that were sent so far, `shared`
    those that were given the outcome of an equal one instead.
    """

    state: State | None
    calls: int | None
    failure_rate: float | None
    taken: int | None
    queued: int | None
    retry_tokens: float | None
    flights: int | None
    shared: int | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What an onion is made of besides policies: its wire, what its layers remember, and their surroundings."""

    send: Send
    breaker: Breaker | None
    slots: Slots | None
    budget: Budget | None
    flights: Flights | None
    identify: Identify | None
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
        """Return an onion with another timeout that shares breaker, slots and budget with this one."""
        return _assemble(replace(self.policies, timeout=timeout), self.parts, close=self.close)

    def force_breaker(self, state: Literal["open", "closed"] | None) -> None:
        """Hold the breaker open or closed, or let it judge again; nothing happens where there is none."""
        if self.parts.breaker is not None:
            self.parts.breaker.force(state)

    def forget_flights(self) -> None:
        """Let no read wait any more for one that is under way: something was written past this onion."""
        if self.parts.flights is not None:
            self.parts.flights.forget()

    def statistics(self) -> OnionStatistics:
        """Return what the layers know now."""
        breaker, slots, budget = self.parts.breaker, self.parts.slots, self.parts.budget
        flights = self.parts.flights
        return OnionStatistics(
            state=breaker.state if breaker else None,
            calls=breaker.calls if breaker else None,
            failure_rate=breaker.failure_rate if breaker else None,
            taken=slots.taken if slots else None,
            queued=slots.queued if slots else None,
            retry_tokens=budget.tokens if budget else None,
            flights=flights.flown if flights else None,
            shared=flights.shared if flights else None,
        )


def build_onion(
    policies: Policies,
    *,
    send: Send,
    name: str,
    operation: str = "",
    emitter: Emitter = Emitter.none,
    clock: Callable[[], float] | None = None,
    random: Callable[[], float] = chance.random,
) -> Onion:
    """
    Put the layers that `policies` switch on around `send`, each with state of its own.

    Several onions may stand on one wire. `clock` is the running loop's unless a test says otherwise.
    """
    retry, bulkhead, identify = policies.retry, policies.bulkhead, identify_of(send)
    breaker, close = _breaker(policies.breaker, name=name, operation=operation, emitter=emitter, random=random)
    parts = Parts(
        send=announcing(policies.deadline_header)(send),
        breaker=breaker,
        slots=Slots(bulkhead) if bulkhead else None,
        budget=Budget(retry.budget) if retry and retry.budget else None,
        flights=Flights() if policies.coalescing and identify else None,
        identify=identify,
        emitter=emitter,
        clock=clock or _loop_time,
        random=random,
    )
    return _assemble(policies, parts, close=close)


def _assemble(policies: Policies, parts: Parts, *, close: Callable[[], None]) -> Onion:
    """Build the layers in their order; one that is switched off is not there."""
    timeout, retry, clock = policies.timeout, policies.retry, parts.clock
    onion: list[tuple[str, Layer]] = [("deadline", deadline(timeout.total if timeout else None))]
    if policies.coalescing and parts.flights and parts.identify:
        layer = coalescing(
            policies.coalescing,
            parts.flights,
            identify=parts.identify,
            per_try=timeout.attempt if timeout else None,
            emitter=parts.emitter,
        )
        onion.append(("coalesce", layer))
    if retry:
        retrier = Retrier(retry, budget=parts.budget, clock=clock, random=parts.random, emitter=parts.emitter)
        onion.append(("retry", retrying(retrier)))
    if parts.breaker and policies.breaker:
        onion.append(("breaker", breaking(parts.breaker, clock=clock, slow_call=policies.breaker.slow_call)))
    if parts.slots:
        onion.append(("bulkhead", limiting(parts.slots)))
    if timeout:
        onion.append(("per-try timeout", timing(timeout.attempt)))

    send = parts.send
    for _, around in reversed(onion):
        send = around(send)
    send = reporting(parts.emitter, clock=clock)(send)
    layers = (*(name for name, _ in onion), "wire", *(("mesh",) if policies.managed_by_mesh else ()))
    return Onion(policies, parts, send, layers=layers, close=close)


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
