"""
Change the pure cores of the ambassador in every small way there is, and ask their unit tests whether they notice.

    python -m tests.mutation [--show] [CORE ...]

Written here, since neither tool fits: mutmut leaves out constants, properties, defaults of fields and whole
statements, where much of these modules is decided; cosmic-ray changes files in place, counts changed annotations as
found, and takes a new interpreter for each of them. A mutant is known by its function and its text, so that what is
accepted in `survivors.toml` stays so when lines move.
"""

import argparse
import importlib
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final

from tests.mutation.mutants import Key, Mutant, mutants_of
from tests.mutation.trial import Verdict, begin, verdict_of

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
PACKAGE: Final = "bff.ambassador"
TESTS: Final = "tests/ambassador"
ACCEPTED: Final = HERE / "survivors.toml"
LARGEST_SHARE: Final = 0.05
CORES: Final = {
    "_balancer": ["test_balancer_core.py"],
    "_breaker": ["test_breaker.py", "test_forced_breaker.py", "test_quick_success.py"],
    "_budget": ["test_budget.py"],
    "_ejector": ["test_ejector_core.py"],
    "_quantile": ["test_quantile_core.py"],
    "_rate": ["test_rate_core.py"],
    "_retry_after": ["test_retry_after.py"],
}
"""Each pure core, and the unit tests that hold it."""


@dataclass
class Report:
    """What became of a core's mutants."""

    core: str
    verdicts: dict[Key, Verdict] = field(default_factory=dict[Key, Verdict])
    lines: dict[Key, int] = field(default_factory=dict[Key, int])

    @property
    def survivors(self) -> list[Key]:
        return [key for key, verdict in self.verdicts.items() if verdict is Verdict.SURVIVED]

    @property
    def total(self) -> int:
        return sum(verdict is not Verdict.STILLBORN for verdict in self.verdicts.values())


def main(arguments: list[str]) -> int:
    """Print the table and return 1 where a survivor is not accepted, or too many are."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutate the ambassador's pure cores.")
    parser.add_argument("cores", nargs="*", metavar="CORE", help=f"of {', '.join(CORES)}; all of them by default")
    parser.add_argument("--show", action="store_true", help="print the accepted survivors, too, with their reasons")
    options = parser.parse_args(arguments)
    cores: list[str] = options.cores or list(CORES)
    if unknown := sorted(set(cores) - set(CORES)):
        parser.error(f"no such core: {', '.join(unknown)}")
    os.chdir(ROOT)
    for dear in ("fastapi", "httpx", "tenacity"):  # a trial begins as a copy of this process
        importlib.import_module(dear)
    reports = [_examine(core) for core in cores]
    print(_table(reports))
    accepted = {key: reason for key, reason in accepted_in(ACCEPTED).items() if key.module in cores}
    problems = problems_of(reports, accepted)
    if set(cores) == set(CORES) and _share(reports) > LARGEST_SHARE:
        problems.append(f"more than {LARGEST_SHARE:.0%} survive")
    if options.show:
        print(*(f"{_text(key)}\n    {reason}" for key, reason in sorted(accepted.items())), sep="\n")
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


def accepted_in(path: Path) -> dict[Key, str]:
    entries = tomllib.loads(path.read_text()).get("survivor", [])
    return {
        Key(**{name: value for name, value in entry.items() if name != "reason"}): entry["reason"] for entry in entries
    }


def _examine(core: str) -> Report:
    path = ROOT / PACKAGE.replace(".", "/") / f"{core}.py"
    name, source, tests = f"{PACKAGE}.{core}", path.read_text(), [f"{TESTS}/{file}" for file in CORES[core]]
    process = begin(name, compile(source, path, "exec", dont_inherit=True), tests, seconds=300)
    _, status, usage = os.wait4(process, 0)
    if (verdict := verdict_of(status)) is not Verdict.SURVIVED:
        raise SystemExit(f"{core}: its tests fail as it is ({verdict.value})")
    seconds = 5 + ceil(10 * usage.ru_utime)
    report = Report(core)
    for mutant, verdict in _try(name, mutants_of(source, core, str(path)), tests, seconds):
        report.verdicts[mutant.key] = verdict
        report.lines[mutant.key] = mutant.line
        if sys.stderr.isatty():
            print(f"\r{core}: {len(report.verdicts)} mutants", end="\r", file=sys.stderr)
    return report


def _try(name: str, mutants: Iterable[Mutant], tests: list[str], seconds: int) -> Iterator[tuple[Mutant, Verdict]]:
    """Yield each mutant with its verdict, as many at a time as there are processors."""
    under_way: dict[int, Mutant] = {}
    for mutant in mutants:
        if len(under_way) >= (os.cpu_count() or 1):
            process, status = os.wait()
            yield under_way.pop(process), verdict_of(status)
        under_way[begin(name, mutant.code, tests, seconds=seconds)] = mutant
    while under_way:
        process, status = os.wait()
        yield under_way.pop(process), verdict_of(status)


def _table(reports: list[Report]) -> str:
    rows: list[tuple[str, ...]] = [("core", "mutants", "killed", "timed out", "survived", "share")]
    counts = [(report.core, report.total, Counter(report.verdicts.values())) for report in reports]
    total = sum((count for *_, count in counts), Counter[Verdict]())
    for core, mutants, count in [*counts, ("all", sum(report.total for report in reports), total)]:
        survived = count[Verdict.SURVIVED]
        numbers = (mutants, count[Verdict.KILLED], count[Verdict.TIMED_OUT], survived)
        rows.append((core, *map(str, numbers), f"{survived / mutants:.1%}"))
    return "\n".join(f"{name:<14}" + "".join(f"{cell:>11}" for cell in cells) for name, *cells in rows)


def _share(reports: list[Report]) -> float:
    return sum(len(report.survivors) for report in reports) / sum(report.total for report in reports)


def problems_of(reports: list[Report], accepted: Iterable[Key]) -> list[str]:
    lines = {key: report.lines[key] for report in reports for key in report.survivors}
    new, gone = set(lines) - set(accepted), set(accepted) - set(lines)
    return [
        *(f"not accepted: {_text(key, lines[key])}" for key in sorted(new)),
        *(f"accepted, but no survivor: {_text(key)}" for key in sorted(gone)),
    ]


def _text(key: Key, line: int | None = None) -> str:
    place = f"{key.module}.py:{line}" if line else f"{key.module}.py"
    nth = f" (number {key.nth})" if key.nth > 1 else ""
    return f"{place} {key.function} [{key.operator}]{nth}\n    - {key.before}\n    + {key.after}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
