"""End a try that hangs, in a timeout of its own: the breaker has to see a failure and not a cancellation."""

import asyncio

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._deadline import out_of_time
from bff.ambassador._timer import Alarm
from bff.errors import BFFError, UpstreamTimeout

__all__ = ["timing"]


def timing(per_try: float | None) -> Layer:
    """Cancel a try after `per_try` seconds (`None`: when the call's time is up, which is no less a failure)."""

    def layer(send: Send) -> Send:
        async def timed(request: Request, context: Context) -> Response:
            context.watch = alarm = None if per_try is None else _alarm(context, per_try)
            try:
                return await send(request, context)
            except asyncio.CancelledError as error:
                is_ours, alarm = alarm is not None and alarm.stop(), None
                cut = _cut(context, per_try) if is_ours else _end_of_call(context)
                if cut is None:
                    raise
                raise cut from error
            finally:
                if alarm is not None:
                    alarm.stop()

        return timed

    return layer


def _alarm(context: Context, per_try: float) -> Alarm | None:
    """Set an alarm, unless the call's own rings first."""
    loop = asyncio.get_running_loop()
    when = loop.time() + per_try
    return Alarm(loop, when) if context.limit is None or when < context.limit.when else None


def _cut(context: Context, per_try: float | None) -> BFFError:
    return UpstreamTimeout(f"no answer within {per_try:g} s", upstream=context.upstream, operation=context.operation)


def _end_of_call(context: Context) -> BFFError | None:
    limit = context.limit
    return out_of_time(context, limit) if limit is not None and limit.is_alone() else None
