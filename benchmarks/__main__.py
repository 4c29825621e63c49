"""Compare the product page with `bff` and by hand: CPU per request first, then throughput and latency."""

import argparse
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks._contender import BASELINE, CONTENDERS, Running, contender
from benchmarks._load import Load, load, wrk
from benchmarks._upstream import LIMITS, PRODUCTS, nginx, requests_served, upstreams

PAGES = tuple(LIMITS)
CALLS_A_PAGE = 3


@dataclass(frozen=True)
class Measured:
    """One round of one contender on one page; seconds, and kilobytes."""

    cpu: float
    rate: float
    p50: float
    p99: float
    memory: int


@dataclass(frozen=True)
class Settings:
    """How long and how often."""

    rounds: int
    seconds: int
    clients: int


def main() -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a short run that shows that everything works")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    missing = [name for name, found in (("nginx", nginx()), ("wrk", wrk())) if found is None]
    if missing:
        console.print(f"The benchmark needs {' and '.join(missing)}: apt-get install nginx-light wrk")
        sys.exit(1 if os.environ.get("CI") else 0)
    rounds, seconds = (1, 1) if options.smoke else (options.rounds, options.seconds)
    settings = Settings(rounds, seconds, options.clients)
    with TemporaryDirectory(prefix="bff-bench-") as name:
        Path(name).chmod(0o755)  # nginx reads as another user
        results = run(settings, Path(name), console)
    show(results, settings, console)
    if options.json:
        options.json.write_text(json.dumps(_plain(results), indent=2))


def run(settings: Settings, folder: Path, console: Console) -> Mapping[tuple[str, str], Sequence[Measured]]:
    """Measure every contender on every page, in rounds of changing order."""
    results: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    with upstreams(folder) as upstream, console.status("") as status:
        _check_equal(upstream, folder)
        for number in range(settings.rounds):
            names = random.sample(CONTENDERS, len(CONTENDERS))
            for name in names:
                status.update(f"round {number + 1} of {settings.rounds}: {name}")
                with contender(name, upstream, folder / f"{name}.log") as running:
                    for page in random.sample(PAGES, len(PAGES)):
                        results[name, page].append(_measure(running, page, settings, upstream, folder))
    return results


def _measure(running: Running, page: str, settings: Settings, upstream: str, folder: Path) -> Measured:
    """Ask a contender for a page until it is warm, and then once more."""

    def ask(seconds: int) -> Load:
        clients, products = settings.clients, len(PRODUCTS)
        return load(running.address, page, seconds=seconds, clients=clients, products=products, folder=folder)

    ask(1)
    before, asked = running.cpu(), requests_served(upstream)
    result = ask(settings.seconds)
    cpu = running.cpu() - before
    _check_calls(requests_served(upstream) - asked, result.requests, settings.clients)
    rate = result.requests / result.seconds
    return Measured(cpu / result.requests, rate, result.p50, result.p99, running.memory())


def _check_calls(calls: int, requests: int, clients: int) -> None:
    """Every page made its calls: no more may be missing than were under way at either end."""
    expected = requests * CALLS_A_PAGE
    if abs(calls - expected) > 2 * CALLS_A_PAGE * clients + 2:
        message = f"{requests} pages made {calls} calls, and not {expected}"
        raise RuntimeError(message)


def _check_equal(upstream: str, folder: Path) -> None:
    """All contenders give the same answers."""
    answers: dict[tuple[str, int], object] = {}
    for name in CONTENDERS:
        with contender(name, upstream, folder / f"{name}.log") as running:
            for page in PAGES:
                for product_id in (1, 7, 42, 250):
                    answer = httpx.get(f"{running.address}/{page}/products/{product_id}").raise_for_status().json()
                    if answers.setdefault((page, product_id), answer) != answer:
                        message = f"{name} answers /{page}/products/{product_id} otherwise than {CONTENDERS[0]}"
                        raise RuntimeError(message)


def show(results: Mapping[tuple[str, str], Sequence[Measured]], settings: Settings, console: Console) -> None:
    """Print a table for each page: medians over the rounds."""
    for page in PAGES:
        title = f"{page} page: medians of {settings.rounds} rounds, {settings.clients} clients, one worker"
        table = Table(title=title)
        for column in ("contender", "CPU µs/request", "ratio", "requests/s", "p50 ms", "p99 ms", "peak MB"):
            table.add_column(column, justify="left" if column == "contender" else "right")
        base = median(measured.cpu for measured in results[BASELINE, page])
        for name in CONTENDERS:
            rounds = results[name, page]
            cpu = median(measured.cpu for measured in rounds)
            table.add_row(
                name,
                f"{cpu * 1e6:.0f}",
                f"{cpu / base:.2f}",
                f"{median(measured.rate for measured in rounds):.0f}",
                f"{median(measured.p50 for measured in rounds) * 1e3:.1f}",
                f"{median(measured.p99 for measured in rounds) * 1e3:.1f}",
                f"{median(measured.memory for measured in rounds) / 1024:.0f}",
            )
        console.print(table)


def _plain(results: Mapping[tuple[str, str], Sequence[Measured]]) -> list[dict[str, object]]:
    return [
        {"contender": name, "page": page, "rounds": [vars(measured) for measured in rounds]}
        for (name, page), rounds in results.items()
    ]


if __name__ == "__main__":
    main()
