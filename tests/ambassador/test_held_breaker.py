"""A circuit breaker that was held open or closed, and is let go."""

from typing import Literal

import pytest

from bff import CircuitBreaker
from bff.ambassador._breaker import Breaker


@pytest.mark.parametrize("held", ["open", "closed", None])
def test_one_that_is_let_go_has_forgotten_how_long_it_had_to_rest(held: Literal["open", "closed"] | None) -> None:
    breaker = Breaker(
        CircuitBreaker(min_calls=1, cooldown=5.0), random=lambda: 0.0, on_change=lambda _before, _after: None
    )
    rests: list[float] = []
    for now in (100.0, 105.0, 115.0):
        permit = breaker.admit(now)
        assert permit is not None
        breaker.record(permit, ok=False, slow=False, now=now)
        rests.append(breaker.retry_after(now))
    breaker.force(held)
    breaker.force(None)
    permit = breaker.admit(200.0)
    assert permit is not None
    breaker.record(permit, ok=False, slow=False, now=200.0)
    assert [5.0, 10.0, 20.0, 5.0] == [*rests, breaker.retry_after(200.0)]
