"""Every strategy of tenacity's does in our loop what it does in its own."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import tenacity
from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt

from bff import Bulkhead, Retry, UpstreamTimeout, UpstreamUnreachable
from bff.ambassador import Context, Policies, Request, Response, build_onion
from tests.support.scripted import Outcome, ScriptedWire
from tests.support.virtual import run

ATTEMPTS = 4


def is_poor(response: object) -> bool:
    return isinstance(response, Response) and response.status == 404


def broken() -> UpstreamUnreachable:
    error = UpstreamUnreachable("it broke", upstream="test")
    error.__cause__ = OSError("reset")
    return error


WAITS: Mapping[str, Any] = {
    "wait_chain": tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(2)),
    "wait_combine": tenacity.wait_combine(tenacity.wait_fixed(1), tenacity.wait_random(0, 1)),
    "wait_exception": tenacity.wait_exception(lambda error: 3.0 if isinstance(error, UpstreamTimeout) else 1.0),
    "wait_exponential": tenacity.wait_exponential(multiplier=0.5, max=3),
    "wait_exponential_jitter": tenacity.wait_exponential_jitter(multiplier=0.5, max=3),
    "wait_fixed": tenacity.wait_fixed(0.5),
    "wait_full_jitter": tenacity.wait_full_jitter(multiplier=0.5, max=3),
    "wait_incrementing": tenacity.wait_incrementing(start=1, increment=2),
    "wait_none": tenacity.wait_none(),
    "wait_random": tenacity.wait_random(1, 2),
    "wait_random_exponential": tenacity.wait_random_exponential(multiplier=0.5, max=3),
}

WHENS: Mapping[str, Any] = {
    "retry_all": tenacity.retry_all(
        tenacity.retry_if_exception_type(UpstreamUnreachable), tenacity.retry_if_exception_message(match="it broke")
    ),
    "retry_always": tenacity.retry_always,
    "retry_any": tenacity.retry_any(tenacity.retry_if_result(is_poor), tenacity.retry_if_exception_type(OSError)),
    "retry_if_exception": tenacity.retry_if_exception(lambda error: isinstance(error, UpstreamTimeout)),
    "retry_if_exception_cause_type": tenacity.retry_if_exception_cause_type(OSError),
    "retry_if_exception_message": tenacity.retry_if_exception_message(match="it broke"),
    "retry_if_exception_type": tenacity.retry_if_exception_type(UpstreamUnreachable),
    "retry_if_not_exception_message": tenacity.retry_if_not_exception_message(match="it broke"),
    "retry_if_not_exception_type": tenacity.retry_if_not_exception_type(UpstreamTimeout),
    "retry_if_not_result": tenacity.retry_if_not_result(lambda response: response.status == 200),
    "retry_if_result": tenacity.retry_if_result(is_poor),
    "retry_never": tenacity.retry_never,
    "retry_unless_exception_type": tenacity.retry_unless_exception_type(UpstreamTimeout),
}

SCRIPTS: Mapping[str, Callable[[], list[Outcome]]] = {
    "fine": lambda: [200],
    "poor, then fine": lambda: [404, 404, 200],
    "broken, then fine": lambda: [broken(), broken(), 200],
    "broken, late, then fine": lambda: [broken(), UpstreamTimeout("too late", upstream="test"), 200],
    "broken all the time": lambda: [broken()],
}

Course = tuple[object, list[float]]


def in_our_loop(script: str, **options: Any) -> Course:
    async def main() -> Course:
        wire = ScriptedWire(SCRIPTS[script]())
        retry = Retry(ATTEMPTS, statuses=(), budget=None, **options)
        policies = Policies(timeout=None, retry=retry, breaker=None, bulkhead=Bulkhead())
        onion = build_onion(policies, send=wire.send, name="test")
        try:
            outcome: object = (await onion.send(Request("GET", "http://test", "/"), Context("test"))).status
        except Exception as error:  # noqa: BLE001 - the outcome that is asked about
            outcome = type(error)
        return outcome, wire.gaps()

    random.seed(7)
    return run(main())


def in_its_own(script: str, *, wait: Any, when: Any) -> Course:
    async def main() -> Course:
        wire = ScriptedWire(SCRIPTS[script]())
        retrying = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS), wait=wait, retry=when, sleep=asyncio.sleep, retry_error_callback=last
        )
        try:
            outcome: object = await retrying(wire.send, Request("GET", "http://test", "/"), Context("test"))
        except Exception as error:  # noqa: BLE001 - as above
            outcome = type(error)
        return outcome.status if isinstance(outcome, Response) else outcome, wire.gaps()

    random.seed(7)
    return run(main())


def last(state: RetryCallState) -> object:
    """Return or raise what the last try gave, as ours does."""
    assert state.outcome is not None
    return state.outcome.result()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("name", WAITS)
def test_every_wait_pauses_as_long(name: str, script: str) -> None:
    when = tenacity.retry_if_exception_type((UpstreamTimeout, UpstreamUnreachable))
    assert in_its_own(script, wait=WAITS[name], when=when) == in_our_loop(script, wait=WAITS[name])


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("name", WHENS)
def test_every_retry_tries_as_often(name: str, script: str) -> None:
    wait = tenacity.wait_fixed(1)
    assert in_its_own(script, wait=wait, when=WHENS[name]) == in_our_loop(script, wait=wait, when=WHENS[name])


def test_no_strategy_is_left_out() -> None:
    exported = {name for name in tenacity.__all__ if name.startswith(("wait_", "retry_"))}
    assert exported - {"retry_base"} == {*WAITS, *WHENS}
