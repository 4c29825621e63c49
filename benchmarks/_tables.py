"""Tables of what was measured, for people."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table

from benchmarks._cases import Case
from benchmarks._contenders import BASELINE, CONTENDERS
from benchmarks._summary import Summary

__all__ = ["Summaries", "show"]

Summaries = Mapping[tuple[str, str], Summary]
"""By the key of the case and the name of the contender."""

_COLUMNS = ("CPU µs", "ratio", "rounds µs", "answers/s", "peak MB", "calls")
_AT_RATE = ("at rate/s", "p50 ms", "p99 ms")


def show(cases: Sequence[Case], summaries: Summaries, console: Console) -> None:
    """Print a table for each group of cases."""
    for group, members in groupby(cases, key=lambda case: case.group):
        console.print(_table(group, [*members], summaries))


def _table(group: str, cases: Sequence[Case], summaries: Summaries) -> Table:
    has_rate = any(summaries[case.key, name].at_rate for case in cases for name in case.contenders)
    is_ours = any(CONTENDERS[name].kind == "compiled" for case in cases for name in case.contenders)
    caption = "bff is compiled, as its wheels are, but where the row says interpreted" if is_ours else None
    table = Table(title=f"{group}: medians, CPU time and calls a request", caption=caption)
    table.add_column("case")
    table.add_column("contender")
    for column in (*_COLUMNS, *(_AT_RATE if has_rate else ())):
        table.add_column(column, justify="right")
    for case in cases:
        base = summaries.get((case.key, BASELINE))
        for number, name in enumerate(case.contenders):
            cells = _cells(summaries[case.key, name], base, with_rate=has_rate)
            table.add_row("" if number else case.name, CONTENDERS[name].title, *cells)
        table.add_section()
    return table


def _cells(summary: Summary, base: Summary | None, *, with_rate: bool) -> list[str]:
    cells = [
        f"{summary.cpu * 1e6:.0f}",
        "" if base is None else f"{summary.cpu / base.cpu:.2f}",
        f"{summary.least * 1e6:.0f}-{summary.most * 1e6:.0f}",
        f"{summary.rate:.0f}",
        f"{summary.memory / 1024:.0f}",
        f"{summary.calls:.2f}",
    ]
    if with_rate and summary.at_rate is not None:
        cells += [
            f"{summary.at_rate.rate:.0f}",
            f"{summary.at_rate.p50 * 1e3:.2f}",
            f"{summary.at_rate.p99 * 1e3:.2f}",
        ]
    return cells
