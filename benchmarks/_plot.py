"""Draw what was measured: bars where contenders are compared, lines where a case grows."""

# matplotlib types its methods, but not their keywords.
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks._cases import Case
from benchmarks._contenders import CONTENDERS
from benchmarks._paper import INK, inked, settings
from benchmarks._tables import Summaries

__all__ = ["drawn"]

_BFF: Final = "#2f81f7"
_OTHER: Final = "#8b949e"
_HOP: Final = "#12a594"
_LOOKS: Final = {
    "bff_defaults": (_BFF, "-", 2.2),
    "bff_off": (_BFF, "--", 1.4),
    "fastapi_aiohttp": ("#e8710a", "-", 1.4),
    "starlette_pyreqwest": ("#c2409a", "-", 1.4),
    "fastify_undici": (_HOP, "-", 1.4),
}
_BAR: Final = 0.24  # inches
_ROOM: Final = 0.9  # inches around the bars of a case
_LINES: Final = 2.8  # inches of a part with lines


def drawn(cases: Sequence[Case], summaries: Summaries) -> str:
    """Return an SVG with the CPU time of a request: bars for each case, lines for a group of cases that grow."""
    parts = [*_parts(cases)]
    heights = [_height(part) for part in parts]
    with mpl.rc_context(settings("bench")):
        figure = Figure(figsize=(7.4, sum(heights)), layout="constrained")
        places = figure.subplots(len(parts), 1, squeeze=False, height_ratios=heights)
        for part, (axes,) in zip(parts, places, strict=True):
            if len(part) > 1:
                _lines(axes, part, summaries)
            else:
                _bars(axes, part[0], summaries)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inked(buffer.getvalue())


def _parts(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    for _, members in groupby(cases, key=lambda case: case.group if case.size is not None else case.key):
        yield [*members]


def _height(part: Sequence[Case]) -> float:
    return _LINES if len(part) > 1 else _ROOM + _BAR * len(part[0].contenders)


def _lines(axes: Axes, cases: Sequence[Case], summaries: Summaries) -> None:
    """Draw a line for each contender, with a dot for each case."""
    sizes = [case.size or 0 for case in cases]
    for name in cases[0].contenders:
        colour, style, width = _LOOKS.get(name, (_OTHER, ":", 1.4))
        costs = [summaries[case.key, name].cpu * 1e6 for case in cases]
        title = CONTENDERS[name].title
        axes.plot(sizes, costs, label=title, color=colour, linestyle=style, linewidth=width, marker="o", markersize=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [case.name for case in cases])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:.0f}")
    axes.set_title(f"{cases[0].group}: CPU µs a request", loc="left", fontsize=9)
    axes.legend(loc="best", fontsize=7)


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
    edge = axes.get_xlim()[1] * 0.93
    for row, one in zip(rows, found, strict=True):
        axes.annotate(f"  {one.cpu * 1e6:.0f}", (min(one.most * 1e6, edge), row), va="center", fontsize=8)


def _colour(name: str) -> str:
    if CONTENDERS[name].is_hop:
        return _HOP
    return _BFF if name.startswith("bff") else _OTHER
