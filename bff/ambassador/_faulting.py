"""Make an upstream worse than it is, so that one can see what that does."""

import asyncio
from collections.abc import Awaitable, Callable

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.events import Emitter, FaultInjected
from bff.policy import FaultInjection

__all__ = ["faulting"]


def faulting(policy: FaultInjection, *, random: Callable[[], float], emitter: Emitter) -> Layer:
    """
    Delay some tries, and answer some without sending them, each as often as `policy` says.

    As in Envoy's fault filter, chance decides on the one whatever it decided on the other.
    """
    delay_rate, abort_rate = policy.delay_rate if policy.delay else 0.0, policy.abort_rate
    is_wanted = emitter.wants(FaultInjected)

    def layer(send: Send) -> Send:
        # No coroutine of its own where nothing strikes: whoever awaits the result awaits the wire.
        def faulty(request: Request, context: Context) -> Awaitable[Response]:
            is_late = delay_rate > 0 and random() < delay_rate
            is_aborted = abort_rate > 0 and random() < abort_rate
            return struck(request, context, is_late, is_aborted) if is_late or is_aborted else send(request, context)

        async def struck(request: Request, context: Context, is_late: bool, is_aborted: bool) -> Response:
            delay, status = policy.delay if is_late else 0.0, policy.status if is_aborted else None
            if is_wanted:
                emitter.emit(FaultInjected(context.upstream, context.operation, delay, status))
            if is_late:
                await asyncio.sleep(delay)
            return await send(request, context) if status is None else Response(status, {}, b"")

        return faulty

    return layer
