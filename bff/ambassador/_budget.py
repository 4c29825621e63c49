"""Cap what retries may add to the load, however many callers there are."""

from bff.policy import RetryBudget

__all__ = ["Budget"]


class Budget:
    """
    A bucket of tokens that starts full: a call adds `ratio`, a retry takes 1.

    Finagle's `RetryBudget` without its clock: at total failure the amplification is `1 + ratio` for one caller
    and for fifty.
    """

    __slots__ = ("_policy", "burst", "tokens")

    def __init__(self, policy: RetryBudget) -> None:
        self._policy = policy
        self.burst = self.tokens = float(policy.burst)

    def deposit(self) -> None:
        """Count a call."""
        if self.tokens < self.burst:
            self.tokens = min(self.tokens + self._policy.ratio, self.burst)

    def has_token(self) -> bool:
        """Say whether a retry would be granted now."""
        return self.tokens >= 1

    def withdraw(self) -> bool:
        """Take the token for one retry; `False` where there is none."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
