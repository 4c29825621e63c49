"""One of several addresses of an upstream, and all that is known of it."""

from dataclasses import dataclass
from math import inf

__all__ = ["Member"]


@dataclass(slots=True, eq=False)
class Member:
    """
    An address: `origin` is where connections go, `host` the authority that `Host` and TLS name (empty: its own).

    The balancer reads and writes `active` (tries under way), `cost` (latency in seconds, 0 where none is known) as of
    `seen_at`, and `turn`; the ejector everything below. It lives as long as the address is one of the upstream's.
    """

    origin: str
    host: str = ""
    weight: float = 1.0
    active: int = 0
    cost: float = 0.0
    seen_at: float = 0.0
    turn: float = 0.0
    # How many tries in a row failed, by kind; `is_troubled` where any did.
    is_troubled: bool = False
    in_a_row: int = 0
    gateway_in_a_row: int = 0
    local_in_a_row: int = 0
    # What ended since `window_at`.
    calls: int = 0
    failed: int = 0
    window_at: float = -inf
    is_ejected: bool = False
    ejected_until: float = -inf
    ejections: int = 0
    parked_until: float = -inf
