"""Group outcomes, so that a table says each thing once."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bff.testing._rules import KINDS, FaultKind

if TYPE_CHECKING:
    from bff.testing._modes import Mode, Outcome

__all__ = ["Row", "alone", "in_pairs"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Row:
    """What fails, one line for each combination, and what comes of it: status, what is missing, time, calls."""

    failing: tuple[str, ...]
    status: str
    missing: str
    time: str
    calls: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What comes of it."""
        return self.status, self.missing, self.time, self.calls


def alone(modes: "Sequence[Mode]") -> list[Row]:
    """Return a row for each outcome that differs in anything."""
    groups = _grouped(
        modes, lambda mode: (_seen(mode.outcome), mode.outcome.seconds, *sorted(mode.outcome.calls.items()))
    )
    return [_row(group, _singles(group)) for group in groups]


def in_pairs(modes: "Sequence[Mode]") -> list[Row]:
    """Return a row for each outcome that a client can tell from others; times and calls are ranges."""
    return [_row(group, _pairs(group)) for group in _grouped(modes, lambda mode: _seen(mode.outcome))]


def _seen(outcome: "Outcome") -> Hashable:
    paths = tuple(path for path, _ in outcome.missing)
    return outcome.status, outcome.cause, paths, outcome.committed


def _grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return [*groups.values()]


def _singles(modes: "Sequence[Mode]") -> tuple[str, ...]:
    kinds: dict[str, list[FaultKind]] = {}
    for mode in modes:
        for name, kind in mode.failing:
            kinds.setdefault(name, []).append(kind)
    lines = [f"{name} {_spelled(found)}" for name, found in kinds.items()]
    return ("nothing", *lines) if any(not mode.failing for mode in modes) else tuple(lines)


def _pairs(modes: "Sequence[Mode]") -> tuple[str, ...]:
    """Return the pairs as products: `catalog refused, status with reviews any`."""
    lines: list[str] = []
    for group in _grouped(modes, lambda mode: tuple(name for name, _ in mode.failing)):
        first, second = (name for name, _ in group[0].failing)
        others: dict[FaultKind, list[FaultKind]] = {}
        for mode in group:
            others.setdefault(mode.failing[0][1], []).append(mode.failing[1][1])
        same = _grouped(others.items(), lambda pair: tuple(pair[1]))
        lines += [
            f"{first} {_spelled([kind for kind, _ in pairs])} with {second} {_spelled(pairs[0][1])}" for pairs in same
        ]
    return tuple(lines)


def _spelled(kinds: Sequence[FaultKind]) -> str:
    return "any" if len(kinds) == len(KINDS) else ", ".join(kinds)


def _row(group: "Sequence[Mode]", failing: tuple[str, ...]) -> Row:
    outcomes = [mode.outcome for mode in group]
    outcome = outcomes[0]
    after = f", after {', '.join(outcome.committed)}" if outcome.committed else ""
    return Row(
        failing,
        f"{outcome.status} {outcome.cause}{after}".strip(),
        ", ".join(path for path, _ in outcome.missing),
        f"{_range([each.seconds for each in outcomes])} s",
        ", ".join(_calls(outcomes)),
    )


def _calls(outcomes: "Sequence[Outcome]") -> Iterable[str]:
    for name in dict.fromkeys(name for outcome in outcomes for name in outcome.calls):
        times = _range([outcome.calls.get(name, 0) for outcome in outcomes])
        yield name if times == "1" else f"{name} ({times})"


def _range(values: Sequence[float]) -> str:
    least, most = min(values), max(values)
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"
