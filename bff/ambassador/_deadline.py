"""End a call when its own total time, or the caller's deadline, is over: whichever comes first."""

import asyncio

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._timer import Alarm
from bff.errors import BFFError, DeadlineExceeded, UpstreamTimeout

__all__ = ["deadline", "out_of_time"]


def out_of_time(context: Context, alarm: Alarm) -> BFFError:
    """Return the error that says whose time is up: the upstream's `Timeout.total` or the caller's deadline."""
    if alarm.is_callers:
        return DeadlineExceeded("the caller's deadline passed", upstream=context.upstream, operation=context.operation)
    return UpstreamTimeout("no answer within the total timeout", upstream=context.upstream, operation=context.operation)


def deadline(total: float | None) -> Layer:
    """
    Cancel what runs past `total` seconds (`None`: only the caller's deadline counts).

    The inner layers find the alarm as `context.limit`, so that none of them waits for what comes too late.
    """

    def layer(send: Send) -> Send:
        async def limited(request: Request, context: Context) -> Response:
            loop = asyncio.get_running_loop()
            now = loop.time()
            when, is_callers = context.deadline, True
            if total is not None and (when is None or now + total <= when):
                when, is_callers = now + total, False
            if when is None:
                return await send(request, context)
            if when <= now:
                raise DeadlineExceeded(
                    "the caller's deadline had passed", upstream=context.upstream, operation=context.operation
                )
            context.limit = alarm = Alarm(loop, when, is_callers=is_callers)
            try:
                response = await send(request, context)
            except asyncio.CancelledError as error:
                if alarm.stop():
                    raise out_of_time(context, alarm) from error
                raise
            except BaseException:
                alarm.stop()
                raise
            alarm.stop()
            return response

        return limited

    return layer
