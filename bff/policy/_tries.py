"""How long a call may take, and how often it is tried."""

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from bff.policy._rules import CALLABLE, COUNT, NUMBER, RATE_OR_ZERO, SECONDS, STATUSES, Rule, number, validate

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["Hedging", "Retry", "RetryBudget", "Timeout"]

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
        validate(self, total=SECONDS, per_try=_PER_TRY, connect=SECONDS)

    @property
    def is_halved(self) -> bool:
        """Whether `per_try` was left out."""
        return isinstance(self.per_try, _Share)

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
        validate(self, ratio=RATE_OR_ZERO, burst=NUMBER)


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
        validate(
            self,
            attempts=COUNT,
            wait=CALLABLE,
            when=CALLABLE.or_none(),
            statuses=STATUSES,
            budget=_BUDGET,
            max_retry_after=NUMBER.or_none(),
        )


@dataclass(frozen=True, slots=True)
class Hedging:
    """
    Send a read once more, to another address, when its answer is late, and take whichever comes first.

    `after` is how late: seconds, or a quantile of the latest latencies (`"p95"`). `max` is how many more tries there
    may be at most; each takes a token of the retry budget.
    """

    after: float | str = "p95"
    _: KW_ONLY
    max: int = 1

    def __post_init__(self) -> None:
        validate(self, after=_AFTER, max=COUNT)

    @property
    def quantile(self) -> float | None:
        """The quantile as a share, or `None` where `after` is seconds."""
        return float(self.after[1:]) / 100 if isinstance(self.after, str) else None


_QUANTILE: Final = r"p(?!00)\d\d(\.\d+)?"
_BUDGET: Final = Rule("a RetryBudget, or None", lambda value: value is None or isinstance(value, RetryBudget))
_PER_TRY: Final = Rule(
    "seconds above 0, or None", lambda value: value is None or value is _Share.HALF or number(value) > 0
)
_AFTER: Final = Rule(
    'seconds above 0, or a quantile such as "p95"',
    lambda value: number(value) > 0 or (isinstance(value, str) and re.fullmatch(_QUANTILE, value) is not None),
)
