"""The order of the layers around a wire, in one place."""

import asyncio
import random as chance
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bff.ambassador._attempt import timing
from bff.ambassador._breaker import Breaker, State
from bff.ambassador._breaking import breaking
from bff.ambassador._budget import Budget
from bff.ambassador._bulkhead import Slots, limiting
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._deadline import deadline
from bff.ambassador._reporting import reporting
from bff.ambassador._retry import Retrier, retrying
from bff.events import BreakerChanged, Emitter
from bff.policy import Bulkhead, CircuitBreaker, Retry, Timeout

__all__ = ["Onion", "OnionStatistics", "Policies", "build_onion"]


@dataclass(frozen=True, slots=True)
class Policies:
    """How one upstream, or one operation of it, is called; `None` switches a layer off."""

    timeout: Timeout | None = field(default_factory=Timeout)
    retry: Retry | None = field(default_factory=Retry)
    breaker: CircuitBreaker | None = field(default_factory=CircuitBreaker)
    bulkhead: Bulkhead | None = field(default_factory=Bulkhead)


@dataclass(frozen=True, slots=True)
class OnionStatistics:
    """
    What the layers know at this moment; `None` where the layer is off.

    `calls` and `failure_rate` (0 to 1) are the breaker's window, `taken` and `queued` the bulkhead's slots and
    waiting calls, `retry_tokens` what the retry budget holds.
    """

    state: State | None
    calls: int | None
    failure_rate: float | None
    taken: int | None
    queued: int | None
    retry_tokens: float | None


@dataclass(frozen=True, slots=True)
class Onion:
    """A wire with its layers; `layers` names them from the outside in."""

    send: Send
    layers: tuple[str, ...]
    breaker: Breaker | None
    slots: Slots | None
    budget: Budget | None
    close: Callable[[], None]

    def statistics(self) -> OnionStatistics:
        """Return what the layers know now."""
        breaker, slots, budget = self.breaker, self.slots, self.budget
        return OnionStatistics(
            state=breaker and breaker.state,
            calls=breaker and breaker.calls,
            failure_rate=breaker and breaker.failure_rate,
            taken=slots and slots.taken,
            queued=slots and slots.queued,
            retry_tokens=budget and budget.tokens,
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
    clock = clock or _loop_time
    timeout, retry = policies.timeout, policies.retry
    budget = Budget(retry.budget) if retry and retry.budget else None
    breaker, close = _breaker(policies.breaker, name=name, operation=operation, emitter=emitter, random=random)
    slots = Slots(policies.bulkhead) if policies.bulkhead else None

    onion: list[tuple[str, Layer]] = [
        ("deadline", deadline(timeout.total if timeout else None)),
    ]
    if retry:
        retrier = Retrier(retry, budget=budget, clock=clock, random=random, emitter=emitter)
        onion.append(("retry", retrying(retrier)))
    if breaker and policies.breaker:
        onion.append(("breaker", breaking(breaker, clock=clock, slow_call=policies.breaker.slow_call)))
    if slots:
        onion.append(("bulkhead", limiting(slots)))
    if timeout:
        onion.append(("per-try timeout", timing(timeout.attempt)))

    send = _counting(send)
    for _, layer in reversed(onion):
        send = layer(send)
    return Onion(
        send=reporting(emitter, clock=clock)(send),
        layers=(*(layer_name for layer_name, _ in onion), "wire"),
        breaker=breaker,
        slots=slots,
        budget=budget,
        close=close,
    )


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


def _counting(send: Send) -> Send:
    # No coroutine of its own: whoever awaits the result awaits the wire.
    def counted(request: Request, context: Context) -> Awaitable[Response]:
        context.attempts += 1
        return send(request, context)

    return counted


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _nothing() -> None:
    """End what has no end."""
