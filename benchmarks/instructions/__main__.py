"""Count the instructions of executor, codecs, onion and edge, and compare them with the committed baseline."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.instructions._baseline import BASELINE, Counts, Judged, judge, refusal, updates
from benchmarks.instructions._cases import CASES, REFERENCE

_MEND = "make instructions ARGS=--update"
_STYLES: Mapping[str, str] = {"slower": "bold red", "faster": "green", "new": "red", "gone": "red"}


def main() -> None:
    """Count, and judge or write the baseline; fails where a case has become slower."""
    parser = argparse.ArgumentParser(prog="make instructions ARGS=...", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--case", action="append", choices=CASES, metavar="NAME", help="count this one alone")
    options = parser.parse_args()
    if options.update and options.case:
        parser.error("a baseline is of all cases")
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    if shutil.which("valgrind") is None:
        console.print("Counting instructions needs valgrind: apt-get install valgrind")
        sys.exit(1 if os.environ.get("CI") else 0)
    names = list(dict.fromkeys([REFERENCE, *(options.case or CASES)]))
    with console.status(f"counting {len(names)} cases, a minute or so"):
        counts = Counts.here(counted(names))
    if options.update:
        counts.write(BASELINE)
        console.print(f"wrote {BASELINE.name}: {len(names)} cases, Python {counts.build}")
        return
    sys.exit(_judged(Counts.read(BASELINE), counts, names, console))


def counted(names: Sequence[str]) -> Mapping[str, int]:
    """Return the instructions of cases, counted by valgrind in an environment that is the same everywhere."""
    with TemporaryDirectory(prefix="bff-counts-") as folder:
        files = Path(folder) / "counts"
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={files}.%p"]
        command += [f"--log-file={files}.log.%p", sys.executable, "-m", "benchmarks.instructions._worker", str(files)]
        # Hashes of text, and with them the order of sets, come from the seed; addresses depend on the environment.
        environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
        done = subprocess.run([*command, *names], env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise RuntimeError(f"counting failed:\n{done.stderr}")
    lines = [line.split() for line in done.stdout.splitlines()]
    found = {name: int(count) for name, count in lines}
    return {name: found[name] for name in names}


def _judged(baseline: Counts, counts: Counts, names: Sequence[str], console: Console) -> int:
    """Print what came of it, and return the status to exit with."""
    refused = refusal(baseline, counts)
    if refused is not None:
        console.print(f"Not judged: {refused.reason}.")
        if not refused.is_mendable:
            return 0
        console.print(f"Where this is what CI runs on, count the baseline anew: {_MEND}")
        return 1 if os.environ.get("CI") else 0
    known = dict.fromkeys([*names, *baseline.instructions] if set(names) == set(CASES) else names)
    tolerances = {name: CASES[name].tolerance if name in CASES else 0.0 for name in known if name != REFERENCE}
    judged = list(judge(baseline, counts, tolerances))
    _show(judged, counts, console)
    failures = [one for one in judged if one.is_failure]
    changed = list(updates(baseline, counts))
    if changed and any(one.verdict != "as before" for one in judged):
        console.print(f"Other packages than the baseline's take part: {', '.join(changed)}.")
    if failures:
        console.print(f"{len(failures)} of {len(judged)} fail. Where that is meant: {_MEND}")
    elif any(one.verdict == "faster" for one in judged):
        console.print(f"Some cases are faster than the baseline; keep it that way: {_MEND}")
    return 1 if failures else 0


def _show(judged: Sequence[Judged], counts: Counts, console: Console) -> None:
    table = Table(title=f"Instructions, Python {counts.python}, reference {counts.reference:,}")
    for column in ("case", "baseline", "now", "change", "verdict"):
        table.add_column(column, justify="left" if column in {"case", "verdict"} else "right")
    for one in judged:
        numbers = [f"{number:,}" if number is not None else "-" for number in (one.before, one.now)]
        change = f"{one.change:+.1%}" if one.before and one.now else "-"
        table.add_row(one.case, *numbers, change, one.verdict, style=_STYLES.get(one.verdict))
    console.print(table)


if __name__ == "__main__":
    main()
