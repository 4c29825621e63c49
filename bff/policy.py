"""How an upstream is called: frozen policies, validated when built, the same words everywhere."""

import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from bff._frames import user_frame
from bff.errors import DeclarationError, Problem

if TYPE_CHECKING:
    from pybreaker import CircuitBreakerListener, CircuitBreakerStorage
    from tenacity import RetryCallState

__all__ = ["Bulkhead", "CircuitBreaker", "Retry", "RetryBudget", "Timeout"]

Wait: TypeAlias = "Callable[[RetryCallState], float]"
When: TypeAlias = "Callable[[RetryCallState], bool | Awaitable[bool]]"


class _Share(Enum):
    """What `per_try` is until someone says otherwise; `None` would mean that it is switched off."""

    HALF = "total / 2"

    def __repr__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Timeout:
    """
    How long a call may take, in seconds.

    `total` spans all tries and the pauses between them, `per_try` one try from the moment it has a slot,
    `connect` the making of a connection. `per_try` left out is half of `total`, whatever `total` becomes;
    `None` switches it off, so that one try may use all of `total`.
    """

    total: float = 5.0
    _: KW_ONLY
    per_try: float | Literal[_Share.HALF] | None = _Share.HALF
    connect: float = 1.0

    def __post_init__(self) -> None:
        _validate(self, total=_SECONDS, per_try=_PER_TRY, connect=_SECONDS)

    @property
    def attempt(self) -> float | None:
        """Seconds that one try may take, or `None` where only `total` limits it."""
        return self.total / 2 if isinstance(self.per_try, _Share) else self.per_try


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """
    How much retries may add to the load, as a bucket of tokens that starts full.

    Every call adds `ratio` tokens up to `burst`, every retry takes one; without a token there is no retry.
    """

    ratio: float = 0.2
    _: KW_ONLY
    burst: float = 10

    def __post_init__(self) -> None:
        _validate(self, ratio=_RATE_OR_ZERO, burst=_NUMBER)


@cache
def _full_jitter() -> Wait:
    from tenacity import wait_random_exponential

    return wait_random_exponential(multiplier=0.05, max=1.0)


@dataclass(frozen=True, slots=True)
class Retry:
    """
    When to try again, and after how long.

    `attempts` counts all tries. `wait` and `when` are tenacity's strategy objects or functions like them
    (`when` may be asynchronous): `wait` gives the seconds to pause, by default full jitter from 0.05 up to 1;
    `when` says of an outcome whether to try again, by default of a timeout and of a connection that failed.
    An answer with one of `statuses` is always worth another try. Only what is safe to repeat is repeated.
    `max_retry_after` caps, in seconds, what an upstream's `Retry-After` may ask for.
    """

    attempts: int = 3
    _: KW_ONLY
    wait: Wait = field(default_factory=_full_jitter)
    when: "When | None" = None
    statuses: Collection[int] = (429, 502, 503, 504)
    budget: RetryBudget | None = field(default_factory=RetryBudget)
    max_retry_after: float | None = None

    def __post_init__(self) -> None:
        _validate(
            self,
            attempts=_COUNT,
            wait=_CALLABLE,
            when=_CALLABLE.or_none(),
            statuses=_STATUSES,
            budget=_BUDGET,
            max_retry_after=_NUMBER.or_none(),
        )


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """
    When to stop calling an upstream that is down, and when to try it again.

    It opens when, of at least `min_calls` tries within `window` seconds, the share `failure_rate` failed or
    the share `slow_rate` took longer than `slow_call` seconds. After `cooldown` seconds `probes` tries are let
    through; if they fail it stays open for twice as long, up to `max_cooldown`. `listeners` and `storage` are
    pybreaker's; they are told of every change of state.
    """

    failure_rate: float = 0.5
    _: KW_ONLY
    min_calls: int = 20
    window: float = 10.0
    slow_call: float | None = None
    slow_rate: float = 1.0
    cooldown: float = 5.0
    max_cooldown: float = 60.0
    probes: int = 1
    listeners: "Sequence[CircuitBreakerListener]" = ()
    storage: "CircuitBreakerStorage | None" = None

    def __post_init__(self) -> None:
        _validate(
            self,
            failure_rate=_RATE,
            min_calls=_COUNT,
            window=_SECONDS,
            slow_call=_SECONDS.or_none(),
            slow_rate=_RATE,
            cooldown=_SECONDS,
            max_cooldown=_Rule(
                "seconds, at least `cooldown`", lambda value: _number(value) >= max(0, _number(self.cooldown))
            ),
            probes=_COUNT,
            listeners=_LISTENERS,
        )


@dataclass(frozen=True, slots=True)
class Bulkhead:
    """
    How many tries may run at once, and how many calls may wait for a slot.

    With `queue=0` a call that finds no free slot is refused at once.
    """

    limit: int = 256
    _: KW_ONLY
    queue: int = 0

    def __post_init__(self) -> None:
        _validate(self, limit=_COUNT, queue=_COUNT_OR_ZERO)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a field has to be: in words, and as a test."""

    wants: str
    holds: Callable[[object], bool]

    def or_none(self) -> "_Rule":
        return _Rule(f"{self.wants}, or None", lambda value: value is None or self.holds(value))


def _number(value: object) -> float:
    """Return `value` where it is a finite number, else one that no rule accepts."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return cast("float", value) if is_number else math.nan


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _all(values: object, holds: Callable[[object], bool]) -> bool:
    return isinstance(values, Collection) and all(holds(value) for value in cast("Collection[object]", values))


_SECONDS: Final = _Rule("seconds above 0", lambda value: _number(value) > 0)
_NUMBER: Final = _Rule("a number of at least 0", lambda value: _number(value) >= 0)
_RATE: Final = _Rule("a share above 0 and up to 1", lambda value: 0 < _number(value) <= 1)
_RATE_OR_ZERO: Final = _Rule("a share from 0 to 1", lambda value: 0 <= _number(value) <= 1)
_COUNT: Final = _Rule("a whole number of at least 1", lambda value: _count(value) >= 1)
_COUNT_OR_ZERO: Final = _Rule("a whole number of at least 0", lambda value: _count(value) >= 0)
_CALLABLE: Final = _Rule("one of tenacity's strategies or a function like it", callable)
_BUDGET: Final = _Rule("a RetryBudget, or None", lambda value: value is None or isinstance(value, RetryBudget))
_PER_TRY: Final = _Rule(
    "seconds above 0, or None", lambda value: value is None or value is _Share.HALF or _number(value) > 0
)
_STATUSES: Final = _Rule(
    "a collection of HTTP statuses, 100 to 599",
    lambda value: _all(value, lambda status: _count(status) // 100 in range(1, 6)),
)
_LISTENERS: Final = _Rule(
    "a sequence of pybreaker's listeners",
    lambda value: _all(value, lambda listener: hasattr(listener, "state_change")),
)


def _validate(policy: object, /, **rules: _Rule) -> None:
    """Raise one `DeclarationError` that names every field of `policy` with a value it cannot have."""
    name = type(policy).__name__
    wrong = [field for field, rule in rules.items() if not rule.holds(getattr(policy, field))]
    if wrong:
        file, line = user_frame()
        raise DeclarationError(
            [
                Problem(
                    f"{name}.{field} is {getattr(policy, field)!r}",
                    f"give {rules[field].wants}",
                    where=f"{name}.{field}",
                    file=file,
                    line=line,
                )
                for field in wrong
            ]
        )
