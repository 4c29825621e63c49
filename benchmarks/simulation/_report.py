"""Write down what was found: a file of numbers for each scenario, and the tables of the page about them."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.simulation._measure import BIN, Result
from benchmarks.simulation._scenarios import Scenario

__all__ = ["HEAD", "Report", "as_json", "cells", "from_json", "with_tables"]

HEAD: Final = ("answered (in the trouble)", "p50, p99", "failed after", "tries (wasted work)", "well again after")
_UNIT: Final = re.compile(r"(\d) (ms|s|%)")
_TABLE: Final = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one scenario; `results` by contender."""

    name: str
    title: str
    trouble: tuple[float, float]
    results: Mapping[str, Result]

    @classmethod
    def of(cls, scenario: Scenario, results: Mapping[str, Result]) -> "Report":
        """Return the report about a scenario."""
        return cls(scenario.name, scenario.title, scenario.trouble, results)


def as_json(report: Report, *, seed: int) -> str:
    """Return a report as JSON, a line for each contender."""
    head = {"title": report.title, "seed": seed, "trouble": report.trouble, "seconds_a_bin": BIN}
    lines = [f"{json.dumps(name)}: {json.dumps(asdict(result))}" for name, result in report.results.items()]
    return f'{json.dumps(head)[:-1]}, "results": {{\n' + ",\n".join(lines) + "\n}}\n"


def from_json(name: str, text: str) -> Report:
    """Return the report that `as_json` made `text` of."""
    data: dict[str, Any] = json.loads(text)
    begin, end = data["trouble"]
    results = {contender: Result(**result) for contender, result in data["results"].items()}
    return Report(name, data["title"], (begin, end), results)


def with_tables(page: str, reports: Mapping[str, Report]) -> str:
    """Return `page` with a report's table between each `<!-- table: NAME -->` and the next `<!-- end -->`."""

    def table(found: re.Match[str]) -> str:
        report = reports.get(found[2])
        return f"{found[1]}\n{_table(report)}\n\n{found[3]}" if report else found[0]

    return _TABLE.sub(table, page)


def _table(report: Report) -> str:
    rows = [f"| | {' | '.join(HEAD)} |", "|---" * (len(HEAD) + 1) + "|"]
    rows += [f"| {name} | {' | '.join(cells(result))} |" for name, result in report.results.items()]
    return _UNIT.sub(r"\1&nbsp;\2", "\n".join(rows))


def cells(result: Result) -> list[str]:
    """Return what stands under `HEAD`."""
    return [
        f"{_percent(result.success)} ({_percent(result.success_in_trouble)})",
        f"{_time(result.p50)}, {_time(result.p99)}",
        "" if result.p50_failed is None else _time(result.p50_failed),
        f"{result.load_in_trouble:.2f} ({result.wasted * 100:.0f} %)",
        "never" if result.recovery is None else f"{result.recovery:.0f} s",
    ]


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
