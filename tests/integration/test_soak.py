"""A short soak as part of the suite; `make soak` runs the long one."""

import asyncio
import io

from rich.console import Console

from tests.soak import Report, Row, Soak, show, soak
from tests.support.proxy import Fault


def test_after_thousands_of_calls_with_random_faults_and_cancellations_nothing_is_left() -> None:
    report = asyncio.run(soak(Soak(calls=4000, seed=6), Console(quiet=True)))
    assert [] == report.problems()
    # It was a soak: many calls were answered, many were cancelled, and every kind of fault was met.
    assert report.outcomes["200"] > 1000
    assert report.outcomes["cancelled"] > 50
    assert len(Fault) == len(report.faults)


def test_what_is_not_as_before_is_a_problem_and_is_shown() -> None:
    rows = [Row("tasks", 1, 1), Row("timers", 1, 3, allowed=2), Row("connections", 0, 1)]
    report = Report(seconds=1.0, rows=rows)
    assert rows[2:] == report.problems()
    console = Console(file=io.StringIO(), record=True)
    show(report, console)
    marked = [line for line in console.export_text().splitlines() if "not as before" in line]
    assert ["connections"] == [line.split()[1] for line in marked]
