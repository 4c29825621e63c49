"""Declare one page per client like a plain function; it runs like a query plan."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bff._logging import LoggingObserver
    from bff.app import BFF, ClientProfile
    from bff.declare import (
        Shape,
        Upstream,
        call,
        derived,
        each,
        endpoint,
        header,
        is_none,
        not_,
        now,
        optional,
        or_else,
        present,
    )
    from bff.errors import (
        BFFError,
        CircuitOpen,
        ContractViolation,
        DeadlineExceeded,
        DeclarationError,
        Overloaded,
        Problem,
        RateLimited,
        RejectedError,
        UnsafePath,
        UpstreamError,
        UpstreamStatus,
        UpstreamTimeout,
        UpstreamUnreachable,
    )
    from bff.policy import Bulkhead, CircuitBreaker, Retry, RetryBudget, Timeout

__all__ = [
    "BFF",
    "BFFError",
    "Bulkhead",
    "CircuitBreaker",
    "CircuitOpen",
    "ClientProfile",
    "ContractViolation",
    "DeadlineExceeded",
    "DeclarationError",
    "LoggingObserver",
    "Overloaded",
    "Problem",
    "RateLimited",
    "RejectedError",
    "Retry",
    "RetryBudget",
    "Shape",
    "Timeout",
    "UnsafePath",
    "Upstream",
    "UpstreamError",
    "UpstreamStatus",
    "UpstreamTimeout",
    "UpstreamUnreachable",
    "call",
    "derived",
    "each",
    "endpoint",
    "header",
    "is_none",
    "not_",
    "now",
    "optional",
    "or_else",
    "present",
]

_HOMES = {
    "bff._logging": ("LoggingObserver",),
    "bff.app": ("BFF", "ClientProfile"),
    "bff.declare": (
        "Shape",
        "Upstream",
        "call",
        "derived",
        "each",
        "endpoint",
        "header",
        "is_none",
        "not_",
        "now",
        "optional",
        "or_else",
        "present",
    ),
    "bff.policy": ("Bulkhead", "CircuitBreaker", "Retry", "RetryBudget", "Timeout"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import what a user types at the moment it is asked for (PEP 562): `import bff.ambassador` stays light."""
    if name not in __all__:
        message = f"module 'bff' has no attribute {name!r}"
        raise AttributeError(message)
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF.get(name, "bff.errors")), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
