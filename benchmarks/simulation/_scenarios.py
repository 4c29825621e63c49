"""The troubles that an upstream gets into."""

from dataclasses import dataclass, replace
from typing import Final

from benchmarks.simulation._clients import Crowd
from benchmarks.simulation._contenders import BY_HAND, DEFAULTS, NO_POLICY
from benchmarks.simulation._server import Phase, Setup

__all__ = ["SCENARIOS", "Scenario"]

_EVERYONE: Final = (DEFAULTS, NO_POLICY, BY_HAND)


@dataclass(frozen=True, slots=True)
class Scenario:
    """An upstream's addresses, who asks it, from when to when it is in trouble, and who is compared."""

    name: str
    title: str
    addresses: tuple[Setup, ...]
    crowd: Crowd
    trouble: tuple[float, float]
    contenders: tuple[str, ...] = _EVERYONE

    def shortened(self, factor: float) -> "Scenario":
        """Return the same with fewer visitors: everything is over after `factor` of the time."""
        seconds = self.crowd.seconds * factor
        return replace(self, crowd=replace(self.crowd, seconds=seconds))


# Eight workers at 45 ms on average do 177 requests a second: 115 are a load of 65 %.
_RATE: Final = 115.0


def _one(*phases: Phase, **setup: float) -> tuple[Setup, ...]:
    return (replace(Setup(phases=phases), **setup),)


SCENARIOS: Final = (
    Scenario(
        "brown-out",
        "Brown-out: 30 % of the capacity for a minute",
        _one(Phase(30, 90, speed=0.3)),
        Crowd(_RATE, 180),
        (30, 90),
        (*_EVERYONE, "bff, retries without a budget"),
    ),
    Scenario(
        "brown-out-attentive",
        "The same, of a server that skips requests whose client has left",
        _one(Phase(30, 90, speed=0.3), is_attentive=True),
        Crowd(_RATE, 180),
        (30, 90),
    ),
    Scenario(
        "retry-storm",
        "Retry storm: a server hangs for 20 seconds, and visitors reload",
        _one(Phase(30, 50, speed=0.0)),
        Crowd(_RATE, 180, reloads=3),
        (30, 50),
        (*_EVERYONE, "bff, retries without a budget"),
    ),
    Scenario(
        "cold-start",
        "Cold start: a restart of 5 seconds, then empty caches",
        _one(Phase(30, 35, state="refusing"), cold=0.2, warm_after=2000),
        Crowd(_RATE, 120),
        (30, 35),
        (*_EVERYONE, "bff, retries without a budget"),
    ),
    Scenario(
        "total-failure",
        "Total failure: every answer is a 503 for a minute",
        _one(Phase(30, 90, state="failing")),
        Crowd(_RATE, 150),
        (30, 90),
        (*_EVERYONE, "bff, retries without a budget"),
    ),
)
