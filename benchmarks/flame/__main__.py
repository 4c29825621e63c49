"""Ask bff for a page as fast as it can answer, look where its time goes, and write that as a picture and a table."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks._cases import CASES, Case
from benchmarks._contenders import CONTENDERS, Contender
from benchmarks._saturation import saturate
from benchmarks._server import serving
from benchmarks._tools import NGINX, WRK, is_ci, missing
from benchmarks._upstream import upstreams
from benchmarks.flame._parts import shares
from benchmarks.flame._samples import PY_SPY, Samples, give, line_of, make_room, sampled
from benchmarks.flame._svg import drawn

_PAGES: Final = {case.name: case for case in CASES if case.group == "pages" and "bff_interpreted" in case.contenders}
_PICTURES: Final = Path(__file__).parents[2] / "docs" / "explanation"
_WARM_UP: Final = 3
_MARGIN: Final = 2  # seconds that the load goes on before and after the samples, py-spy's start among them


def main() -> None:
    """Draw one page's graph and print its table."""
    parser = argparse.ArgumentParser(prog="make flame ARGS=...", description=__doc__)
    parser.add_argument("--page", choices=_PAGES, default="web")
    parser.add_argument("--contender", choices=CONTENDERS, default="bff_interpreted")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=250, help="samples a second")
    parser.add_argument("--output", type=Path, help="the picture's file, if not the documentation's")
    options = parser.parse_args()
    absent = missing((NGINX, WRK, PY_SPY, *CONTENDERS[options.contender].needs))
    if absent:
        print("\n".join(f"this needs {tool.name}: {tool.advice}" for tool in absent))
        sys.exit(1 if is_ci() else 0)
    with TemporaryDirectory(prefix="bff-flame-") as name:
        Path(name).chmod(0o755)  # nginx reads as another user
        contender, page = CONTENDERS[options.contender], _PAGES[options.page]
        seen = observed(contender, page, seconds=options.seconds, rate=options.rate, folder=Path(name))
    _told(seen, contender, page)
    picture = options.output or _PICTURES / f"flame-{options.page}.svg"
    title = f"{contender.title}, the {options.page} page: {sum(seen.samples.values())} samples"
    picture.write_text(drawn(seen.samples, line_of, title=title))
    print(f"\nwrote {picture.name}: {picture.stat().st_size // 1024} kB")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a server: its stacks, how many pages it answered, and the seconds of CPU time that they took."""

    samples: Samples
    pages: int
    cpu: float


def observed(contender: Contender, page: Case, *, seconds: int, rate: int, folder: Path) -> Seen:
    """Run a server under load, and look at it."""
    processor = make_room()
    with (
        upstreams(folder) as upstream,
        serving(contender, page.app, upstream, folder) as running,
        ThreadPoolExecutor(1) as threads,
    ):
        saturate(running.address, page, seconds=_WARM_UP, folder=folder)
        give(processor, running.pid)
        before = running.cpu()
        load = threads.submit(saturate, running.address, page, seconds=seconds + _MARGIN, folder=folder)
        samples = sampled(running.pid, seconds=seconds, rate=rate, folder=folder)
        pages = load.result().requests
        return Seen(samples, pages, running.cpu() - before)


def _told(seen: Seen, contender: Contender, page: Case) -> None:
    """Print the table as Markdown, for a page of the documentation to quote."""
    total = seen.cpu / seen.pages * 1e6
    counted = sum(seen.samples.values())
    print(f"{contender.title}, {page.name} page: {total:.0f} µs of CPU a page, {counted} samples\n")
    print("| part | share | µs |\n|---|---:|---:|")
    for part, share in shares(seen.samples, line_of).items():
        print(f"| {part} | {share:.1%} | {share * total:.0f} |")


if __name__ == "__main__":
    main()
