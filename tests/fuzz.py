"""Hold what our wire makes of an answer against what h11 makes of it: as many answers as there is time for."""

import argparse
import sys
from collections.abc import Iterable

from rich.console import Console

from tests.support.answers import case, disagreement


def fuzz(numbers: Iterable[int]) -> list[str]:
    """Return what is wrong with our reading of the cases of these numbers."""
    wrong = ((number, disagreement(case(number))) for number in numbers)
    return [f"case {number}: {what}" for number, what in wrong if what is not None]


def main() -> int:
    """Run from the command line; return 1 where h11 reads something else."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    console = Console()
    found = 0
    for first in range(options.first, options.first + options.cases, 10_000):
        wrong = fuzz(range(first, min(first + 10_000, options.first + options.cases)))
        found += len(wrong)
        console.print(f"from {first:>9,}: {len(wrong)} wrong", *wrong, sep="\n", markup=False)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
