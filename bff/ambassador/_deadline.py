"""End a call when its own total time, or the caller's deadline, is over: whichever comes first."""

import asyncio
from asyncio import current_task
from math import inf

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._limit import Limit
from bff.ambassador._queue import Queue
from bff.ambassador._stream import Read
from bff.ambassador._timer import Alarm
from bff.errors import BFFError, DeadlineExceeded, UpstreamTimeout

__all__ = ["deadline", "out_of_time"]


def out_of_time(context: Context, limit: Limit | Alarm) -> BFFError:
    """Return the error that says whose time is up: the upstream's `Timeout.total` or the caller's deadline."""
    if limit.is_callers:
        return DeadlineExceeded("the caller's deadline passed", upstream=context.upstream, operation=context.operation)
    return UpstreamTimeout("no answer within the total timeout", upstream=context.upstream, operation=context.operation)


def deadline(total: float | None, *, per_try: float | None = None, is_lasting: bool = True) -> Layer:
    """
    Cancel what runs past `total` seconds (`None`: only the caller's deadline counts).

    The inner layers find the time as `context.limit`, so that none of them waits for what comes too late; it is looked
    at for the first time when that of a try, `per_try`, may be up. The time holds for a streamed body as well.
    `is_lasting` is false for a layer that is there for one call.
    """
    limits = _Limits(total, per_try, is_lasting=is_lasting)

    def layer(send: Send) -> Send:
        async def limited(request: Request, context: Context) -> Response:
            limit = context.limit = limits.set(context)
            if limit is None:
                return _held(await send(request, context), context, None)
            end = context.loop.time() + total if context.is_streamed and total is not None else None
            try:
                response = await send(request, context)
            except asyncio.CancelledError as error:
                if limit.stop():
                    raise out_of_time(context, limit) from error
                raise
            except BaseException:
                limit.stop()
                raise
            limit.stop()
            return response if response.stream is None else _held(response, context, end)

        return limited

    return layer


class _Limits:
    """
    Limits of calls that are looked at equally long after their beginning: one timer serves them all.

    Where `is_lasting` is false each has a timer of its own, which goes with it.
    """

    __slots__ = ("_first_look", "_is_lasting", "_queue", "_total")

    def __init__(self, total: float | None, per_try: float | None, *, is_lasting: bool) -> None:
        self._total = inf if total is None else total
        self._first_look = min(self._total, inf if per_try is None else per_try)
        self._is_lasting = is_lasting
        self._queue: Queue | None = None

    def set(self, context: Context) -> Limit | None:
        """Return the limit of a call that begins, in the current task, `None` where there is none."""
        loop, callers = context.loop, context.deadline
        if callers is None and self._total == inf:
            return None
        now = loop.time()
        end, when, queue = now + self._total, now + self._first_look, self._queue
        is_callers = callers is not None and callers < end
        if is_callers:
            end = _callers(context, now)
        if not self._is_lasting or when > end:
            queue = None
        elif queue is None or queue.loop is not loop:
            queue = self._queue = Queue(loop)
        task = context.task = current_task(loop)
        assert task is not None
        return Limit(task, end, when, queue, is_callers)


def _callers(context: Context, now: float) -> float:
    """Return the caller's own deadline; raises `DeadlineExceeded` where it has passed."""
    when = context.deadline
    assert when is not None
    if when <= now:
        what = "the caller's deadline had passed"
        raise DeadlineExceeded(what, upstream=context.upstream, operation=context.operation)
    return when


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
