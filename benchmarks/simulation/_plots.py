"""Draw what happened in a scenario, second by second, readable on light and on dark paper."""

# matplotlib types its methods, but not their keywords.
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks._paper import INK, inked, settings
from benchmarks.simulation._contenders import (
    BY_HAND,
    DEFAULTS,
    HEDGING,
    NO_BUDGET,
    NO_POLICY,
    PEAK_EWMA,
    SMALL_BULKHEAD,
)
from benchmarks.simulation._measure import BIN
from benchmarks.simulation._report import Report

__all__ = ["drawn"]

_LOOKS: Final = {
    DEFAULTS: ("#2f81f7", "-", 2.2),
    NO_POLICY: ("#e8710a", "-", 1.4),
    BY_HAND: ("#c2409a", "-", 1.4),
    NO_BUDGET: ("#12a594", "--", 1.2),
    HEDGING: ("#12a594", "--", 1.2),
    PEAK_EWMA: ("#8e7cf0", "--", 1.2),
    SMALL_BULKHEAD: ("#8e7cf0", "--", 1.2),
}


def drawn(report: Report) -> str:
    """Return an SVG: who got an answer, how long that took, and what the upstream was asked, over time."""
    with mpl.rc_context(settings("simulation")):
        figure = Figure(figsize=(7.4, 5.6), layout="constrained")
        answered = figure.add_subplot(3, 1, 1)
        waited = figure.add_subplot(3, 1, 2, sharex=answered)
        asked = figure.add_subplot(3, 1, 3, sharex=answered)
        # The defaults are drawn last, on top of the others.
        for name, result in reversed([*report.results.items()]):
            _line(answered, name, [share * 100 for share in result.successes])
            _line(waited, name, result.p99s)
            _line(asked, name, result.tries)
        _dress(answered, "answered, %", report)
        _dress(waited, "p99, seconds", report)
        _dress(asked, "tries a second", report)
        answered.set_ylim(-4, 104)
        waited.set_yscale("log")
        waited.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
        waited.set_ylim(0.05, 60)
        asked.set_ylim(bottom=0)
        asked.set_xlabel("seconds")
        lines, names = answered.get_legend_handles_labels()
        figure.legend(lines[::-1], names[::-1], loc="outside upper left", ncols=3)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inked(buffer.getvalue())


def _line(axes: Axes, name: str, values: Sequence[float | None]) -> None:
    colour, style, width = _LOOKS[name]
    times = [(number + 0.5) * BIN for number in range(len(values))]
    heights = [float("nan") if value is None else value for value in values]
    axes.plot(times, heights, label=name, color=colour, linestyle=style, linewidth=width)


def _dress(axes: Axes, label: str, report: Report) -> None:
    axes.set_ylabel(label)
    axes.axvspan(*report.trouble, color=INK, alpha=0.07, linewidth=0)
    axes.set_xlim(0, BIN * max(len(result.tries) for result in report.results.values()))
    if label != "tries a second":
        axes.tick_params(labelbottom=False)
