"""Which `bff` a contender runs: compiled, as a wheel of this platform has it, or the checkout's own files."""

import subprocess
import sys
from pathlib import Path
from typing import Final, Literal, TypeAlias

from benchmarks._tools import Tool

__all__ = ["COMPILED", "Kind", "check_kind", "place_of"]

Kind: TypeAlias = Literal["compiled", "interpreted"]

_ROOT: Final = Path(__file__).parents[1]
_PLACES: Final[dict[Kind, Path]] = {"compiled": _ROOT / "build" / "compiled", "interpreted": _ROOT}


def _built() -> str | None:
    place = _PLACES["compiled"]
    return str(place) if (place / "built").exists() else None


COMPILED: Final = Tool("compiled modules", _built, "`make bench` builds them")


def place_of(kind: Kind | None) -> Path:
    """Return the folder that such a contender is started in, and imports from before all others."""
    return _PLACES[kind or "interpreted"]


def check_kind(kind: Kind) -> None:
    """Raise unless what is imported in that place says of itself that it is of that kind."""
    place = place_of(kind)
    command, environment = [sys.executable, "-m", "bff", "--version"], {"PYTHONPATH": str(place)}
    said = subprocess.check_output(command, cwd=place, env=environment, text=True)  # noqa: S603 - our own command
    if f"({kind})" not in said:
        message = f"{place} should have bff {kind}, and has {said.strip()}"
        raise RuntimeError(message)
