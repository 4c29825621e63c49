"""The short way to tell a circuit breaker of a success, which leads to where the long one does."""

from hypothesis import given
from hypothesis import strategies as st

from bff import CircuitBreaker
from bff.ambassador._breaker import Breaker, State

POLICY = CircuitBreaker(
    0.5, min_calls=3, window=5.0, slow_call=1.0, slow_rate=0.5, cooldown=2.0, max_cooldown=9.0, probes=2
)
STEPS = st.tuples(
    st.integers(0, 24).map(lambda number: number**2 / 64),
    st.sampled_from((*["fine"] * 4, "failed", "slow", "cancelled", "late", "held open", "held closed", "let go")),
)


class Told:
    def __init__(self, *, is_short: bool) -> None:
        self.changes: list[tuple[State, State]] = []
        self.is_short = is_short
        self.breaker = Breaker(POLICY, random=lambda: 0.5, on_change=self._changed)
        self.early = self.breaker.admit(0.0)

    def _changed(self, before: State, after: State) -> None:
        self.changes.append((before, after))

    def take(self, step: str, now: float) -> tuple[object, ...]:
        """Make one call, or hold the breaker; return all that can be seen of it then."""
        breaker = self.breaker
        if step in {"held open", "held closed", "let go"}:
            breaker.force("open" if step == "held open" else "closed" if step == "held closed" else None)
        elif (permit := self.early if step == "late" else breaker.admit(now)) is not None:
            if self.is_short and step in {"fine", "late"}:
                breaker.succeed(permit, now)
            else:
                ok = None if step == "cancelled" else step != "failed"
                breaker.record(permit, ok=ok, slow=step == "slow", now=now)
        return breaker.state, breaker.calls, breaker.failure_rate, breaker.retry_after(now), tuple(self.changes)


@given(st.lists(STEPS, max_size=60))
def test_a_success_that_is_told_in_short_is_a_success(steps: list[tuple[float, str]]) -> None:
    long, short = Told(is_short=False), Told(is_short=True)
    now = 100.0
    for passed, step in steps:
        now += passed
        assert long.take(step, now) == short.take(step, now)


def test_each_tenth_of_the_window_has_its_successes() -> None:
    told = Told(is_short=True)
    counts = [told.take("fine", 100.0 + tenth / 2)[1] for tenth in range(15)]
    assert [*range(1, 10), *[10] * 6] == counts
    assert 1 == told.take("fine", 1000.0)[1]
