"""All policies of one upstream, or of one operation of it, and what of them a mesh takes over."""

from dataclasses import dataclass, field, replace
from typing import Final, TypedDict

from bff.ambassador._announcing import DEADLINE_HEADER
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
    Timeout,
)

__all__ = ["MANAGED_BY_MESH", "Policies", "PolicyOptions"]

MANAGED_BY_MESH: Final = ("retry", "hedging", "breaker", "outliers", "balancing")
"""The policies that a mesh has of its own: two of one kind, one around the other, multiply."""


@dataclass(frozen=True, slots=True)
class Policies:
    """
    How one upstream, or one operation of it, is called; `None` switches a layer off.

    `balancing` and `outliers` matter where there are several addresses. `deadline_header` names the header in which an
    upstream learns how many milliseconds it has; `None` is for third parties, who learn nothing of our doing.
    `managed_by_mesh` leaves retries, hedging, breaking, ejection and balancing to a sidecar, whatever the policies say:
    they are `None` then, and a try has all of `timeout.total` unless a `per_try` is given.
    """

    timeout: Timeout | None = field(default_factory=Timeout)
    retry: Retry | None = field(default_factory=Retry)
    breaker: CircuitBreaker | None = field(default_factory=CircuitBreaker)
    bulkhead: Bulkhead | None = field(default_factory=Bulkhead)
    coalescing: Coalescing | None = None
    balancing: LoadBalancing | None = field(default_factory=LoadBalancing)
    outliers: OutlierDetection | None = field(default_factory=OutlierDetection)
    hedging: Hedging | None = None
    rate_limit: RateLimit | None = None
    fault: FaultInjection | None = None
    deadline_header: str | None = DEADLINE_HEADER
    managed_by_mesh: bool = False

    def __post_init__(self) -> None:
        if self.managed_by_mesh:
            for name in MANAGED_BY_MESH:
                object.__setattr__(self, name, None)
            if self.timeout is not None and self.timeout.is_halved:
                # One try of ours is all of the mesh's tries.
                object.__setattr__(self, "timeout", replace(self.timeout, per_try=None))

    @property
    def attempts(self) -> int:
        """How often a call is tried at the most; a hedge is a try."""
        if self.retry is not None:
            return self.retry.attempts
        return 1 + (self.hedging.max if self.hedging is not None else 0)


class PolicyOptions(TypedDict, total=False):
    """The fields of `Policies`, each left out where the default is meant."""

    timeout: Timeout | None
    retry: Retry | None
    breaker: CircuitBreaker | None
    bulkhead: Bulkhead | None
    coalescing: Coalescing | None
    balancing: LoadBalancing | None
    outliers: OutlierDetection | None
    hedging: Hedging | None
    rate_limit: RateLimit | None
    fault: FaultInjection | None
    deadline_header: str | None
    managed_by_mesh: bool
