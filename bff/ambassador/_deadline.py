"""End a call when its own total time, or the caller's deadline, is over: whichever comes first."""

import asyncio
from asyncio import current_task
from math import inf
from typing import Protocol

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._limit import Limit
from bff.ambassador._queue import Queue
from bff.ambassador._stream import Read
from bff.ambassador._timer import Alarm
from bff.errors import BFFError, DeadlineExceeded, UpstreamTimeout

__all__ = ["Report", "deadline", "out_of_time"]


def out_of_time(context: Context, limit: Limit | Alarm) -> BFFError:
    """Return the error that says whose time is up: the upstream's `Timeout.total` or the caller's deadline."""
    if limit.is_callers:
        return DeadlineExceeded("the caller's deadline passed", upstream=context.upstream, operation=context.operation)
    return UpstreamTimeout("no answer within the total timeout", upstream=context.upstream, operation=context.operation)


class Report(Protocol):
    """Is told of each call how it begins and ends; `start` is when it began, on the loop's clock."""

    def begin(self, request: Request, context: Context) -> None:
        """Take note that it begins."""
        ...

    def answer(self, response: Response, context: Context, start: float) -> None:
        """Take its answer, of which a streamed one has yet to end."""
        ...

    def fail(self, error: BaseException, context: Context, start: float) -> None:
        """Take what it ended with instead."""
        ...


def deadline(
    total: float | None, *, per_try: float | None = None, is_lasting: bool = True, report: Report | None = None
) -> Layer:
    """
    Cancel what runs past `total` seconds (`None`: only the caller's deadline counts), and `report` each call.

    The inner layers find the time as `context.limit`, so that none of them waits for what comes too late; it is looked
    at for the first time when that of a try, `per_try`, may be up. The time holds for a streamed body as well.
    `is_lasting` is false for a layer that is there for one call. Two layers in one coroutine, for every call has both,
    unless nobody is to be told of it.
    """
    limits = _Limits(total, per_try, is_lasting=is_lasting)
    return lambda send: _Limited(limits, total, report, send).send


class _Limited:
    """Sends within a call's time."""

    __slots__ = ("_limits", "_report", "_send", "_total")

    def __init__(self, limits: "_Limits", total: float | None, report: Report | None, send: Send) -> None:
        self._limits = limits
        self._total = total
        self._report = report
        self._send = send

    async def send(self, request: Request, context: Context) -> Response:
        """Send one request."""
        report, start, limit = self._report, context.loop.time(), None
        if report is not None:
            report.begin(request, context)
        try:
            limit = context.limit = self._limits.set(context, start)
            response = await self._send(request, context)
        except asyncio.CancelledError as error:
            if limit is None or not limit.stop():
                self._failed(error, context, start)
                raise
            raise self._failed(out_of_time(context, limit), context, start) from error
        except BaseException as failure:
            if limit is not None:
                limit.stop()
            self._failed(failure, context, start)
            raise
        if limit is not None:
            limit.stop()
        if response.stream is not None:
            end = None if self._total is None else start + self._total
            response.stream.read = _bounded(response.stream.read, context, end)
        if report is not None:
            report.answer(response, context, start)
        return response

    def _failed(self, error: BaseException, context: Context, start: float) -> BaseException:
        if self._report is not None:
            self._report.fail(error, context, start)
        return error


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

    def set(self, context: Context, now: float) -> Limit | None:
        """Return the limit of a call that begins now, in the current task, `None` where there is none."""
        loop, callers = context.loop, context.deadline
        if callers is None and self._total == inf:
            return None
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
