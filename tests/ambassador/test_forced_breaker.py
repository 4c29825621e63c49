"""An operator holds a circuit breaker open or closed: whoever knows more than the last ten seconds tell."""

import asyncio
from typing import Literal

import pytest

from bff import CircuitBreaker, CircuitOpen, Upstream, call
from bff.ambassador import Ambassador
from bff.ambassador._breaker import Breaker, State
from bff.events import BreakerChanged, Event
from tests.support.scripted import ScriptedWire
from tests.support.virtual import run

POLICY = CircuitBreaker(min_calls=2, cooldown=5.0)


def breaker_of(changes: list[tuple[State, State]]) -> Breaker:
    return Breaker(POLICY, random=lambda: 0.0, on_change=lambda before, after: changes.append((before, after)))


def fail(breaker: Breaker, now: float) -> None:
    permit = breaker.admit(now)
    assert permit is not None
    breaker.record(permit, ok=False, slow=False, now=now)


def test_one_that_is_held_open_lets_nothing_through_however_long_one_waits() -> None:
    changes: list[tuple[State, State]] = []
    breaker = breaker_of(changes)
    breaker.force("open")
    assert (None, None) == (breaker.admit(0.0), breaker.admit(1e9))
    assert 5.0 == breaker.retry_after(1.0)
    assert [("closed", "open")] == changes


def test_one_that_is_held_closed_lets_everything_through_and_counts_nothing() -> None:
    changes: list[tuple[State, State]] = []
    breaker = breaker_of(changes)
    breaker.force("closed")
    for _ in range(100):
        fail(breaker, now=1.0)
    assert ("closed", 0, []) == (breaker.state, breaker.calls, changes)


def test_one_that_is_let_go_judges_again_with_an_empty_window() -> None:
    breaker = breaker_of([])
    fail(breaker, now=1.0)
    breaker.force("open")
    breaker.force(None)
    states: list[State] = []
    for _ in range(2):
        fail(breaker, now=1.0)
        states.append(breaker.state)
    assert ["closed", "open"] == states
    assert 1 == len([permit for permit in (breaker.admit(6.0), breaker.admit(6.0)) if permit is not None])


def test_a_try_from_before_has_no_say_after() -> None:
    breaker = breaker_of([])
    permits = [breaker.admit(1.0), breaker.admit(1.0)]
    breaker.force("closed")
    breaker.force(None)
    for permit in permits:
        assert permit is not None
        breaker.record(permit, ok=False, slow=False, now=1.0)
    assert ("closed", 0) == (breaker.state, breaker.calls)


def test_an_open_one_can_be_held_closed() -> None:
    changes: list[tuple[State, State]] = []
    breaker = breaker_of(changes)
    fail(breaker, now=1.0)
    fail(breaker, now=1.0)
    breaker.force("closed")
    assert breaker.admit(1.1) is not None
    assert [("closed", "open"), ("open", "closed")] == changes


def test_an_ambassador_refuses_while_its_breaker_is_held_open_and_says_so() -> None:
    events: list[Event] = []

    async def main() -> tuple[str, int]:
        wire = ScriptedWire()
        async with Ambassador("http://test", wire=wire, name="test", observers=[events.append]) as ambassador:
            ambassador.force_breaker("open")
            with pytest.raises(CircuitOpen) as raised:
                await ambassador.get("/")
            told = f"retry after {raised.value.retry_after:g} s"
            ambassador.force_breaker(None)
            await ambassador.get("/")
            return told, len(wire.sent)

    assert ("retry after 2 s", 1) == run(main())
    changes = [(event.before, event.after) for event in events if isinstance(event, BreakerChanged)]
    assert [("closed", "open"), ("open", "closed")] == changes


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


class Catalog(Upstream):
    base_url = "http://test"

    @call.get("/shared")
    def shared(self) -> int: ...

    @call.get("/own", breaker=POLICY)
    def own(self) -> int: ...


def test_the_breakers_of_all_operations_of_an_upstream_are_held() -> None:
    async def main() -> list[str]:
        async with Catalog() as catalog:
            calls = [catalog.shared, catalog.own]
            catalog.force_breaker("open")
            outcomes = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
            return [type(outcome).__name__ for outcome in outcomes]

    assert ["CircuitOpen", "CircuitOpen"] == run(main())
