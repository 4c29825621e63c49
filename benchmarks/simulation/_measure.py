"""Run a contender through a scenario and say in numbers how it went."""

import asyncio
import gc
import math
import random as chance
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.simulation._clients import Visit, visits
from benchmarks.simulation._contenders import CONTENDERS
from benchmarks.simulation._network import Network
from benchmarks.simulation._scenarios import Scenario
from benchmarks.simulation._server import Server
from bff.testing import run_virtual

__all__ = ["BIN", "Result", "measure"]

BIN: Final = 2  # seconds
_WELL: Final = 0.95  # the share of visitors who get an answer while all is well, at least


@dataclass(frozen=True, slots=True)
class Result:
    """
    How a contender fared; times in seconds, shares from 0 to 1.

    `success` is the share of visitors who got their answer, `success_in_trouble` of those who came during the trouble;
    `p50` and `p99` are how long these waited, `p50_failed` how long the others did. `load` is how many tries the
    upstream got per visitor, `load_in_trouble` during the trouble, `peak` the most a second; `wasted` the share of its
    work that it did for nobody. `recovery` is how long after the trouble many visitors still came to grief, `None`
    where they did so to the end.
    The rest are series, a number for each `BIN` seconds: by the time of a visitor's coming, or of a try.
    """

    success: float
    success_in_trouble: float
    p50: float
    p99: float
    p50_failed: float | None
    load: float
    load_in_trouble: float
    peak: float
    wasted: float
    recovery: float | None
    outcomes: dict[str, int]
    successes: list[float]
    p99s: list[float | None]
    tries: list[float]


def measure(scenario: Scenario, contender: str, *, seed: int) -> Result:
    """Return how `contender` fared; the same seed gives the same result."""
    # What draws from the module's own generator, as tenacity's jitter does, is to draw the same every time, too.
    chance.seed(seed)
    gc.collect()
    return run_virtual(_measured(scenario, contender, seed))


async def _measured(scenario: Scenario, contender: str, seed: int) -> Result:
    servers = {
        f"http://10.0.0.{number}:8000": Server(setup, Random(f"{seed} server {number}"))
        for number, setup in enumerate(scenario.addresses, 1)
    }
    network = Network(servers, Random(f"{seed} network"))
    async with CONTENDERS[contender](network) as ask:
        seen = await visits(scenario.crowd, ask, Random(f"{seed} crowd"))
    # What the upstream still does for those who have left is part of its work.
    await asyncio.sleep(60)
    return _result(scenario, seen, list(servers.values()))


def _result(scenario: Scenario, seen: Sequence[Visit], servers: Sequence[Server]) -> Result:
    begin, end = scenario.trouble
    happy = sorted(visit.took for visit in seen if visit.is_happy)
    unhappy = sorted(visit.took for visit in seen if not visit.is_happy)
    in_trouble = [visit for visit in seen if begin <= visit.at < end]
    tries = sorted(at for server in servers for at in server.arrivals)
    tries_in_trouble = sum(begin <= at < end for at in tries)
    work = sum(server.work for server in servers)
    rates = _rates(tries, scenario.crowd.seconds)
    return Result(
        success=_rounded(len(happy) / len(seen)),
        success_in_trouble=_rounded(_share(in_trouble)),
        p50=_rounded(_quantile(happy, 0.5)),
        p99=_rounded(_quantile(happy, 0.99)),
        p50_failed=_rounded(_quantile(unhappy, 0.5)) if unhappy else None,
        load=_rounded(len(tries) / len(seen)),
        load_in_trouble=_rounded(tries_in_trouble / max(len(in_trouble), 1)),
        peak=max(rates, default=0.0),
        wasted=_rounded(sum(server.wasted for server in servers) / work if work else 0.0),
        recovery=_recovery(seen, end, scenario.crowd.seconds),
        outcomes=dict(sorted(Counter(visit.outcome for visit in seen).items())),
        successes=[_rounded(_share(bin_)) for bin_ in _bins(seen, scenario.crowd.seconds)],
        p99s=[_p99(bin_) for bin_ in _bins(seen, scenario.crowd.seconds)],
        tries=rates,
    )


def _recovery(seen: Sequence[Visit], begin: float, end: float) -> float | None:
    """Return how many seconds after `begin` the last one is over in which not nearly all went well."""
    seconds: dict[int, list[Visit]] = {}
    for visit in seen:
        if visit.at >= begin:
            seconds.setdefault(int(visit.at - begin), []).append(visit)
    ill = max((second + 1 for second, came in seconds.items() if _share(came) < _WELL), default=0)
    return None if ill and begin + ill >= end else float(ill)


def _bins(seen: Sequence[Visit], seconds: float) -> list[list[Visit]]:
    bins: list[list[Visit]] = [[] for _ in range(math.ceil(seconds / BIN))]
    for visit in seen:
        bins[int(visit.at / BIN)].append(visit)
    return bins


def _rates(times: Sequence[float], seconds: float) -> list[float]:
    counts = Counter(int(at / BIN) for at in times)
    return [counts[number] / BIN for number in range(math.ceil(seconds / BIN))]


def _share(seen: Sequence[Visit]) -> float:
    return sum(visit.is_happy for visit in seen) / len(seen) if seen else 1.0


def _p99(seen: Sequence[Visit]) -> float | None:
    happy = sorted(visit.took for visit in seen if visit.is_happy)
    return _rounded(_quantile(happy, 0.99)) if happy else None


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of sorted `values` that at least `share` of them do not exceed."""
    return values[max(math.ceil(share * len(values)) - 1, 0)] if values else math.nan


def _rounded(value: float) -> float:
    return round(value, 4)
