"""All rounds: a fresh process for each contender in each, in an order that changes."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks._cases import App, Case
from benchmarks._contenders import BASELINE, CONTENDERS
from benchmarks._measure import Measured, MiscountError, Settings, measure
from benchmarks._saturation import saturate
from benchmarks._server import Running, serving
from benchmarks._upstream import Upstream

__all__ = ["Results", "all_rounds", "common_rates", "jobs"]

Results: TypeAlias = Mapping[tuple[str, str], Sequence[Measured]]
"""By the key of the case and the name of the contender: a figure for each round."""
Say: TypeAlias = Callable[[str], object]

LOW_RATE: Final = 100
_AGAIN: Final = 2
_SHARE: Final = 0.5  # of what the baseline can: a rate that all but the slowest keep with room to spare


def jobs(cases: Iterable[Case]) -> Mapping[tuple[str, App], Sequence[Case]]:
    """Return what can be asked of one process: the cases of a contender that are answered by the same app."""
    found: dict[tuple[str, App], list[Case]] = defaultdict(list)
    for case in cases:
        for name in case.contenders:
            found[name, case.app].append(case)
    return found


def all_rounds(cases: Sequence[Case], settings: Settings, upstream: Upstream, folder: Path, say: Say) -> Results:
    """Measure every contender on each of its cases as often as there are rounds."""
    results: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    work = jobs(cases)
    for number in range(settings.rounds):
        for name, app in random.sample([*work], len(work)):
            asked = work[name, app]
            with serving(CONTENDERS[name], app, upstream, folder) as running:
                for case in random.sample(asked, len(asked)):
                    say(f"round {number + 1} of {settings.rounds}: {case.key}, {name}")
                    measured = _measured(running, case, settings, upstream, folder)
                    results[case.key, name].append(measured)
    return results


def _measured(running: Running, case: Case, settings: Settings, upstream: Upstream, folder: Path) -> Measured:
    """
    Measure once, and again where calls were missing or too many, but not for ever.

    Where the machine stalls for a moment, whoever has timeouts does what they are for: it tries again, or leaves out a
    part of a page. Such a round says nothing about the page. One who miscounts each time is wrong, and ends the run.
    """
    for _ in range(_AGAIN):
        try:
            return measure(running, case, settings, upstream.counter, folder)
        except MiscountError as error:
            print(f"once more: {error}")
    return measure(running, case, settings, upstream.counter, folder)


def common_rates(cases: Sequence[Case], settings: Settings, upstream: Upstream, folder: Path) -> Mapping[str, int]:
    """
    Return at which rate everybody is asked, by group of cases.

    It is half of what the baseline can do of the hardest of them, and a low one where the baseline is not there.
    """
    rates: dict[str, int] = {}
    for group, members in groupby((case for case in cases if case.has_rate), key=lambda case: case.group):
        compared = [case for case in members if BASELINE in case.contenders]
        rates[group] = LOW_RATE
        if compared:
            with serving(CONTENDERS[BASELINE], compared[0].app, upstream, folder) as running:
                most = min(_most(running, case, settings, folder) for case in compared)
            rates[group] = int(most * _SHARE) + 1
    return rates


def _most(running: Running, case: Case, settings: Settings, folder: Path) -> float:
    saturate(running.address, case, seconds=1, folder=folder)  # makes it warm
    return saturate(running.address, case, seconds=settings.seconds, folder=folder).rate
