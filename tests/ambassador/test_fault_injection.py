"""Faults on purpose: how often they strike, and that every layer takes them for the upstream's."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from bff import CircuitBreaker, CircuitOpen, FaultInjection, Hedging, Retry, Timeout, UpstreamTimeout
from bff.ambassador import Ambassador, Context, Onion, Policies, Request, build_onion
from bff.events import Emitter, Event, FaultInjected
from tests.support.scripted import ScriptedWire
from tests.support.virtual import run

OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
GET = Request("GET", "http://test", "/")


def onion_of(
    fault: FaultInjection,
    policies: Policies = OFF,
    *,
    chance: Callable[[], float] = lambda: 0.0,
    seen: list[Event] | None = None,
) -> tuple[Onion, ScriptedWire]:
    wire = ScriptedWire()
    emitter = Emitter.none if seen is None else Emitter([seen.append])
    policies = replace(policies, fault=fault)
    return build_onion(policies, send=wire.send, name="test", random=chance, emitter=emitter), wire


async def timed(onion: Onion) -> tuple[object, float]:
    loop = asyncio.get_running_loop()
    start = loop.time()
    outcome: object
    try:
        outcome = (await onion.send(GET, Context("test", "op"))).status
    except Exception as error:  # noqa: BLE001 - the outcome that is asked about
        outcome = type(error)
    return outcome, round(loop.time() - start, 6)


@pytest.mark.parametrize(
    ("fault", "expected", "sent"),
    [
        (FaultInjection(), (200, 0.0), 1),
        (FaultInjection(0.5, delay_rate=1.0), (200, 0.5), 1),
        (FaultInjection(abort_rate=1.0), (503, 0.0), 0),
        (FaultInjection(abort_rate=1.0, status=418), (418, 0.0), 0),
        (FaultInjection(0.5, delay_rate=1.0, abort_rate=1.0), (503, 0.5), 0),
        (FaultInjection(0.5), (200, 0.0), 1),
    ],
)
def test_a_try_is_delayed_answered_or_both(fault: FaultInjection, expected: tuple[object, float], sent: int) -> None:
    async def main() -> None:
        onion, wire = onion_of(fault)
        assert (expected, sent) == (await timed(onion), len(wire.sent))

    run(main())


def test_faults_strike_as_often_as_they_should_and_each_for_itself() -> None:
    async def main() -> None:
        seen: list[Event] = []
        onion, wire = onion_of(
            FaultInjection(0.1, delay_rate=0.25, abort_rate=0.4), chance=random.Random(3).random, seen=seen
        )
        for _ in range(2000):
            await timed(onion)
        faults = [event for event in seen if isinstance(event, FaultInjected)]
        late = [event for event in faults if event.delay]
        aborted = [event for event in faults if event.status is not None]
        both = [event for event in late if event.status is not None]
        assert 0.25 == pytest.approx(len(late) / 2000, abs=0.03)
        assert 0.4 == pytest.approx(len(aborted) / 2000, abs=0.03)
        assert 0.1 == pytest.approx(len(both) / 2000, abs=0.02)
        assert 2000 - len(aborted) == len(wire.sent)

    run(main())


def test_an_event_says_what_struck() -> None:
    async def main() -> None:
        seen: list[Event] = []
        onion, _ = onion_of(FaultInjection(0.5, delay_rate=1.0, abort_rate=1.0, status=502), seen=seen)
        await timed(onion)
        assert FaultInjected("test", "op", 0.5, 502) == seen[0]

    run(main())


def test_retries_see_faults_as_the_upstreams_and_count_them() -> None:
    async def main() -> None:
        chances = iter([0.0, 0.9])
        onion, wire = onion_of(
            FaultInjection(abort_rate=0.5),
            replace(OFF, retry=Retry(3, wait=lambda _: 0.0)),
            chance=lambda: next(chances),
        )
        context = Context("test")
        assert 200 == (await onion.send(GET, context)).status
        assert (2, 1) == (context.attempts, len(wire.sent))

    run(main())


def test_a_breaker_opens_on_faults() -> None:
    async def main() -> None:
        onion, wire = onion_of(FaultInjection(abort_rate=1.0), replace(OFF, breaker=CircuitBreaker(min_calls=5)))
        for _ in range(5):
            assert (503, 0.0) == await timed(onion)
        assert (CircuitOpen, 0.0) == await timed(onion)
        assert [] == wire.sent

    run(main())


def test_a_delay_uses_up_the_time_of_a_try() -> None:
    async def main() -> None:
        policies = replace(OFF, timeout=Timeout(1.0, per_try=0.3), breaker=CircuitBreaker())
        onion, wire = onion_of(FaultInjection(0.5, delay_rate=1.0), policies)
        assert (UpstreamTimeout, 0.3) == await timed(onion)
        assert ([], 1.0) == (wire.sent, onion.statistics().failure_rate)

    run(main())


def test_a_delayed_try_is_hedged() -> None:
    async def main() -> None:
        chances = iter([0.0, 0.9])
        onion, wire = onion_of(
            FaultInjection(9.0, delay_rate=0.5), replace(OFF, hedging=Hedging(0.1)), chance=lambda: next(chances)
        )
        assert (200, 0.1) == await timed(onion)
        assert 1 == len(wire.sent)

    run(main())


def test_the_onion_shows_that_faults_are_on() -> None:
    assert repr(Ambassador("http://test", fault=FaultInjection(abort_rate=0.1))).endswith("> fault > wire>")
    assert "fault" not in repr(Ambassador("http://test"))
