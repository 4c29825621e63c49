"""Put a breaker around every try, and say of each how it ended."""

from collections.abc import Callable
from typing import Final

from bff.ambassador._breaker import Breaker
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._stream import End
from bff.ambassador._verdict import verdict
from bff.errors import CircuitOpen, UpstreamError

__all__ = ["breaking"]

_ERRORS: Final = 400  # and above


def breaking(breaker: Breaker, *, slow_call: float | None) -> Layer:
    """
    Refuse tries with `CircuitOpen` while the upstream is known to be down.

    Only what the upstream did counts: a cancellation, the caller's own deadline, our own refusals and bugs
    are no verdicts, and give the permit back.
    """
    is_timed = slow_call is not None
    allowed = slow_call or 0.0

    def layer(send: Send) -> Send:
        async def guarded(request: Request, context: Context) -> Response:
            # While it is closed, time matters only at the end, unless slow calls count.
            if breaker.state == "closed" and not is_timed:
                start, permit = 0.0, breaker.generation
            else:
                start = context.loop.time()
                permit = _admitted(breaker, start, context)
            try:
                response = await send(request, context)
            except BaseException as error:
                now = context.loop.time()
                ok = False if isinstance(error, UpstreamError) else None
                breaker.record(permit, ok=ok, slow=is_timed and now - start > allowed, now=now)
                raise
            now = context.loop.time()
            is_slow = is_timed and now - start > allowed
            if response.stream is not None:
                ok = verdict(response.status)
                response.stream.on_end(_recording(breaker, permit, ok=ok, slow=is_slow, clock=context.loop.time))
            elif response.status < _ERRORS and not is_slow:
                breaker.succeed(permit, now)
            else:
                breaker.record(permit, ok=verdict(response.status), slow=is_slow, now=now)
            return response

        return guarded

    return layer


def _admitted(breaker: Breaker, now: float, context: Context) -> int:
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
