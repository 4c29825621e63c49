"""How an upstream is called: frozen policies, validated when built, the same words everywhere."""

from bff.policy._balancing import LoadBalancing, OutlierDetection
from bff.policy._protection import Bulkhead, CircuitBreaker, Coalescing, FaultInjection, RateLimit
from bff.policy._tries import Hedging, Retry, RetryBudget, Timeout

__all__ = [
    "Bulkhead",
    "CircuitBreaker",
    "Coalescing",
    "FaultInjection",
    "Hedging",
    "LoadBalancing",
    "OutlierDetection",
    "RateLimit",
    "Retry",
    "RetryBudget",
    "Timeout",
]
