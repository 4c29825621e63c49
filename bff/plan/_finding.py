"""A finding: something about an app that is known before traffic, and that somebody should look at."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bff.errors import Problem

_ORDER = ("error", "warning")


class Severity(StrEnum):
    """An error breaks the contract with a client or an upstream; a warning may be meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that a check found.

    `code` is a token in kebab case that does not change between versions; `problem` says where, what, and how to
    mend it.
    """

    code: str
    severity: Severity
    problem: Problem


def error(code: str, problem: Problem) -> Finding:
    """Return a finding that breaks a contract."""
    return Finding(code, Severity.ERROR, problem)


def warning(code: str, problem: Problem) -> Finding:
    """Return a finding that may be meant."""
    return Finding(code, Severity.WARNING, problem)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once: errors first, then by file and line; those that have no place come last."""
    return tuple(sorted(dict.fromkeys(findings), key=_rank))


def _rank(finding: Finding) -> tuple[int, bool, str, int]:
    problem = finding.problem
    return _ORDER.index(finding.severity), not problem.file, problem.file, problem.line
