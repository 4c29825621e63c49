"""The settings of an upstream: what they are called, and what each may be."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from bff.policy import (
    Bulkhead,
    CircuitBreaker,
    Coalescing,
    FaultInjection,
    Hedging,
    LoadBalancing,
    OutlierDetection,
    RateLimit,
    Retry,
    RetryBudget,
    Timeout,
)

__all__ = ["FIELDS", "MENDS", "ONLY_IN_CODE", "FieldSpec", "is_fit", "misfit"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """
    What a setting may be.

    `kind` is the type a text from the environment is parsed as, `None` where only code can make the value; `policy`
    is the class of a policy, whose fields are `fields`.
    """

    kind: Any = None
    policy: type[Any] | None = None
    fields: Mapping[str, "FieldSpec"] = field(default_factory=dict[str, "FieldSpec"])


_Text = Annotated[str, Field(min_length=1)]
ONLY_IN_CODE: Final = FieldSpec()
_NUMBER: Final = FieldSpec(float)
_NUMBER_OR_NONE: Final = FieldSpec(float | None)
_COUNT: Final = FieldSpec(int)
_COUNT_OR_NONE: Final = FieldSpec(int | None)

FIELDS: Final[Mapping[str, FieldSpec]] = {
    "base_url": FieldSpec(_Text | list[_Text]),
    "name": FieldSpec(_Text),
    "headers": FieldSpec(dict[str, str]),
    "accept_headers": FieldSpec(tuple[str, ...]),
    "auth": ONLY_IN_CODE,
    "transport": ONLY_IN_CODE,
    "resolver": ONLY_IN_CODE,
    "verify": FieldSpec(Annotated[bool | _Text, Field(union_mode="left_to_right")]),
    "max_body": FieldSpec(Annotated[int, Field(gt=0)]),
    "timeout": FieldSpec(
        policy=Timeout,
        fields={"total": _NUMBER, "per_try": _NUMBER_OR_NONE, "connect": _NUMBER},
    ),
    "retry": FieldSpec(
        policy=Retry,
        fields={
            "attempts": _COUNT,
            "wait": ONLY_IN_CODE,
            "when": ONLY_IN_CODE,
            "statuses": FieldSpec(tuple[int, ...]),
            "budget": FieldSpec(policy=RetryBudget, fields={"ratio": _NUMBER, "burst": _NUMBER}),
            "max_retry_after": _NUMBER_OR_NONE,
        },
    ),
    "breaker": FieldSpec(
        policy=CircuitBreaker,
        fields={
            "failure_rate": _NUMBER,
            "min_calls": _COUNT,
            "window": _NUMBER,
            "slow_call": _NUMBER_OR_NONE,
            "slow_rate": _NUMBER,
            "cooldown": _NUMBER,
            "max_cooldown": _NUMBER,
            "probes": _COUNT,
            "listeners": ONLY_IN_CODE,
            "storage": ONLY_IN_CODE,
        },
    ),
    "bulkhead": FieldSpec(policy=Bulkhead, fields={"limit": _COUNT, "queue": _COUNT}),
    "coalescing": FieldSpec(policy=Coalescing, fields={"max_size": _COUNT}),
    "balancing": FieldSpec(
        policy=LoadBalancing, fields={"algorithm": FieldSpec(str), "weights": FieldSpec(dict[str, float])}
    ),
    "outliers": FieldSpec(
        policy=OutlierDetection,
        fields={
            "consecutive_5xx": _COUNT_OR_NONE,
            "consecutive_gateway": _COUNT_OR_NONE,
            "consecutive_local": _COUNT_OR_NONE,
            "failure_rate": _NUMBER_OR_NONE,
            "min_calls": _COUNT,
            "interval": _NUMBER,
            "ejection": _NUMBER,
            "max_ejection": _NUMBER,
            "max_ejected": _NUMBER,
            "panic": _NUMBER,
        },
    ),
    "hedging": FieldSpec(policy=Hedging, fields={"after": FieldSpec(float | str), "max": _COUNT}),
    "rate_limit": FieldSpec(policy=RateLimit, fields={"per_second": _NUMBER, "burst": _COUNT_OR_NONE}),
    "fault": FieldSpec(
        policy=FaultInjection,
        fields={"delay": _NUMBER, "delay_rate": _NUMBER, "status": _COUNT, "abort_rate": _NUMBER},
    ),
    "deadline_header": FieldSpec(_Text | None),
}

_TEXTS: Final = frozenset({"base_url", "name", "verify", "deadline_header"})

MENDS: Final[Mapping[str, str]] = {
    "base_url": 'set it to an address: "http://catalog:8000", or to a list of them',
    "name": "set it to a text",
    "headers": "set it to a dict of texts",
    "accept_headers": "set it to a tuple of header names",
    "verify": "set it to True, False, the path of a CA bundle, or an SSLContext",
    "max_body": "set it to a number of bytes, more than 0",
    "deadline_header": "set it to the name of a header, or to None to send none",
    **{
        name: f"set it to a {spec.policy.__name__}(...), or to None to switch it off"
        for name, spec in FIELDS.items()
        if spec.policy is not None
    },
}
"""What to do about a value that a setting cannot have."""


def misfit(key: str, value: object) -> str:
    """Say that a value may not stand for a setting; what is no number is not shown, for it may be a secret."""
    is_shown = value is None or isinstance(value, (int, float))
    return f"`{key}` cannot be {value!r}" if is_shown else f"`{key}` cannot be of type `{type(value).__name__}`"


def is_fit(key: str, value: object) -> bool:
    """
    Say whether a value may stand for a setting, as code gives it: nothing is parsed.

    >>> is_fit("max_body", "1000"), is_fit("timeout", None)
    (False, True)
    """
    spec = FIELDS[key]
    if spec.policy is not None:
        return value is None or isinstance(value, spec.policy)
    if key == "verify" and isinstance(value, ssl.SSLContext):
        return True
    adapter: TypeAdapter[object] = TypeAdapter(spec.kind or object)
    try:
        adapter.validate_python(value, strict=key == "max_body")
    except ValidationError:
        return False
    return not isinstance(value, str) or key in _TEXTS or spec.kind is None
