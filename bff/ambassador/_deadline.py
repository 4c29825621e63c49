"""End a call when its own total time, or the caller's deadline, is over: whichever comes first."""

import asyncio

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._timer import Alarm, Alarms
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
    alarms = None if total is None else Alarms(total)

    def layer(send: Send) -> Send:
        async def limited(request: Request, context: Context) -> Response:
            alarm = None
            if context.deadline is None:
                if alarms is None:
                    return await send(request, context)
                alarm = alarms.set()
            elif alarms is not None:
                alarm = alarms.set(context.deadline)
            context.limit = alarm = alarm or _callers(context)
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


def _callers(context: Context) -> Alarm:
    """Return an alarm for the caller's own deadline; raises `DeadlineExceeded` where it has passed."""
    loop, when = asyncio.get_running_loop(), context.deadline
    assert when is not None
    if when <= loop.time():
        what = "the caller's deadline had passed"
        raise DeadlineExceeded(what, upstream=context.upstream, operation=context.operation)
    return Alarm(loop, when, is_callers=True)
