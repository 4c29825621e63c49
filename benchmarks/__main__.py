"""Compare pages with `bff` and by hand: CPU per request first, then throughput, latency and memory."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks._cases import Case
from benchmarks._claims import verdicts
from benchmarks._contenders import CONTENDERS
from benchmarks._equality import check_equal
from benchmarks._measure import Settings
from benchmarks._report import write_report
from benchmarks._rounds import Results, all_rounds, common_rates
from benchmarks._selection import SMOKE, lacking, minutes, selected
from benchmarks._summary import summary
from benchmarks._tables import Summaries, show
from benchmarks._tools import NGINX, VEGETA, WRK, is_ci, missing
from benchmarks._upstream import upstreams

_OUTPUT = Path("build")


def main() -> None:
    """Run the benchmark and print what it found."""
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    parser = _parser()
    options = parser.parse_args()
    try:
        cases = selected(_named(options), (options.contenders or "").split(",") if options.contenders else [])
    except ValueError as error:
        parser.error(str(error))
    cases = _possible(cases, console)
    settings = _settings(options)
    if options.list:
        for case in cases:
            console.print(f"{case.key}: {', '.join(case.contenders)}")
    console.print(f"{settings.rounds} rounds take {minutes(cases, settings):.0f} minutes or so.")
    if options.list:
        return
    with TemporaryDirectory(prefix="bff-bench-") as name:
        Path(name).chmod(0o755)  # nginx reads as another user
        results, settings = _run(cases, settings, Path(name), console)
    summaries = {key: summary(rounds) for key, rounds in results.items()}
    show(cases, summaries, console)
    if not options.smoke:
        _judge(summaries, console)
    write_report(cases, settings, results, options.output)
    console.print(f"Every figure is in {options.output}/bench.json, a picture in {options.output}/bench.svg.")


def _judge(summaries: Summaries, console: Console) -> None:
    """Say what holds of what is claimed."""
    for verdict in verdicts(summaries):
        holds = "holds" if verdict.holds else "DOES NOT HOLD"
        console.print(f"{verdict.text}, {verdict.ratio:.2f} times, at most {verdict.most:.2f}: {holds}")


def _named(options: argparse.Namespace) -> list[str]:
    named: list[str] = options.case or []
    return named or [*(SMOKE if options.smoke else ())]


def _settings(options: argparse.Namespace) -> Settings:
    if options.smoke:
        return Settings(rounds=1, seconds=1, warm_up=0)
    return Settings(rounds=options.rounds, seconds=options.seconds, warm_up=min(2, options.seconds))


def _possible(cases: list[Case], console: Console) -> list[Case]:
    """Leave out what lacks a tool, and say so; in CI that is an error."""
    complaints = [f"The benchmark needs {tool.name}: {tool.advice}." for tool in missing([NGINX, WRK])]
    if complaints:
        cases = []
    else:
        cases, lacks = lacking(cases)
        complaints += [f"Without {name}: {tool.name}, {tool.advice}." for name, gone in lacks.items() for tool in gone]
        complaints += [f"Without a fixed rate: {tool.name}, {tool.advice}." for tool in missing([VEGETA])]
    for complaint in complaints:
        console.print(complaint)
    if complaints and is_ci():
        sys.exit(1)
    if not cases:
        sys.exit(0)
    return cases


def _run(cases: list[Case], settings: Settings, folder: Path, console: Console) -> tuple[Results, Settings]:
    with upstreams(folder) as upstream, console.status("") as status:
        status.update("comparing answers")
        check_equal(cases, upstream, folder)
        if VEGETA.where() is not None:
            status.update("asking what the baseline can")
            settings = replace(settings, rates=common_rates(cases, settings, upstream, folder))
        return all_rounds(cases, settings, upstream, folder, status.update), settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a short run that shows that everything works")
    parser.add_argument("--list", action="store_true", help="say what would be measured, and stop")
    parser.add_argument("--case", action="append", metavar="GROUP[/NAME]", help="these alone; may be repeated")
    parser.add_argument("--contenders", metavar="NAME,...", help=f"these alone, of {', '.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--output", type=Path, default=_OUTPUT, metavar="FOLDER", help="for bench.json and bench.svg")
    return parser


if __name__ == "__main__":
    main()
