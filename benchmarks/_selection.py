"""What of everything is to be measured, and can be."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from benchmarks._cases import CASES, Case
from benchmarks._contenders import CONTENDERS
from benchmarks._measure import Settings
from benchmarks._tools import Tool, missing

__all__ = ["SMOKE", "lacking", "minutes", "selected"]

SMOKE: Final = ("pages/mobile", "pages/hop")
_START: Final = 2.5  # seconds that a contender needs to start, or so


def selected(groups: Collection[str], contenders: Collection[str]) -> list[Case]:
    """
    Return the cases that are named by group or in full, each with those contenders alone; nothing named is everything.

    Raises `ValueError` where a name is nobody's.
    """
    names = {case.group for case in CASES} | {case.key for case in CASES}
    if strangers := [*(set(groups) - names), *(set(contenders) - {*CONTENDERS})]:
        message = f"there is no {', '.join(sorted(strangers))}; cases: {', '.join(sorted(names))}"
        raise ValueError(message)
    asked = [case for case in CASES if not groups or case.group in groups or case.key in groups]
    return _with(asked, contenders or [*CONTENDERS])


def lacking(cases: Sequence[Case]) -> tuple[list[Case], dict[str, list[Tool]]]:
    """Return what can be measured with the tools that there are, and what each contender that cannot run lacks."""
    used = {name for case in cases for name in case.contenders}
    lacks = {name: gone for name in CONTENDERS if name in used and (gone := missing(CONTENDERS[name].needs))}
    return _with(cases, used - {*lacks}), lacks


def minutes(cases: Sequence[Case], settings: Settings) -> float:
    """Return how long it will take, or so."""
    loads = sum(len(case.contenders) * (2 if case.has_rate else 1) for case in cases)
    warm_ups = sum(len(case.contenders) for case in cases)
    starts = len({(name, case.app) for case in cases for name in case.contenders})
    asking = settings.rounds * (loads * settings.seconds + warm_ups * settings.warm_up)
    return (asking + (settings.rounds + 1) * starts * _START) / 60


def _with(cases: Sequence[Case], contenders: Collection[str]) -> list[Case]:
    kept = [replace(case, contenders=tuple(name for name in case.contenders if name in contenders)) for case in cases]
    return [case for case in kept if case.contenders]
