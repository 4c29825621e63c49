"""The troubles that an upstream gets into."""

from dataclasses import dataclass
from typing import Final

from benchmarks.simulation._clients import Crowd
from benchmarks.simulation._contenders import (
    BY_HAND,
    DEFAULTS,
    HEDGING,
    NO_BUDGET,
    NO_POLICY,
    PEAK_EWMA,
    SMALL_BULKHEAD,
)
from benchmarks.simulation._server import Phase, Setup

__all__ = ["SCENARIOS", "Scenario"]

_EVERYONE: Final = (DEFAULTS, NO_POLICY, BY_HAND)


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    An upstream's addresses, who asks it, from when to when it is in trouble, and who is compared.

    One that is not eventful gives no picture.
    """

    name: str
    title: str
    addresses: tuple[Setup, ...]
    crowd: Crowd
    trouble: tuple[float, float]
    contenders: tuple[str, ...] = _EVERYONE
    is_eventful: bool = True


# Eight workers at 45 ms on average do 177 requests a second: 115 are a load of 65 %.
_RATE: Final = 115.0


def _several(count: int, ill: Setup) -> tuple[Setup, ...]:
    """Return so many addresses, the first of which is in trouble."""
    return (ill, *[Setup(workers=ill.workers)] * (count - 1))


SCENARIOS: Final = (
    Scenario(
        "busy",
        "No trouble at all: an upstream that takes 200 ms, and many who ask",
        (Setup(workers=125, service=0.2),),
        Crowd(400, 40),
        (0, 40),
        (*_EVERYONE, HEDGING),
        is_eventful=False,
    ),
    Scenario(
        "brown-out",
        "Brown-out: 30 % of the capacity for a minute",
        (Setup(phases=(Phase(30, 90, speed=0.3),)),),
        Crowd(_RATE, 180),
        (30, 90),
        (*_EVERYONE, NO_BUDGET),
    ),
    Scenario(
        "brown-out-attentive",
        "Brown-out of a server that skips requests whose client has left",
        (Setup(phases=(Phase(30, 90, speed=0.3),), is_attentive=True),),
        Crowd(_RATE, 180),
        (30, 90),
    ),
    Scenario(
        "brown-out-small",
        "Brown-out of such a server, of a quarter of the size",
        (Setup(workers=2, phases=(Phase(30, 90, speed=0.3),), is_attentive=True),),
        Crowd(_RATE / 4, 180),
        (30, 90),
        (*_EVERYONE, SMALL_BULKHEAD),
    ),
    Scenario(
        "black-hole",
        "A dead address of three: nothing answers there",
        _several(3, Setup(workers=4, phases=(Phase(30, 120, state="silent"),))),
        Crowd(160, 150),
        (30, 120),
        (*_EVERYONE, HEDGING, PEAK_EWMA),
    ),
    Scenario(
        "refused",
        "A dead address of three: connections are refused",
        _several(3, Setup(workers=4, phases=(Phase(30, 120, state="refusing"),))),
        Crowd(160, 150),
        (30, 120),
        (*_EVERYONE, HEDGING, PEAK_EWMA),
    ),
    Scenario(
        "slow-address",
        "A slow address of five: everything takes ten times as long there",
        _several(5, Setup(workers=3, phases=(Phase(30, 120, speed=0.1),))),
        Crowd(200, 150),
        (30, 120),
        (*_EVERYONE, HEDGING, PEAK_EWMA),
    ),
    Scenario(
        "retry-storm",
        "Retry storm: a server hangs for 20 seconds, and visitors reload",
        (Setup(phases=(Phase(30, 50, speed=0.0),)),),
        Crowd(_RATE, 180, reloads=3),
        (30, 50),
        (*_EVERYONE, NO_BUDGET),
    ),
    Scenario(
        "cold-start",
        "Cold start: a restart of 5 seconds, then empty caches",
        (Setup(phases=(Phase(30, 35, state="refusing"),), cold=0.2, warm_after=2000),),
        Crowd(_RATE, 120),
        (30, 35),
        (*_EVERYONE, NO_BUDGET),
    ),
    Scenario(
        "cold-start-of-three",
        "Cold start of one address of three",
        _several(3, Setup(workers=4, phases=(Phase(30, 35, state="refusing"),), cold=0.2, warm_after=1000)),
        Crowd(160, 120),
        (30, 35),
        (*_EVERYONE, HEDGING, PEAK_EWMA),
    ),
    Scenario(
        "total-failure",
        "Total failure: every answer is a 503 for 45 seconds",
        (Setup(phases=(Phase(30, 75, state="failing"),)),),
        Crowd(_RATE, 120),
        (30, 75),
        (*_EVERYONE, NO_BUDGET),
    ),
    Scenario(
        "flaky",
        "Flaky: every fifth answer is a 503 for a minute",
        (Setup(phases=(Phase(30, 90, state="failing", share=0.2),)),),
        Crowd(_RATE, 120),
        (30, 90),
        (*_EVERYONE, NO_BUDGET),
    ),
)
