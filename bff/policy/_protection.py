"""What spares an upstream, and what plagues it on purpose."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from bff.policy._rules import (
    COUNT,
    COUNT_OR_ZERO,
    LISTENERS,
    NUMBER,
    RATE,
    RATE_OR_ZERO,
    SECONDS,
    STATUS,
    Rule,
    number,
    validate,
)

if TYPE_CHECKING:
    from pybreaker import CircuitBreakerListener, CircuitBreakerStorage

__all__ = ["Bulkhead", "CircuitBreaker", "Coalescing", "FaultInjection", "RateLimit"]


class _Share(Enum):
    """What a field is until someone says otherwise, in terms of another one."""

    COOLDOWNS = "cooldown * 5"
    LIMIT = "limit"

    def __repr__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """
    When to stop calling an upstream that is down, and when to try it again.

    It opens at a try that fails, or is slow, when of at least `min_calls` within `window` seconds the share
    `failure_rate` failed, or the share `slow_rate` took longer than `slow_call` seconds. After `cooldown` seconds
    `probes` tries are let through; if they fail it stays open for twice as long, up to `max_cooldown` (left out: five
    times `cooldown`). `listeners` and `storage` are pybreaker's; they are told of every change of state.
    """

    failure_rate: float = 0.5
    _: KW_ONLY
    min_calls: int = 20
    window: float = 10.0
    slow_call: float | None = None
    slow_rate: float = 1.0
    cooldown: float = 2.0
    max_cooldown: float | Literal[_Share.COOLDOWNS] = _Share.COOLDOWNS
    probes: int = 1
    listeners: "Sequence[CircuitBreakerListener]" = ()
    storage: "CircuitBreakerStorage | None" = None

    def __post_init__(self) -> None:
        validate(
            self,
            failure_rate=RATE,
            min_calls=COUNT,
            window=SECONDS,
            slow_call=SECONDS.or_none(),
            slow_rate=RATE,
            cooldown=SECONDS,
            max_cooldown=Rule(
                "seconds, at least `cooldown`",
                lambda value: value is _Share.COOLDOWNS or number(value) >= max(0, number(self.cooldown)),
            ),
            probes=COUNT,
            listeners=LISTENERS,
        )

    @property
    def longest_cooldown(self) -> float:
        """Seconds up to which the cooldown grows."""
        return self.cooldown * 5 if isinstance(self.max_cooldown, _Share) else self.max_cooldown


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """
    How many tries may run at once, and how many calls may wait for a slot.

    `queue` left out is as many as `limit`, whatever `limit` becomes. With `queue=0` a call that finds no free slot is
    refused at once.
    """

    limit: int = 100
    _: KW_ONLY
    queue: int | Literal[_Share.LIMIT] = _Share.LIMIT

    def __post_init__(self) -> None:
        validate(self, limit=COUNT, queue=_QUEUE)

    @property
    def places(self) -> int:
        """How many calls may wait."""
        return self.limit if isinstance(self.queue, _Share) else self.queue


@dataclass(frozen=True, slots=True)
class RateLimit:
    """
    How many tries a second an upstream gets, on average; up to `burst` at once (left out: one second's worth).

    What comes too early is refused, with the time after which it would not be.
    """

    per_second: float
    burst: int | None = None

    def __post_init__(self) -> None:
        validate(self, per_second=_PER_SECOND, burst=COUNT.or_none())


@dataclass(frozen=True, slots=True)
class Coalescing:
    """
    Let equal reads that are under way at the same time share one answer.

    Reads are equal in method, URL and every header that is sent but our own per-request ones. An answer with
    `Set-Cookie`, one that is `private` or `no-store`, and one of more than `max_size` bytes is not shared.
    """

    max_size: int = 1_000_000

    def __post_init__(self) -> None:
        validate(self, max_size=COUNT_OR_ZERO)


@dataclass(frozen=True, slots=True)
class FaultInjection:
    """
    Make an upstream worse than it is, on purpose.

    The share `delay_rate` of tries waits `delay` seconds first; the share `abort_rate` is answered with `status`
    without being sent.
    """

    delay: float = 0.0
    _: KW_ONLY
    delay_rate: float = 0.0
    status: int = 503
    abort_rate: float = 0.0

    def __post_init__(self) -> None:
        validate(self, delay=NUMBER, delay_rate=RATE_OR_ZERO, status=STATUS, abort_rate=RATE_OR_ZERO)


_QUEUE: Final = Rule(COUNT_OR_ZERO.wants, lambda value: value is _Share.LIMIT or COUNT_OR_ZERO.holds(value))
_PER_SECOND: Final = Rule("a number above 0", lambda value: number(value) > 0)
