"""The order of the layers around a wire, in one place."""

import random as chance
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from bff.ambassador._addresses import Addresses
from bff.ambassador._admission import admitting
from bff.ambassador._announcing import announcing
from bff.ambassador._attempt import timing
from bff.ambassador._balancing import balancing
from bff.ambassador._breaker import Breaker, State
from bff.ambassador._budget import Budget
from bff.ambassador._bulkhead import Slots
from bff.ambassador._coalescing import coalescing, identify_of
from bff.ambassador._core import Layer, Send
from bff.ambassador._deadline import deadline
from bff.ambassador._faulting import faulting
from bff.ambassador._flights import Flights
from bff.ambassador._hedger import Hedger
from bff.ambassador._hedging import hedging
from bff.ambassador._observing import is_observed, observing
from bff.ambassador._parts import OnionStatistics, Parts
from bff.ambassador._policies import Policies
from bff.ambassador._rate import Rate
from bff.ambassador._rating import rating
from bff.ambassador._reporting import Reporter, reporting_refusals
from bff.ambassador._resolving import resolving
from bff.ambassador._retrier import Retrier
from bff.ambassador._retrying import retrying
from bff.events import AttemptRejected, BreakerChanged, Emitter
from bff.policy import CircuitBreaker, RetryBudget, Timeout

__all__ = ["Onion", "build_onion"]

_PATIENT: Final = Timeout()


@dataclass(frozen=True, slots=True)
class Onion:
    """A wire with its layers; `layers` names them from the outside in, `close` ends what works in the background."""

    policies: Policies
    parts: Parts
    send: Send
    layers: tuple[str, ...]
    close: Callable[[], None]

    def retimed(self, timeout: Timeout | None) -> "Onion":
        """Return an onion with another timeout, for one call; it shares all that its layers remember with this one."""
        return _assemble(replace(self.policies, timeout=timeout), self.parts, close=self.close, is_lasting=False)

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
        return self.parts.statistics()


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
    identify = identify_of(send)
    if policies.fault:
        send = faulting(policies.fault, random=random, emitter=emitter)(send)
    budget = _budget(policies)
    breaker, close = _breaker(policies.breaker, name=name, operation=operation, emitter=emitter, random=random)
    parts = Parts(
        send=announcing(policies.deadline_header)(send),
        identify=identify,
        flights=Flights() if policies.coalescing and identify else None,
        budget=budget,
        hedger=Hedger(hedges, attempts=policies.attempts, retry=policies.retry, budget=budget, emitter=emitter)
        if hedges
        else None,
        breaker=breaker,
        slots=Slots(bulkhead) if bulkhead else None,
        rate=Rate(rate_limit) if rate_limit else None,
        addresses=addresses,
        emitter=emitter,
        random=random,
    )
    return _assemble(policies, parts, close=close)


def _assemble(policies: Policies, parts: Parts, *, close: Callable[[], None], is_lasting: bool = True) -> Onion:
    """Put the layers together; what has no name is no policy's, and one that is two has the names of both."""
    onion = [
        *_around_calls(policies, parts, is_lasting=is_lasting),
        *_around_tries(policies, parts, is_lasting=is_lasting),
    ]
    send = parts.send
    for _, layer in reversed(onion):
        send = layer(send)
    inmost = (*(("fault",) if policies.fault else ()), "wire", *(("mesh",) if policies.managed_by_mesh else ()))
    names = " > ".join(name for name, _ in onion if name).split(" > ")
    return Onion(policies, parts, send, layers=(*names, *inmost), close=close)


def _around_calls(policies: Policies, parts: Parts, *, is_lasting: bool) -> Iterator[tuple[str, Layer]]:
    """Yield what happens once for a call, in its order; a layer that is switched off is not there."""
    timeout, retry = policies.timeout, policies.retry
    total, per_try = (timeout.total, timeout.attempt) if timeout else (None, None)
    report = Reporter(parts.emitter) if parts.emitter.has_observers else None
    yield "deadline", deadline(total, per_try=per_try, is_lasting=is_lasting, report=report)
    if policies.coalescing and parts.flights and parts.identify:
        yield (
            "coalesce",
            coalescing(
                policies.coalescing,
                parts.flights,
                identify=parts.identify,
                per_try=per_try,
                emitter=parts.emitter,
            ),
        )
    if retry:
        retrier = Retrier(retry, budget=parts.budget, random=parts.random, emitter=parts.emitter)
        yield "retry", retrying(retrier)
    if parts.hedger:
        yield "hedge", hedging(parts.hedger)


def _around_tries(policies: Policies, parts: Parts, *, is_lasting: bool) -> Iterator[tuple[str, Layer]]:
    """Yield what happens once for every try."""
    timeout = policies.timeout
    if parts.emitter.wants(AttemptRejected):
        yield "", reporting_refusals(parts.emitter)
    admission = (("breaker", parts.breaker), ("bulkhead", parts.slots))
    if parts.breaker or parts.slots:
        slow_call = policies.breaker.slow_call if policies.breaker else None
        name = " > ".join(name for name, part in admission if part)
        yield name, admitting(parts.breaker, parts.slots, slow_call=slow_call)
    if parts.rate:
        yield "rate limit", rating(parts.rate)
    if parts.addresses:
        # A failure is worth at least the time that a try may take: one that fails at once must not look quick.
        penalty = (timeout or _PATIENT).attempt or (timeout or _PATIENT).total
        if parts.addresses.refresher:
            yield "resolve", resolving(parts.addresses.refresher)
        yield "balance", balancing(parts.addresses.cluster, penalty=penalty)
    if is_observed(parts.emitter):
        yield "", observing(parts.emitter)
    if timeout:
        yield "per-try timeout", timing(timeout.attempt, is_lasting=is_lasting)


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


def _nothing() -> None:
    """End what has no end."""
