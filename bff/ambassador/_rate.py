"""Count how much of a rate has been used up."""

from bff.policy import RateLimit

__all__ = ["Rate"]


class Rate:
    """
    A bucket of tokens that starts full and fills steadily: a try takes one.

    Pure: it reads no clock and never waits; callers say what time it is.
    """

    __slots__ = ("_burst", "_per_second", "_tokens", "updated")

    def __init__(self, policy: RateLimit) -> None:
        self._per_second = policy.per_second
        self._burst = max(policy.per_second, 1.0) if policy.burst is None else float(policy.burst)
        self._tokens = self._burst
        self.updated = 0.0

    def take(self, now: float) -> float | None:
        """Take a token; where there is none, return the seconds after which there will be one."""
        passed, self.updated = now - self.updated, now
        # The clock of another loop may be behind that of the last one.
        tokens = self._tokens + passed * self._per_second if passed > 0 else self._tokens
        if tokens >= self._burst:
            self._tokens = self._burst - 1
            return None
        if tokens >= 1:
            self._tokens = tokens - 1
            return None
        self._tokens = tokens
        return (1 - tokens) / self._per_second

    def tokens(self, now: float) -> float:
        """Return how many tries may pass at once."""
        return min(self._tokens + max(now - self.updated, 0.0) * self._per_second, self._burst)
