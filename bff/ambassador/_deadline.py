"""End a call when its own total time, or the caller's deadline, is over: whichever comes first."""

import asyncio
from math import inf

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._stream import Read
from bff.ambassador._timer import Alarm, Alarms
from bff.errors import BFFError, DeadlineExceeded, UpstreamTimeout

__all__ = ["deadline", "out_of_time"]


def out_of_time(context: Context, alarm: Alarm) -> BFFError:
    """Return the error that says whose time is up: the upstream's `Timeout.total` or the caller's deadline."""
    if alarm.is_callers:
        return DeadlineExceeded("the caller's deadline passed", upstream=context.upstream, operation=context.operation)
    return UpstreamTimeout("no answer within the total timeout", upstream=context.upstream, operation=context.operation)


def deadline(total: float | None, *, is_lasting: bool = True) -> Layer:
    """
    Cancel what runs past `total` seconds (`None`: only the caller's deadline counts).

    The inner layers find the alarm as `context.limit`, so that none of them waits for what comes too late. The time
    holds for a streamed body as well. `is_lasting` is false for a layer that is there for one call.
    """
    alarms = None if total is None else Alarms(total, is_lasting=is_lasting)

    def layer(send: Send) -> Send:
        async def limited(request: Request, context: Context) -> Response:
            alarm = None
            if context.deadline is None:
                if alarms is None:
                    return _held(await send(request, context), context, None)
                context.task = asyncio.current_task(context.loop)
                alarm = alarms.set(context.loop, inf, context.task)
            elif alarms is not None:
                context.task = asyncio.current_task(context.loop)
                alarm = alarms.set(context.loop, context.deadline, context.task)
            context.limit = alarm = alarm or _callers(context)
            end = context.loop.time() + total if context.is_streamed and total is not None else None
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
            return response if response.stream is None else _held(response, context, end)

        return limited

    return layer


def _callers(context: Context) -> Alarm:
    """Return an alarm for the caller's own deadline; raises `DeadlineExceeded` where it has passed."""
    loop, when = context.loop, context.deadline
    assert when is not None
    if when <= loop.time():
        what = "the caller's deadline had passed"
        raise DeadlineExceeded(what, upstream=context.upstream, operation=context.operation)
    return Alarm(loop, when, is_callers=True)


def _held(response: Response, context: Context, end: float | None) -> Response:
    if response.stream is not None:
        response.stream.read = _bounded(response.stream.read, context, end)
    return response


def _bounded(read: Read, context: Context, end: float | None) -> Read:
    """Hold the call's time over its body too; the caller may move his own deadline between two parts."""

    async def bounded() -> bytes:
        loop = asyncio.get_running_loop()
        when, is_callers = context.deadline, True
        if end is not None and (when is None or end <= when):
            when, is_callers = end, False
        if when is None:
            return await read()
        if when <= loop.time():
            # Whoever reads took the time, not the upstream.
            what = "the time for this call was over before the next part was asked for"
            raise DeadlineExceeded(what, upstream=context.upstream, operation=context.operation)
        alarm = Alarm(loop, when, is_callers=is_callers)
        try:
            part = await read()
        except asyncio.CancelledError as error:
            if alarm.stop():
                raise out_of_time(context, alarm) from error
            raise
        except BaseException:
            alarm.stop()
            raise
        alarm.stop()
        return part

    return bounded
