"""pybreaker's listeners and storages hear of every change, and can hold up or break nothing."""

import asyncio
import logging
import threading

import pybreaker
import pytest

from bff import CircuitBreaker, UpstreamUnreachable
from bff.ambassador import Context, Onion, Policies, Request, build_onion
from tests.support.scripted import ScriptedWire, unreachable
from tests.support.virtual import run


class Listener(pybreaker.CircuitBreakerListener):
    def __init__(self) -> None:
        self.heard: list[tuple[str | None, str, str]] = []

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        self.heard.append((cb.name, old_state.name if old_state else "", new_state.name))


class Broken(pybreaker.CircuitBreakerListener):
    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        raise RuntimeError("this listener is broken")


class Slow(pybreaker.CircuitMemoryStorage):
    """A storage that blocks until it is let go, and notes in which thread it was used."""

    def __init__(self) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self.go = threading.Event()
        self.done = threading.Event()
        self.states: list[str] = []
        self.threads: set[int] = set()

    @property
    def state(self) -> str:
        assert self.go.wait(20)
        return super().state

    @state.setter
    def state(self, state: str) -> None:
        self.threads.add(threading.get_ident())
        self._state = state
        self.states.append(state)
        if state == pybreaker.STATE_CLOSED:
            self.done.set()


def onion_of(wire: ScriptedWire, **settings: object) -> Onion:
    breaker = CircuitBreaker(min_calls=2, cooldown=5.0, **settings)  # type: ignore[arg-type]
    policies = Policies(timeout=None, retry=None, breaker=breaker, bulkhead=None)
    return build_onion(policies, send=wire.send, name="catalog")


async def open_and_close(onion: Onion, wire: ScriptedWire) -> None:
    request = Request("GET", "http://test", "/")
    for _ in range(2):
        with pytest.raises(UpstreamUnreachable):
            await onion.send(request, Context("catalog"))
    await asyncio.sleep(5)
    wire.outcomes = [200]
    assert 200 == (await onion.send(request, Context("catalog"))).status


def test_listeners_hear_of_every_change_at_once_whatever_the_others_raise(caplog: pytest.LogCaptureFixture) -> None:
    listener, wire = Listener(), ScriptedWire([unreachable()])
    onion = onion_of(wire, listeners=[Broken(), listener])
    with caplog.at_level(logging.ERROR, "bff"):
        run(open_and_close(onion, wire))
    assert [
        ("catalog", "closed", "open"),
        ("catalog", "open", "half-open"),
        ("catalog", "half-open", "closed"),
    ] == listener.heard
    assert 3 == len(caplog.records)


def test_a_storage_is_told_in_order_in_the_background_and_holds_up_no_call() -> None:
    storage, listener, wire = Slow(), Listener(), ScriptedWire([unreachable()])
    onion = onion_of(wire, storage=storage, listeners=[listener])
    run(open_and_close(onion, wire))
    assert [] == storage.states
    storage.go.set()
    assert storage.done.wait(20)
    onion.close()
    assert ["open", "half-open", "closed"] == storage.states
    assert threading.get_ident() not in storage.threads


def test_a_storage_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Gone(pybreaker.CircuitMemoryStorage):
        @property
        def state(self) -> str:
            failed.set()
            raise ConnectionError("the storage is gone")

        @state.setter
        def state(self, state: str) -> None: ...

    failed = threading.Event()
    wire = ScriptedWire([unreachable()])
    with caplog.at_level(logging.ERROR, "bff"):
        onion = onion_of(wire, storage=Gone(pybreaker.STATE_CLOSED))
        run(open_and_close(onion, wire))
        assert failed.wait(20)
        onion.close()
        for thread in [thread for thread in threading.enumerate() if thread.name.startswith("bff-breaker")]:
            thread.join(20)
    assert "the storage of circuit breaker 'catalog' failed on 'open'" == caplog.records[0].message
