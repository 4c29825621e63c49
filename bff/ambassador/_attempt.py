"""End a try that hangs, in a timeout of its own: the breaker has to see a failure and not a cancellation."""

import asyncio
from math import inf

from bff.ambassador._core import Context, Layer, Request, Response, Send, Watch
from bff.ambassador._deadline import out_of_time
from bff.ambassador._timer import Alarms
from bff.errors import BFFError, UpstreamTimeout

__all__ = ["timing"]


def timing(per_try: float | None, *, is_lasting: bool = True) -> Layer:
    """
    Cancel a try after `per_try` seconds (`None`: when the call's time is up, which is no less a failure).

    `is_lasting` is false for a layer that is there for one call.
    """
    alarms = None if per_try is None else Alarms(per_try, is_lasting=is_lasting)
    return lambda send: _Timed(alarms, send).send


class _Timed:
    """Sends within a try's time."""

    __slots__ = ("_alarms", "_send")

    def __init__(self, alarms: Alarms | None, send: Send) -> None:
        self._alarms = alarms
        self._send = send

    async def send(self, request: Request, context: Context) -> Response:
        """Send one try."""
        alarms, limit = self._alarms, context.limit
        watch: Watch | None = None
        if alarms is not None:
            if limit is None or context.task is None:
                # Beside another try, in a task that the call's own limit knows nothing of.
                watch = alarms.set(context.loop, inf if limit is None else limit.end)
            elif limit.watch(context.loop.time(), alarms.duration):
                watch = limit
        context.watch = watch
        try:
            response = await self._send(request, context)
        except asyncio.CancelledError as error:
            is_ours = watch is not None and watch.release()
            cut = _cut(context, alarms) if is_ours else _end_of_call(context)
            if cut is None:
                raise
            raise cut from error
        except BaseException:
            if watch is not None:
                watch.release()
            raise
        if watch is not None:
            watch.release()
        return response


def _cut(context: Context, alarms: Alarms | None) -> BFFError:
    within = alarms.duration if alarms is not None else 0.0
    return UpstreamTimeout(f"no answer within {within:g} s", upstream=context.upstream, operation=context.operation)


def _end_of_call(context: Context) -> BFFError | None:
    limit = context.limit
    return out_of_time(context, limit) if limit is not None and limit.is_alone() else None
