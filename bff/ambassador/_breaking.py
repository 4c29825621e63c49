"""Put a breaker around every try, and say of each how it ended."""

from collections.abc import Callable

from bff.ambassador._breaker import Breaker
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._verdict import verdict
from bff.errors import CircuitOpen, UpstreamError

__all__ = ["breaking"]


def breaking(breaker: Breaker, *, clock: Callable[[], float], slow_call: float | None) -> Layer:
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
            start = clock() if is_timed or breaker.state != "closed" else 0.0
            permit = breaker.admit(start)
            if permit is None:
                raise CircuitOpen(
                    "the circuit breaker is open",
                    upstream=context.upstream,
                    operation=context.operation,
                    retry_after=breaker.retry_after(start),
                )
            ok: bool | None = None
            try:
                response = await send(request, context)
                ok = verdict(response.status)
                return response
            except UpstreamError:
                ok = False
                raise
            finally:
                now = clock()
                breaker.record(permit, ok=ok, slow=is_timed and now - start > allowed, now=now)

        return guarded

    return layer
