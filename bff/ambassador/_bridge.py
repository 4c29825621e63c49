"""Tell pybreaker's listeners and storages what our breaker decided."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import pybreaker

from bff.ambassador._breaker import State
from bff.policy import CircuitBreaker

__all__ = ["Bridge"]

_log = logging.getLogger("bff")


class Bridge:
    """
    A pybreaker circuit breaker that only ever hears of decisions: it is never the caller, and counts nothing.

    Listeners are called at once. With a storage everything happens in one background thread, in order, because
    a storage may block (Redis does). What they raise is logged and disturbs no call.
    """

    def __init__(self, policy: CircuitBreaker, *, name: str) -> None:
        self._policy = policy
        self._name = name
        self._background = ThreadPoolExecutor(1, thread_name_prefix="bff-breaker") if policy.storage else None

    def tell(self, state: State) -> None:
        """Pass on that the breaker is now in `state`."""
        if self._background is None:
            self._tell(state)
        else:
            self._background.submit(self._tell, state)

    def close(self) -> None:
        """Let the background thread end once it has passed on everything; waits for nothing."""
        if self._background is not None:
            self._background.shutdown(wait=False)

    def _tell(self, state: State) -> None:
        try:
            mirror = self._mirror
            {"open": mirror.open, "half-open": mirror.half_open, "closed": mirror.close}[state]()
        except Exception:  # noqa: BLE001 - a user's storage, or what it stands on, may raise anything
            _log.exception("the storage of circuit breaker %r failed on %r", self._name, state)

    @cached_property
    def _mirror(self) -> pybreaker.CircuitBreaker:
        # Building it reads the storage: that has to happen in the background too.
        listeners = [_Unfailing(self._policy.listeners, name=self._name)]
        return pybreaker.CircuitBreaker(listeners=listeners, state_storage=self._policy.storage, name=self._name)


class _Unfailing(pybreaker.CircuitBreakerListener):
    """Call several listeners, each whatever the others raise."""

    def __init__(self, listeners: Sequence[pybreaker.CircuitBreakerListener], *, name: str) -> None:
        self._listeners = listeners
        self._name = name

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        for listener in self._listeners:
            try:
                listener.state_change(cb, old_state, new_state)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("listener %r of circuit breaker %r failed", listener, self._name)
