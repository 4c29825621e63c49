"""What is compared with what: counts, the interpreter that they hold for, and the judgement on a change."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal, TypeAlias

from benchmarks.instructions._cases import REFERENCE

Verdict: TypeAlias = Literal["as before", "faster", "slower", "new", "gone"]

BASELINE: Final = Path(__file__).with_name("baseline.json")
BUILD_TOLERANCE: Final = 0.02
"""By how much the reference case may differ between machines before their interpreters count as different ones."""

_PACKAGES: Final = ("aiohttp", "fastapi", "httptools", "msgspec", "multidict", "pydantic", "pydantic-core", "starlette")


@dataclass(frozen=True, slots=True)
class Counts:
    """Instructions that each case takes once, and where they were counted; the reference case is among them."""

    python: str
    build: str
    packages: Mapping[str, str]
    instructions: Mapping[str, int]

    @classmethod
    def here(cls, instructions: Mapping[str, int]) -> "Counts":
        """Return counts of this interpreter and of what is installed with it."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return cls(python, sys.version, dict(_installed()), instructions)

    @classmethod
    def read(cls, file: Path) -> "Counts":
        """Return the counts that a file holds."""
        return cls(**json.loads(file.read_text()))

    def write(self, file: Path) -> None:
        """Write a file that `read` reads."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @property
    def reference(self) -> int:
        """What known work of the interpreter alone takes: counts are compared as multiples of it."""
        return self.instructions[REFERENCE]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why counts say nothing against a baseline; `is_mendable` where a new baseline is the remedy."""

    reason: str
    is_mendable: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A case, what it took before and takes now (`None`: it is not there), and by what share that is more."""

    case: str
    before: int | None
    now: int | None
    change: float
    verdict: Verdict

    @property
    def is_failure(self) -> bool:
        """Say whether this must not be merged as it is: what is faster only asks for a new baseline."""
        return self.verdict not in {"as before", "faster"}


def refusal(baseline: Counts, counts: Counts) -> Refusal | None:
    """Say why counts cannot be judged by a baseline, if they cannot."""
    if baseline.python != counts.python:
        reason = f"the baseline was counted with Python {baseline.python}, and this is Python {counts.python}"
        return Refusal(reason, is_mendable=False)
    change = counts.reference / baseline.reference - 1
    if abs(change) <= BUILD_TOLERANCE:
        return None
    return Refusal(
        f"this is another build of Python {counts.python}: the reference case takes {counts.reference:,} instructions, "
        f"{change:+.1%} against the baseline's (here: {counts.build}; there: {baseline.build})",
        is_mendable=True,
    )


def judge(baseline: Counts, counts: Counts, tolerances: Mapping[str, float]) -> Iterator[Judged]:
    """Yield a judgement on every case of `tolerances`, which says for each what share more or less is nothing."""
    for case, tolerance in tolerances.items():
        before, now = baseline.instructions.get(case), counts.instructions.get(case)
        if before is None or now is None:
            yield Judged(case, before, now, 0.0, "new" if before is None else "gone")
            continue
        change = (now / counts.reference) / (before / baseline.reference) - 1
        verdict: Verdict = "slower" if change > tolerance else "faster" if change < -tolerance else "as before"
        yield Judged(case, before, now, change, verdict)


def updates(baseline: Counts, counts: Counts) -> Iterator[str]:
    """Yield which packages that take part in the counts are others than the baseline's."""
    for name in dict.fromkeys([*baseline.packages, *counts.packages]):
        before, now = baseline.packages.get(name, "none"), counts.packages.get(name, "none")
        if before != now:
            yield f"{name} {before} -> {now}"


def _installed() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
