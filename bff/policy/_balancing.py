"""Which of several addresses is asked."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, cast, get_args

from bff.policy._rules import COUNT, RATE, RATE_OR_ZERO, SECONDS, Rule, number, validate

__all__ = ["LoadBalancing", "OutlierDetection"]

Algorithm: TypeAlias = Literal["least_request", "peak_ewma", "round_robin", "random"]


@dataclass(frozen=True, slots=True)
class LoadBalancing:
    """
    Which of several addresses gets a try.

    `"least_request"` takes the less busy of two drawn at random, `"peak_ewma"` the one of two that should answer
    sooner, by its latest latencies; `"round_robin"` takes turns, `"random"` draws. `weights` gives addresses, as
    `base_url` has them, a share other than 1.
    """

    algorithm: Algorithm = "least_request"
    _: KW_ONLY
    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType[str, float]({}))

    def __post_init__(self) -> None:
        validate(self, algorithm=_ALGORITHM, weights=_WEIGHTS)


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """
    When one address of several gets no tries for a while.

    An address is ejected after `consecutive_5xx` answers of 5xx in a row, `consecutive_gateway` of 502, 503, 504 in
    a row, `consecutive_local` tries in a row without an answer (no connection, reset, timeout), or when, of at least
    `min_calls` tries within `interval` seconds, the share `failure_rate` failed; `None` switches one of these off. It
    comes back after `ejection` seconds times the number of times that this has happened, up to `max_ejection`. At
    most the share `max_ejected` is out at once, but always one; where less than the share `panic` is left, all are
    used.
    """

    consecutive_5xx: int | None = 5
    _: KW_ONLY
    consecutive_gateway: int | None = 5
    consecutive_local: int | None = 5
    failure_rate: float | None = 0.85
    min_calls: int = 50
    interval: float = 10.0
    ejection: float = 30.0
    max_ejection: float = 300.0
    max_ejected: float = 0.5
    panic: float = 0.5

    def __post_init__(self) -> None:
        validate(
            self,
            consecutive_5xx=COUNT.or_none(),
            consecutive_gateway=COUNT.or_none(),
            consecutive_local=COUNT.or_none(),
            failure_rate=RATE.or_none(),
            min_calls=COUNT,
            interval=SECONDS,
            ejection=SECONDS,
            max_ejection=Rule(
                "seconds, at least `ejection`", lambda value: number(value) >= max(0, number(self.ejection))
            ),
            max_ejected=RATE_OR_ZERO,
            panic=RATE_OR_ZERO,
        )


_ALGORITHM: Final = Rule(
    "one of " + ", ".join(f'"{name}"' for name in get_args(Algorithm)), lambda value: value in get_args(Algorithm)
)
_WEIGHTS: Final = Rule(
    "a mapping of addresses to numbers above 0",
    lambda value: (
        isinstance(value, Mapping)
        and all(
            isinstance(name, str) and number(weight) > 0
            for name, weight in cast("Mapping[object, object]", value).items()
        )
    ),
)
