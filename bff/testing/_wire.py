"""Take the place of an app's connections: all their layers, anew, on a wire that asks a script."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tenacity import RetryCallState, wait_exponential, wait_random_exponential

from bff.ambassador import Context, Onion, Policies, Request, Response, Send
from bff.declare._connection import Connection
from bff.declare._exchange import STAND_IN
from bff.declare._operation import Operation
from bff.testing._reading import Reading

__all__ = ["Respond", "StandingIn"]

Respond = Callable[[Reading, Request, Context, float | None], Awaitable[Response]]
"""Answers a request of an operation; the last argument is how long one try may take, in seconds."""


class StandingIn:
    """The connections of one client of a test: none of what they learn outlives it."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._connections: dict[Connection, Connection] = {}

    def __call__(self, real: Connection, /) -> Connection:
        """Return what is sent with instead."""
        if real not in self._connections:
            self._connections[real] = _Faked(real, self._respond)
        return self._connections[real]

    @contextmanager
    def active(self) -> Generator[None]:
        """Let whatever runs in this context be answered."""
        token = STAND_IN.set(self)
        try:
            yield
        finally:
            STAND_IN.reset(token)


class _Faked(Connection):
    """A connection with the policies of a real one, without chance and without listeners."""

    def __init__(self, real: Connection, respond: Respond) -> None:
        self._script = _ScriptedWire(real, respond)
        super().__init__(real.name, real.settings, real.emitter, wire=self._script)

    def send_of(self, operation: Operation[..., Any]) -> Send:
        """Return what sends an operation's requests through its layers."""
        self._script.expect(operation)
        return super().send_of(operation)

    def _new_addresses(self) -> None:
        """Choose no address and resolve no name: all of them would be answered by the script."""

    def _new_onion(self, policies: Policies, operation: str = "") -> Onion:
        return super()._new_onion(_tamed(policies), operation)


class _ScriptedWire:
    """A wire that leads nowhere."""

    def __init__(self, real: Connection, respond: Respond) -> None:
        self._real = real
        self._respond = respond
        self._expected: dict[str, tuple[Reading, float | None]] = {}

    def expect(self, operation: Operation[..., Any]) -> None:
        """Get ready for an operation's requests."""
        if operation.name not in self._expected:
            timeout = self._real.policies_of(operation).timeout
            reading = Reading(operation, self._real.address.prefix)
            self._expected[operation.name] = reading, timeout.attempt or timeout.total if timeout else None

    async def send(self, request: Request, context: Context, /) -> Response:
        """Answer a request."""
        reading, patience = self._expected[context.operation]
        return await self._respond(reading, request, context, patience)

    async def aclose(self) -> None:
        """Have nothing to close."""


def _tamed(policies: Policies) -> Policies:
    """
    Return policies whose pauses are as long as chance could make them, and whose breakers nobody else hears of.

    A test is to see the same every time, and the worst rather than the mean.
    """
    retry, breaker = policies.retry, policies.breaker
    if retry is not None and isinstance(retry.wait, wait_random_exponential):
        retry = replace(retry, wait=_longest(retry.wait))
    if breaker is not None:
        breaker = replace(breaker, listeners=(), storage=None)
    return replace(policies, retry=retry, breaker=breaker)


def _longest(wait: wait_random_exponential) -> Callable[[RetryCallState], float]:
    def longest(state: RetryCallState) -> float:
        # What the random one draws from: tenacity derives it from the exact one.
        return wait_exponential.__call__(wait, state)

    return longest
