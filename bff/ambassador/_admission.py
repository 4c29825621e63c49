"""Let a try pass a breaker and a bulkhead, and say to both how it ended."""

import asyncio
import sys
from collections.abc import Callable
from functools import cache
from typing import Final

from bff.ambassador._breaker import Breaker
from bff.ambassador._bulkhead import Slots
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._stream import End
from bff.ambassador._verdict import verdict
from bff.errors import CircuitOpen, Overloaded, UpstreamError
from bff.policy import Bulkhead, CircuitBreaker

__all__ = ["admitting"]

_ERRORS: Final = 400  # and above
_ENDLESS: Final = Bulkhead(sys.maxsize)
_ASK_AGAIN: Final = 1.0  # seconds; by then most of what holds a slot now has ended or timed out


def admitting(breaker: Breaker | None, slots: Slots | None, *, slow_call: float | None = None) -> Layer:
    """
    Refuse tries with `CircuitOpen` while the upstream is known to be down, and let no more pass than there are slots.

    Of the breaker, which is asked first, only what the upstream did counts: a cancellation, the caller's own deadline,
    our own refusals and bugs are no verdicts, and give the permit back. A try waits for its slot, a hedge gets one only
    if it is free; `Overloaded` is raised where there is none. Two layers in one coroutine, for nearly every try has
    both; the one that is left out lets everything pass.
    """
    return lambda send: _Admission(breaker or _always_closed(), slots or Slots(_ENDLESS), slow_call, send).send


class _Admission:
    """What stands before `send`."""

    __slots__ = ("_allowed", "_breaker", "_is_timed", "_send", "_slots")

    def __init__(self, breaker: Breaker, slots: Slots, slow_call: float | None, send: Send) -> None:
        self._breaker = breaker
        self._slots = slots
        self._is_timed = slow_call is not None
        self._allowed = slow_call or 0.0
        self._send = send

    async def send(self, request: Request, context: Context) -> Response:
        """Send a try, if it may pass."""
        breaker, slots, start = self._breaker, self._slots, 0.0
        # While it is closed, time matters only at the end, unless slow calls count.
        if breaker.state == "closed" and not self._is_timed:
            permit = breaker.generation
        else:
            start = context.loop.time()
            permit = _permit(breaker, start, context)
        has_slot = False
        try:
            if slots.free:
                slots.free -= 1
            else:
                await _queue(slots, context)
            has_slot = True
            response = await self._send(request, context)
        except BaseException as error:
            if has_slot:
                slots.release()
            now = context.loop.time()
            ok = False if isinstance(error, UpstreamError) else None
            breaker.record(permit, ok=ok, slow=self._is_slow(start, now), now=now)
            raise
        now = context.loop.time()
        if response.stream is not None:
            response.stream.on_end(lambda _: slots.release())
            ok, is_slow = verdict(response.status), self._is_slow(start, now)
            response.stream.on_end(_recording(breaker, permit, ok=ok, slow=is_slow, clock=context.loop.time))
            return response
        if slots.waiting:
            slots.release()
        else:
            slots.free += 1
        if response.status < _ERRORS and not self._is_timed:
            breaker.succeed(permit, now)
        else:
            breaker.record(permit, ok=verdict(response.status), slow=self._is_slow(start, now), now=now)
        return response

    def _is_slow(self, start: float, now: float) -> bool:
        return self._is_timed and now - start > self._allowed


@cache
def _always_closed() -> Breaker:
    breaker = Breaker(CircuitBreaker(), random=lambda: 0.0, on_change=lambda _before, _after: None)
    breaker.force("closed")
    return breaker


def _permit(breaker: Breaker, now: float, context: Context) -> int:
    permit = breaker.admit(now)
    if permit is None:
        raise CircuitOpen(
            "the circuit breaker is open",
            upstream=context.upstream,
            operation=context.operation,
            retry_after=breaker.retry_after(now),
        )
    return permit


def _recording(breaker: Breaker, permit: int, *, ok: bool | None, slow: bool, clock: Callable[[], float]) -> End:
    """
    Return what takes the verdict on a streamed answer when its body has ended.

    One that breaks midway speaks against the upstream; one that was left early says no more than a bad status did.
    """

    def end(error: BaseException | None) -> None:
        said = ok
        if isinstance(error, UpstreamError):
            said = False
        elif error is not None and ok:
            said = None
        breaker.record(permit, ok=said, slow=slow, now=clock())

    return end


async def _queue(slots: Slots, context: Context) -> None:
    try:
        # A hedge is for what is left over: it would wait behind the very try that is late.
        if not context.is_hedge and await slots.wait():
            return
        reason = f"all {slots.policy.limit} slots are taken"
    except asyncio.CancelledError:
        limit = context.limit
        if limit is None or limit.is_callers or not limit.is_alone():
            raise
        # The call's own time ran out in our queue: that is our doing, not the upstream's.
        reason = f"no slot became free in time, all {slots.policy.limit} are taken"
    raise Overloaded(reason, upstream=context.upstream, operation=context.operation, retry_after=_ASK_AGAIN)
