"""What observers are told of calls and tries, and what they may send along."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from tenacity import RetryCallState

from bff import Bulkhead, CircuitBreaker, LoggingObserver, Retry, RetryBudget, Timeout
from bff.ambassador import Ambassador, Context, Policies, Request, build_onion
from bff.ambassador._observing import is_observed
from bff.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    CallCancelled,
    CallFailed,
    CallFinished,
    CallStarted,
    Emitter,
    Event,
)
from tests.support.events import Told
from tests.support.scripted import FOR_EVER, Outcome, ScriptedWire, unreachable
from tests.support.virtual import run

OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
AT_ONCE = Retry(3, wait=lambda _: 0.0)
GET = Request("GET", "http://test", "/products/7?q=secret")


def never(_: RetryCallState) -> bool:
    return False


def told_of(
    policies: Policies, outcomes: Iterable[Outcome] = (200,), *, request: Request = GET, is_retry: bool = False
) -> Told:
    """Return what an observer is told of one call."""
    told = Told()

    async def main() -> None:
        wire = ScriptedWire(outcomes, delay=0.25)
        onion = build_onion(policies, send=wire.send, name="test", emitter=Emitter([told]))
        await asyncio.gather(
            onion.send(request, Context("test", "op", request_id="id-1", is_retry=is_retry)), return_exceptions=True
        )

    run(main())
    return told


def test_every_try_is_told_of_before_it_goes_out_and_when_it_is_over() -> None:
    told = told_of(replace(OFF, retry=AT_ONCE), [503, unreachable(), 404])
    assert [
        "CallStarted",
        *["AttemptStarted", "AttemptFinished", "AttemptFailed"] * 2,
        "AttemptStarted",
        "AttemptFinished",
        "CallFinished",
    ] == told.names
    call = told.of(CallStarted)[0].call
    first = ("test", "op", 1, "first", "GET", "http://test/products/7?q=REDACTED", "http://test", "id-1", call)
    retry = (*first[:2], 2, "retry", *first[4:])
    assert [AttemptStarted(*first), AttemptStarted(*retry)] == told.of(AttemptStarted)[:2]
    assert [
        AttemptFinished(*first, 503, "", 0.25),
        AttemptFinished(*retry, None, "unreachable", 0.25),
    ] == told.of(AttemptFinished)[:2]
    assert (404, "") == (told.of(AttemptFinished)[2].status, told.of(AttemptFinished)[2].cause)


def test_the_events_of_a_call_have_one_number_and_no_two_calls_have_the_same() -> None:
    numbers: list[set[int]] = [
        {getattr(event, "call", 0) for event in told_of(Policies(), [503, 200]).seen} for _ in range(2)
    ]
    assert [1, 1] == [len(of_one_call) for of_one_call in numbers]
    assert numbers[0] != numbers[1]
    assert 0 not in numbers[0]


@pytest.mark.parametrize(
    ("policies", "outcomes", "expected"),
    [
        (replace(OFF, retry=replace(AT_ONCE, attempts=2)), [503], ["", "attempts"]),
        (replace(OFF, retry=replace(AT_ONCE, budget=RetryBudget(0.0, burst=1))), [503], ["", "budget"]),
        (Policies(Timeout(total=2.0), Retry(3, wait=lambda _: 5.0), None, None), [unreachable()], ["time"]),
        (replace(OFF, retry=AT_ONCE), [500], []),
        (replace(OFF, retry=replace(AT_ONCE, when=never)), [500], ["futile"]),
        (replace(OFF, retry=replace(AT_ONCE, when=never)), [200], []),
        (replace(OFF, retry=AT_ONCE), [429, 200], [""]),
    ],
    ids=["attempts", "budget", "time", "not asked", "futile", "fine", "retried"],
)
def test_a_failed_try_says_why_there_is_no_other(
    policies: Policies, outcomes: list[Outcome], expected: list[str]
) -> None:
    assert expected == [event.refused for event in told_of(policies, outcomes).of(AttemptFailed)]


def test_what_cannot_be_repeated_and_what_the_caller_repeats_say_so() -> None:
    policies = replace(OFF, retry=AT_ONCE)
    post = Request("POST", "http://test", "/orders")
    assert ["unrepeatable"] == [event.refused for event in told_of(policies, [503], request=post).of(AttemptFailed)]
    assert ["caller"] == [event.refused for event in told_of(policies, [503], is_retry=True).of(AttemptFailed)]


def test_a_budget_that_others_used_up_during_the_pause_is_told_of_too() -> None:
    async def main() -> None:
        told = Told(AttemptFailed)
        policies = replace(OFF, retry=Retry(2, wait=lambda _: 1.0, budget=RetryBudget(0.0, burst=1)))
        onion = build_onion(policies, send=ScriptedWire([503]).send, name="test", emitter=Emitter([told]))
        await asyncio.gather(*(onion.send(GET, Context("test")) for _ in range(2)))
        assert ["", "", "attempts", "budget"] == sorted(event.refused for event in told.of(AttemptFailed))

    run(main())


def test_a_try_that_hangs_is_a_timeout_and_not_a_cancellation() -> None:
    async def main() -> None:
        told = Told(AttemptFinished, CallFailed)
        policies = replace(OFF, timeout=Timeout(total=2.0, per_try=0.5))
        onion = build_onion(policies, send=ScriptedWire(delay=FOR_EVER).send, name="test", emitter=Emitter([told]))
        await asyncio.gather(onion.send(GET, Context("test")), return_exceptions=True)
        assert ["timeout", "timeout"] == [getattr(event, "cause", "") for event in told.seen]
        assert 0.5 == told.of(AttemptFinished)[0].duration

    run(main())


def test_a_call_that_is_given_up_ends_as_such_and_so_does_its_try() -> None:
    async def main() -> None:
        told = Told()
        onion = build_onion(Policies(), send=ScriptedWire(delay=FOR_EVER).send, name="test", emitter=Emitter([told]))
        call = asyncio.ensure_future(onion.send(GET, Context("test")))
        await asyncio.sleep(0.125)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert ["CallStarted", "AttemptStarted", "AttemptFinished", "CallCancelled"] == told.names
        assert ("cancelled", 0.125) == (told.of(AttemptFinished)[0].cause, told.of(AttemptFinished)[0].duration)
        number = told.of(CallStarted)[0].call
        assert CallCancelled("test", "", 0.125, attempts=1, request_id="", call=number) == told.seen[-1]

    run(main())


def test_a_try_says_that_it_was_sent_beside_another() -> None:
    async def main() -> None:
        told = Told(AttemptStarted)
        onion = build_onion(OFF, send=ScriptedWire().send, name="test", emitter=Emitter([told]))
        context = Context("test")
        context.is_hedge, context.attempts = True, 1
        await onion.send(GET, context)
        assert [("hedge", 2)] == [(event.kind, event.attempt) for event in told.of(AttemptStarted)]

    run(main())


def test_what_is_refused_before_the_wire_is_no_try() -> None:
    async def main() -> None:
        told = Told(AttemptStarted, AttemptFinished)
        policies = replace(OFF, breaker=CircuitBreaker(), bulkhead=Bulkhead(1))
        onion = build_onion(policies, send=ScriptedWire().send, name="test", emitter=Emitter([told]))
        onion.force_breaker("open")
        await asyncio.gather(onion.send(GET, Context("test")), return_exceptions=True)
        assert [] == told.seen

    run(main())


def test_who_does_not_want_single_tries_has_no_layer_for_them() -> None:
    assert not is_observed(Emitter())
    assert not is_observed(Emitter([Told(CallStarted, CallFinished, CallFailed, AttemptFailed), LoggingObserver()]))
    assert is_observed(Emitter([LoggingObserver(), Told(AttemptFinished)]))
    assert is_observed(Emitter([Sender({})]))


def test_what_tells_of_tries_is_no_policy_and_not_among_the_layers() -> None:
    layers = build_onion(Policies(), send=ScriptedWire().send, name="test", emitter=Emitter([Told()])).layers
    assert build_onion(Policies(), send=ScriptedWire().send, name="test").layers == layers


class Sender:
    """Wants no events, and sends headers along."""

    events: tuple[type[Event], ...] = ()

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self.asked: list[AttemptStarted] = []

    def __call__(self, event: Event) -> None:
        raise AssertionError(event)

    def headers_for(self, event: AttemptStarted) -> Mapping[str, str]:
        self.asked.append(event)
        return self.headers


def test_headers_of_an_observer_go_along_in_place_of_those_of_the_same_name() -> None:
    async def main() -> None:
        wire, sender = ScriptedWire([503, 200]), Sender({"traceparent": "ours"})
        async with Ambassador("http://test", wire=wire, observers=[sender], retry=AT_ONCE) as ambassador:
            await ambassador.get("/", headers={"Traceparent": "theirs", "x-other": "kept"})
        sent = [[value for name, value in request.headers if name == "traceparent"] for request in wire.requests]
        assert [["ours"], ["ours"]] == sent
        assert ("x-other", "kept") in wire.requests[1].headers
        assert [1, 2] == [event.attempt for event in sender.asked]

    run(main())


def test_a_third_party_gets_no_headers_of_an_observer() -> None:
    async def main() -> None:
        wire, sender = ScriptedWire(), Sender({"traceparent": "ours"})
        async with Ambassador("http://test", wire=wire, observers=[sender], deadline_header=None) as ambassador:
            await ambassador.get("/")
        assert [] == sender.asked
        assert "traceparent" not in dict(wire.requests[0].headers)

    run(main())


def test_an_observer_that_fails_disturbs_no_request(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Sender):
        events = (CallStarted,)

        def headers_for(self, event: AttemptStarted) -> Mapping[str, str]:
            raise LookupError

    async def main() -> int:
        async with Ambassador("http://test", wire=ScriptedWire(), observers=[Failing({})]) as ambassador:
            return (await ambassador.get("/")).status

    with caplog.at_level(logging.ERROR, "bff"):
        assert 200 == run(main())
    assert ["CallStarted", "give headers"] == [
        record.getMessage().rpartition("failed ")[2][3:] for record in caplog.records
    ]
