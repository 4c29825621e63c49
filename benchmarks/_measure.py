"""One round of one contender on one case."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks._cases import Case
from benchmarks._rate import AtRate, ask_at_rate
from benchmarks._saturation import Saturation, saturate
from benchmarks._server import Running
from benchmarks._upstream import Counter

__all__ = ["Measured", "MiscountError", "Settings", "measure", "miscount"]

_BELOW: Final = 0.5  # of the throughput at saturation
_WARM: Final = 2000  # answers after which compilers that compile what is used often have done so
_WARM_UPS: Final = 3  # at the most, for those who would need too long for so many
_PAUSE: Final = 0.2
_IDLE: Final = 0.01  # seconds of CPU time in a pause: a tick of the clock, as even an idle loop wakes up
_PATIENCE: Final = 30.0


@dataclass(frozen=True)
class Settings:
    """How often, how long, and by group of cases at how many requests a second where the rate is fixed."""

    rounds: int
    seconds: float
    warm_up: float
    rates: Mapping[str, int] = field(default_factory=dict[str, int])


class MiscountError(RuntimeError):
    """Pages made more calls than they should, or fewer."""


@dataclass(frozen=True)
class Measured:
    """
    What a round came to.

    Seconds of CPU time a request, answers a second at saturation, kilobytes at the peak, calls that reached the
    upstreams a request, and what the answers were like at a fixed rate below saturation.
    """

    cpu: float
    rate: float
    memory: int
    calls: float
    at_rate: AtRate | None


def measure(running: Running, case: Case, settings: Settings, counter: Counter, folder: Path) -> Measured:
    """Ask a contender until it is warm, then as fast as it goes, then at a fixed rate."""

    def load(seconds: float) -> Saturation:
        return saturate(running.address, case, seconds=seconds, folder=folder)

    warmed = 0
    for _ in range(_WARM_UPS if settings.warm_up else 0):
        if warmed < _WARM:
            warmed += load(settings.warm_up).requests
    running.forget_peak()
    before = _settled(running, counter)
    started = running.cpu()
    result = load(settings.seconds)
    cpu = running.cpu() - started
    calls = _settled(running, counter) - before
    _check(running, case, calls, result.requests, cut=case.clients)
    # More than expected were made by pages that were cut off: these have no answers to be counted with.
    a_request = min(calls / result.requests, case.calls)
    at_rate = _at_rate(running, case, settings, result.rate, folder)
    if at_rate is not None:
        calls = _settled(running, counter) - before - calls
        _check(running, case, calls, at_rate.requests, cut=0)
        a_request = calls / at_rate.requests
    return Measured(cpu / result.requests, result.rate, running.peak(), a_request, at_rate)


def _settled(running: Running, counter: Counter) -> int:
    """
    Return how often the upstreams have been called, once that is so for good.

    What is under way when a load ends is served to its end by most, and may still make its calls.
    """
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        calls, cpu = counter.calls(), running.cpu()
        time.sleep(_PAUSE)
        if counter.calls() == calls and running.cpu() - cpu <= _IDLE:
            return calls
    message = f"{running.contender.name} works although nobody asks for anything"
    raise RuntimeError(message)


def _at_rate(running: Running, case: Case, settings: Settings, most: float, folder: Path) -> AtRate | None:
    """Ask at the rate of all contenders, or at half of what this one can where that is less."""
    rate = settings.rates.get(case.group)
    if rate is None or not case.has_rate:
        return None
    chosen = max(1, min(rate, int(most * _BELOW)))
    return ask_at_rate(running.address, case.paths, rate=chosen, seconds=settings.seconds, folder=folder)


def _check(running: Running, case: Case, calls: int, requests: int, *, cut: int) -> None:
    expected = 0 if case.app.is_down else case.calls
    shares = running.contender.shares and case.repeats
    if complaint := miscount(calls, requests, expected=expected, cut=cut, shares=shares):
        message = f"{running.contender.name}, {case.key}: {complaint}\n{running.complaints()}"
        raise MiscountError(message)


def miscount(calls: int, requests: int, *, expected: int, cut: int, shares: bool) -> str | None:
    """
    Say what is wrong with the number of calls that reached the upstreams, `None` where nothing is.

    `expected` is what each request makes, `cut` how many more requests were under way when the load ended: these may
    have made their calls too. Whoever `shares` may make fewer.
    """
    least, most = requests * expected, (requests + cut) * expected
    if calls > most or (calls < least and not shares) or (expected and not calls):
        return f"{requests} requests made {calls} calls, and not {expected} each"
    return None
