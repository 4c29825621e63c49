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
        caller,
        derived,
        each,
        endpoint,
        fallback,
        header,
        is_none,
        not_,
        now,
        optional,
        or_else,
        present,
        when,
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

__all__ = [
    "BFF",
    "BFFError",
    "Bulkhead",
    "CircuitBreaker",
    "CircuitOpen",
    "ClientProfile",
    "Coalescing",
    "ContractViolation",
    "DeadlineExceeded",
    "DeclarationError",
    "FaultInjection",
    "Hedging",
    "LoadBalancing",
    "LoggingObserver",
    "OutlierDetection",
    "Overloaded",
    "Problem",
    "RateLimit",
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
    "caller",
    "derived",
    "each",
    "endpoint",
    "fallback",
    "header",
    "is_none",
    "not_",
    "now",
    "optional",
    "or_else",
    "present",
    "when",
]

# From light to heavy: who asks for a policy does not get FastAPI.
_HOMES = ("bff.errors", "bff.policy", "bff._logging", "bff.declare", "bff.app")


def __getattr__(name: str) -> object:
    """Import what a user types at the moment it is asked for (PEP 562): `import bff.ambassador` stays light."""
    if name in __all__:
        from bff._collector import uncollected

        with uncollected():
            homes = (importlib.import_module(home) for home in _HOMES)
            value = globals()[name] = next(getattr(home, name) for home in homes if name in home.__all__)
        return value
    message = f"module 'bff' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
