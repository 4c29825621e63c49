"""Run the simulation, and write what it found into the documentation."""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.simulation._measure import measure
from benchmarks.simulation._plots import drawn
from benchmarks.simulation._report import HEAD, Report, as_json, cells, with_tables
from benchmarks.simulation._scenarios import SCENARIOS, Scenario

PAGE: Final = Path(__file__).parents[2] / "docs" / "explanation" / "simulation.md"


def main() -> None:
    """Run what was asked for, print it and write it down."""
    parser = argparse.ArgumentParser(prog="make simulation ARGS=...", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[scenario.name for scenario in SCENARIOS], help="these scenarios")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print", action="store_true", help="print what was found and write nothing")
    options = parser.parse_args()
    chosen = [scenario for scenario in SCENARIOS if not options.only or scenario.name in options.only]
    reports = run(chosen, seed=options.seed)
    for report in reports:
        show(report)
    if not options.print:
        write(reports, seed=options.seed)


def run(scenarios: Sequence[Scenario], *, seed: int) -> list[Report]:
    """Let every contender go through its scenarios, as many at a time as there are processors."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        running = {
            (scenario.name, contender): pool.submit(measure, scenario, contender, seed=seed)
            for scenario in scenarios
            for contender in scenario.contenders
        }
        return [
            Report.of(scenario, {name: running[scenario.name, name].result() for name in scenario.contenders})
            for scenario in scenarios
        ]


def write(reports: Sequence[Report], *, seed: int) -> None:
    """Write numbers and pictures beside the page, and the tables into it."""
    folder = PAGE.with_suffix("")
    folder.mkdir(exist_ok=True)
    eventful = {scenario.name for scenario in SCENARIOS if scenario.is_eventful}
    for report in reports:
        (folder / f"{report.name}.json").write_text(as_json(report, seed=seed))
        if report.name in eventful:
            (folder / f"{report.name}.svg").write_text(drawn(report))
    PAGE.write_text(with_tables(PAGE.read_text(), {report.name: report for report in reports}))


def show(report: Report) -> None:
    """Print a report as a table."""
    table = Table(title=report.title)
    for name in ("", *HEAD):
        table.add_column(name, justify="right" if name else "left")
    for name, result in report.results.items():
        table.add_row(name, *cells(result))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
