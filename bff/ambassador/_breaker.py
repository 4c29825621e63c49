"""Stop calling an upstream that is down; let a few probes through before trusting it again."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final, Literal, TypeAlias

from bff.policy import CircuitBreaker

__all__ = ["Breaker", "State"]

State: TypeAlias = Literal["closed", "open", "half-open"]

_BUCKETS: Final = 10
_JITTER: Final = 0.1  # of a grown cooldown, so that many processes do not probe in step


@dataclass(slots=True)
class _Bucket:
    """What ended within one tenth of the window."""

    calls: int = 0
    failed: int = 0
    slow: int = 0


class Breaker:
    """
    Decide whether a try may pass, from how those of the last `window` seconds ended.

    Pure: it reads no clock and never waits; callers say what time it is. The window is ten buckets with running
    totals, so that a verdict costs the same however many came before it.
    """

    __slots__ = (
        "_bucket", "_buckets", "_cooldown", "_epoch", "_is_held_closed", "_on_change", "_passed", "_policy", "_probing",
        "_random", "_retry_at", "_totals", "_width", "generation", "state",
    )  # fmt: skip
    _epoch: int

    def __init__(
        self,
        policy: CircuitBreaker,
        *,
        random: Callable[[], float],
        on_change: Callable[[State, State], None],
    ) -> None:
        self.state: State = "closed"
        self._policy = policy
        self._random = random
        self._on_change = on_change
        self._width = policy.window / _BUCKETS
        self.generation = 0
        self._cooldown = policy.cooldown
        self._retry_at = 0.0  # open: when the first probe may pass; half-open: when the probes out count as lost
        self._is_held_closed = False
        self._forget()

    @property
    def calls(self) -> int:
        """How many verdicts the window holds."""
        return self._totals.calls

    @property
    def failure_rate(self) -> float:
        """The share of them that were failures, 0 where there are none."""
        return self._totals.failed / self._totals.calls if self._totals.calls else 0.0

    def admit(self, now: float) -> int | None:
        """Return a permit to hand back to `record()`, or `None` to refuse; while it is closed `generation` is one."""
        if self.state == "closed":
            return self.generation
        if now >= self._retry_at:
            # Either the cooldown is over, or probes went out and never came back: their permits have run out.
            self._probing = self._passed = 0
            self._change("half-open")
        elif self.state == "open" or self._probing + self._passed >= self._policy.probes:
            return None
        self._probing += 1
        self._retry_at = now + self._cooldown
        return self.generation

    def retry_after(self, now: float) -> float:
        """Return the seconds after which asking again makes sense."""
        return max(self._retry_at - now, 0.0) if self._retry_at < inf else self._policy.cooldown

    def force(self, state: Literal["open", "closed"] | None) -> None:
        """Stay open or closed whatever happens; `None` goes back to judging, with an empty window."""
        self._is_held_closed = state == "closed"
        self._cooldown = self._policy.cooldown
        self._retry_at = inf
        self._forget()
        self._change("open" if state == "open" else "closed")

    def succeed(self, permit: int, now: float) -> None:
        """Take the verdict that a try was fine and quick, as nearly every one is."""
        if self.state != "closed" or permit != self.generation or self._is_held_closed:
            self.record(permit, ok=True, slow=False, now=now)
            return
        epoch = int(now / self._width)
        if epoch != self._epoch:
            self._turn(epoch)
        self._bucket.calls += 1
        self._totals.calls += 1

    def record(self, permit: int, *, ok: bool | None, slow: bool, now: float) -> None:
        """Take the verdict on an admitted try: `ok=None` is none, as of a try that was cancelled."""
        # A verdict on a try that was admitted before the last change of state is stale.
        if permit != self.generation:
            return
        if self.state == "closed":
            if ok is not None and not self._is_held_closed:
                self._count(ok=ok, slow=slow, now=now)
            return
        self._probing -= 1
        if ok is None:
            return
        if not ok or (slow and self._policy.slow_call is not None):
            self._open(now)
            return
        self._passed += 1
        if self._passed >= self._policy.probes:
            self._cooldown = self._policy.cooldown
            self._forget()
            self._change("closed")

    def _count(self, *, ok: bool, slow: bool, now: float) -> None:
        epoch = int(now / self._width)
        if epoch != self._epoch:
            self._turn(epoch)
        bucket, totals = self._bucket, self._totals
        bucket.calls += 1
        totals.calls += 1
        if ok and not slow:
            return
        bucket.failed += not ok
        totals.failed += not ok
        bucket.slow += slow
        totals.slow += slow
        policy, calls = self._policy, totals.calls
        if calls >= policy.min_calls and (
            totals.failed >= policy.failure_rate * calls
            or (policy.slow_call is not None and totals.slow >= policy.slow_rate * calls)
        ):
            self._open(now)

    def _turn(self, epoch: int) -> None:
        """Forget the buckets that time has passed over, and begin a new one."""
        for passed in range(max(self._epoch + 1, epoch - _BUCKETS + 1), epoch + 1):
            old = self._buckets[passed % _BUCKETS]
            self._totals.calls -= old.calls
            self._totals.failed -= old.failed
            self._totals.slow -= old.slow
            self._buckets[passed % _BUCKETS] = _Bucket()
        self._epoch = epoch
        self._bucket = self._buckets[epoch % _BUCKETS]

    def _forget(self) -> None:
        self._totals = _Bucket()
        self._buckets = [_Bucket() for _ in range(_BUCKETS)]
        self._epoch = -_BUCKETS  # older than any: the first to be counted turns to a bucket of its own

    def _open(self, now: float) -> None:
        # A breaker that opens again without having closed rests for twice as long.
        if self.state == "half-open":
            grown = min(self._cooldown * 2, self._policy.longest_cooldown)
            self._cooldown = grown
            rest = grown * (1 - _JITTER * self._random())
        else:
            rest = self._cooldown
        self._retry_at = now + rest
        self._change("open")

    def _change(self, after: State) -> None:
        before, self.state = self.state, after
        self.generation += 1
        if before != after:
            self._on_change(before, after)
