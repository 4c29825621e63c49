"""Draw what was measured: bars where contenders are compared, lines where a case grows."""

# matplotlib types its methods, but not their keywords.
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks._cases import Case
from benchmarks._contenders import CONTENDERS
from benchmarks._paper import INK, inked, settings
from benchmarks._tables import Summaries

__all__ = ["drawn"]

_BFF: Final = "#2f81f7"
_OTHER: Final = "#8b949e"
_HOP: Final = "#12a594"
_LINE: Final = 0.24  # inches a bar
_ROOM: Final = 0.9  # inches around the bars of a case


def drawn(cases: Sequence[Case], summaries: Summaries) -> str:
    """Return an SVG with the CPU time of a request, a part for each case."""
    heights = [_ROOM + _LINE * len(case.contenders) for case in cases]
    with mpl.rc_context(settings("bench")):
        figure = Figure(figsize=(7.4, sum(heights)), layout="constrained")
        parts = figure.subplots(len(cases), 1, squeeze=False, height_ratios=heights)
        for case, (axes,) in zip(cases, parts, strict=True):
            _bars(axes, case, summaries)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inked(buffer.getvalue())


def _bars(axes: Axes, case: Case, summaries: Summaries) -> None:
    """Draw a bar for each contender, with a whisker from its least to its most round."""
    rows = range(len(case.contenders))
    found = [summaries[case.key, name] for name in case.contenders]
    medians = [one.cpu * 1e6 for one in found]
    whiskers = [
        [(one.cpu - one.least) * 1e6 for one in found],
        [(one.most - one.cpu) * 1e6 for one in found],
    ]
    axes.barh(rows, medians, color=[_colour(name) for name in case.contenders], height=0.7)
    axes.errorbar(medians, rows, xerr=whiskers, fmt="none", ecolor=INK, elinewidth=0.8)
    axes.set_yticks(rows, [CONTENDERS[name].title for name in case.contenders])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_title(f"{case.key}: CPU µs a request", loc="left", fontsize=9)
    # One that takes ten times as long would leave the others no room to differ in.
    limit = 3 * sorted(medians)[len(medians) // 2]
    axes.set_xlim(0, min(limit, max(one.most for one in found) * 1e6 * 1.15))
    for row, value in zip(rows, medians, strict=True):
        axes.annotate(f" {value:.0f}", (min(value, axes.get_xlim()[1] * 0.93), row), va="center", fontsize=8)


def _colour(name: str) -> str:
    if CONTENDERS[name].is_hop:
        return _HOP
    return _BFF if name.startswith("bff") else _OTHER
