"""What a field of a policy has to be, in words and as a test."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, cast

from bff._frames import user_frame
from bff.errors import DeclarationError, Problem

__all__ = [
    "CALLABLE",
    "COUNT",
    "COUNT_OR_ZERO",
    "LISTENERS",
    "NUMBER",
    "RATE",
    "RATE_OR_ZERO",
    "SECONDS",
    "STATUS",
    "STATUSES",
    "Rule",
    "number",
    "validate",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field has to be: in words, and as a test."""

    wants: str
    holds: Callable[[object], bool]

    def or_none(self) -> "Rule":
        return Rule(f"{self.wants}, or None", lambda value: value is None or self.holds(value))


def number(value: object) -> float:
    """Return `value` where it is a finite number, else one that no rule accepts."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return cast("float", value) if is_number else math.nan


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _all(values: object, holds: Callable[[object], bool]) -> bool:
    return isinstance(values, Collection) and all(holds(value) for value in cast("Collection[object]", values))


SECONDS: Final = Rule("seconds above 0", lambda value: number(value) > 0)
NUMBER: Final = Rule("a number of at least 0", lambda value: number(value) >= 0)
RATE: Final = Rule("a share above 0 and up to 1", lambda value: 0 < number(value) <= 1)
RATE_OR_ZERO: Final = Rule("a share from 0 to 1", lambda value: 0 <= number(value) <= 1)
COUNT: Final = Rule("a whole number of at least 1", lambda value: _count(value) >= 1)
COUNT_OR_ZERO: Final = Rule("a whole number of at least 0", lambda value: _count(value) >= 0)
CALLABLE: Final = Rule("one of tenacity's strategies or a function like it", callable)
STATUS: Final = Rule("an HTTP status, 100 to 599", lambda value: _count(value) // 100 in range(1, 6))
STATUSES: Final = Rule("a collection of HTTP statuses, 100 to 599", lambda value: _all(value, STATUS.holds))
LISTENERS: Final = Rule(
    "a sequence of pybreaker's listeners",
    lambda value: _all(value, lambda listener: hasattr(listener, "state_change")),
)


def validate(policy: object, /, **rules: Rule) -> None:
    """Raise one `DeclarationError` that names every field of `policy` with a value it cannot have."""
    name = type(policy).__name__
    wrong = [field for field, rule in rules.items() if not rule.holds(getattr(policy, field))]
    if wrong:
        file, line = user_frame()
        raise DeclarationError(
            [
                Problem(
                    f"{name}.{field} is {getattr(policy, field)!r}",
                    f"give {rules[field].wants}",
                    where=f"{name}.{field}",
                    file=file,
                    line=line,
                )
                for field in wrong
            ]
        )
