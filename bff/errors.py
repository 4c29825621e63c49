"""Say what went wrong, where, and what to do: one root and three families of errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

__all__ = [
    "BFFError",
    "CircuitOpen",
    "ContractViolation",
    "DeadlineExceeded",
    "DeclarationError",
    "Overloaded",
    "Problem",
    "RateLimited",
    "RejectedError",
    "UnsafePath",
    "UpstreamError",
    "UpstreamStatus",
    "UpstreamTimeout",
    "UpstreamUnreachable",
]


class BFFError(Exception):
    """Root of everything that this library raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One mistake in a declaration.

    `where` names the thing declared (`Mobile.product`), `file` and `line` the place in the user's source
    (`file` is empty and `line` 0 where there is none, for example in a setting from the environment).
    """

    what: str
    mend: str
    where: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file else ""
        head = "  ".join(part for part in (place, self.where) if part)
        lines = [head] if head else []
        return "\n    ".join([*lines, self.what, f"Mend: {self.mend}"])


class DeclarationError(BFFError):
    """
    Something is declared wrongly; raised at start-up, before any request, with all problems at once.

    `problems` are in the order in which they stand in a file; those that have no place come last.
    """

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else _in_order(problems)
        count = len(self.problems)
        head = "" if count == 1 else f"{count} problems in the declarations:\n\n"
        super().__init__(head + "\n\n".join(str(problem) for problem in self.problems))


def _in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    files = [*dict.fromkeys(problem.file for problem in problems if problem.file), ""]
    return tuple(sorted(problems, key=lambda problem: (files.index(problem.file), problem.line)))


class _CallError(BFFError):
    """What the errors of one call to an upstream have in common."""

    cause: str
    default_cause: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        upstream: str,
        operation: str = "",
        attempts: int = 0,
        cause: str | None = None,
    ) -> None:
        super().__init__(message)
        self.upstream = upstream
        self.operation = operation
        self.attempts = attempts
        self.cause = cause or self.default_cause

    def __str__(self) -> str:
        name = f"{self.upstream}.{self.operation}" if self.operation else self.upstream
        tries = f" (after {self.attempts} attempts)" if self.attempts > 1 else ""
        return f"{name}: {self.args[0]}{tries}"


class UpstreamError(_CallError):
    """
    The world failed: an upstream did not give the answer that its contract promises.

    `upstream` and `operation` are names, `attempts` counts all tries made, `cause` is one token
    (`"timeout"`, `"unreachable"`, `"status"`, `"not-found"`, `"contract"`, ...) as clients see it.
    `sent` is `False` where the upstream provably never saw the request, which is then safe to repeat.
    """

    sent = True


class UpstreamTimeout(UpstreamError):
    """An upstream did not answer within its own `Timeout`."""

    default_cause = "timeout"


class UpstreamUnreachable(UpstreamError):
    """No connection could be had, or it broke before the answer was whole."""

    default_cause = "unreachable"


class UpstreamStatus(UpstreamError):
    """
    An upstream answered with a status that is not a success.

    `status` is the upstream's; `retry_after` its `Retry-After` in seconds, where it gave one.
    """

    default_cause = "status"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        upstream: str,
        operation: str = "",
        attempts: int = 0,
        cause: str | None = None,
    ) -> None:
        cause = cause or ("not-found" if status == HTTPStatus.NOT_FOUND else None)
        super().__init__(message, upstream=upstream, operation=operation, attempts=attempts, cause=cause)
        self.status = status


class ContractViolation(UpstreamError):
    """An upstream answered with something other than its contract: not JSON, wrong types, too large."""

    default_cause = "contract"


class RejectedError(_CallError):
    """
    We refused: nothing more was sent upstream.

    `retry_after` is the time in seconds after which asking again makes sense, or `None`.
    """

    def __init__(
        self,
        message: str,
        *,
        upstream: str,
        operation: str = "",
        attempts: int = 0,
        cause: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, upstream=upstream, operation=operation, attempts=attempts, cause=cause)
        self.retry_after = retry_after


class CircuitOpen(RejectedError):
    """The upstream is known to be down; its circuit breaker lets nothing through until `retry_after`."""

    default_cause = "open"


class Overloaded(RejectedError):
    """Every slot of the bulkhead is taken, or no connection could be had from our own pool."""

    default_cause = "overloaded"


class RateLimited(RejectedError):
    """The call would exceed the rate limit declared for its upstream."""

    default_cause = "rate-limited"


class DeadlineExceeded(RejectedError):
    """The caller's own deadline passed before the upstream had answered; says nothing about the upstream."""

    default_cause = "timeout"


class UnsafePath(RejectedError):
    """A path value could have reached another resource (`..`, a slash, a control character): nothing was sent."""

    default_cause = "not-found"
