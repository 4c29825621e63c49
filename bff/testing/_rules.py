"""What a fake does when it is called: answer, or fail in one of the ways in which upstreams fail."""

import difflib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, get_args

from bff._frames import user_frame
from bff.declare._operation import Operation
from bff.errors import DeclarationError, Problem

__all__ = ["KINDS", "Answer", "Case", "Fault", "FaultKind", "Rule", "faked_operation"]

R = TypeVar("R")

FaultKind: TypeAlias = Literal["refused", "timeout", "status", "malformed", "slow"]
"""How an upstream fails: no connection; no answer; an error's status; no JSON; an answer that takes its time."""

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_STATUSES = range(100, 600)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of an upstream: the next of `values`, the last one again and again, `after` seconds."""

    values: tuple[Any, ...]
    status: int
    headers: Mapping[str, str]
    after: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure of an upstream; `seconds` are how slow a slow one is, `None` nearly too slow."""

    kind: FaultKind
    status: int = 503
    seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)


Play: TypeAlias = Answer | Fault


@dataclass(slots=True)
class Case:
    """A play for the calls that were made with `arguments`; `turn` counts how often it was used."""

    arguments: Mapping[str, object]
    play: Play
    turn: int = 0


class Rule(Generic[R]):
    """Calls of an operation that something is still to be said of."""

    def __init__(self, operation: Operation[..., R], arguments: Mapping[str, object], rules: list[Case]) -> None:
        self._operation = operation
        self._arguments = arguments
        self._rules = rules

    def returns(
        self,
        *answers: R | Mapping[str, Any] | list[Any] | Callable[..., R | Awaitable[R] | Mapping[str, Any] | list[Any]],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        after: float = 0.0,
    ) -> None:
        """
        Answer with what the contract promises, with data for JSON, or with what a function makes of the arguments.

        Several answers are given one call after the other, and the last one from then on. `after` is in seconds.
        """
        if not answers:
            raise _refused(self._operation, "`returns` is given nothing", "give it an answer; None is one")
        self._rules.append(Case(self._arguments, Answer(answers, status, headers or _NO_HEADERS, after)))

    def fails(
        self,
        how: FaultKind | int,
        status: int = 503,
        *,
        seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """
        Fail: `"refused"`, `"timeout"`, `"malformed"`, `"status"` with a status (or just the status), `"slow"`.

        What is slow answers after `seconds`, as it would if there were no such rule; left out, it takes nine tenths
        of the time that one try may take.
        """
        kind, status = ("status", how) if isinstance(how, int) else (how, status)
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(KINDS)}"
            raise _refused(self._operation, f"{kind!r} is no way to fail", mend)
        if status not in _STATUSES:
            raise _refused(self._operation, f"{status} is no status", "give one from 100 to 599")
        self._rules.append(Case(self._arguments, Fault(kind, status, seconds, headers or _NO_HEADERS)))


def faked_operation(operation: object, arguments: Mapping[str, object]) -> Operation[..., Any]:
    """Return what is to be faked; raises `DeclarationError` where that is no operation, or takes no such arguments."""
    if not isinstance(operation, Operation):
        what = f"`{getattr(operation, '__name__', operation)}` is no operation of an upstream"
        raise DeclarationError(Problem(what, "name one on its class: `fakes.on(Catalog.product)`", "", *user_frame()))
    found = cast("Operation[..., Any]", operation)
    known = [parameter.name for parameter in found.parameters]
    for name in arguments:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            mend = f"did you mean `{near[0]}`?" if near else f"it takes {', '.join(known) or 'none'}"
            raise _refused(found, f"it takes no `{name}`", mend)
    return found


def _refused(operation: Operation[..., Any], what: str, mend: str) -> DeclarationError:
    return DeclarationError(Problem(what, mend, operation.full_name, *user_frame()))
