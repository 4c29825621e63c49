"""Say of every call how it began and ended, and of every try that was refused why, to whoever subscribed."""

import asyncio
from functools import partial
from itertools import count
from typing import Final

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._verdict import SERVER_ERRORS
from bff.errors import DeadlineExceeded, RejectedError
from bff.events import AttemptRejected, CallCancelled, CallFailed, CallFinished, CallStarted, Emitter

__all__ = ["Reporter", "reporting_refusals"]

_numbers: Final = count(1)


class Reporter:
    """
    Emits how each call began and ended, and gives it its number.

    A final 5xx is a failed call, any other status a finished one. A streamed one ends with its body, also where that
    is left early.
    """

    __slots__ = ("_emitter", "_tells_start", "_tells_success")

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._tells_start, self._tells_success = emitter.wants(CallStarted), emitter.wants(CallFinished)

    def begin(self, request: Request, context: Context) -> None:
        """Take note that a call begins."""
        context.call = next(_numbers)
        if self._tells_start:
            self._emitter.emit(_started(request, context))

    def answer(self, response: Response, context: Context, start: float) -> None:
        """Take its answer."""
        if response.stream is not None:
            response.stream.on_end(partial(self._end, context, response.status, start))
        elif self._tells_success or response.status >= SERVER_ERRORS:
            self._emitter.emit(_answered(context, response.status, context.loop.time() - start))

    def fail(self, error: BaseException, context: Context, start: float) -> None:
        """Take what it ended with instead."""
        self._end(context, None, start, error)

    def _end(self, context: Context, status: int | None, start: float, error: BaseException | None) -> None:
        context.count_in(error)
        self._emitter.emit(_ended(context, status, context.loop.time() - start, error))


def reporting_refusals(emitter: Emitter) -> Layer:
    """Emit `AttemptRejected` for every try that a layer below refuses to send."""
    return lambda send: _Refusals(emitter, send).send


class _Refusals:
    """Sends, and tells of what is refused."""

    __slots__ = ("_emitter", "_send")

    def __init__(self, emitter: Emitter, send: Send) -> None:
        self._emitter = emitter
        self._send = send

    async def send(self, request: Request, context: Context) -> Response:
        """Send one try."""
        try:
            return await self._send(request, context)
        except DeadlineExceeded:
            raise  # it was sent, and took too long
        except RejectedError as error:
            self._emitter.emit(
                AttemptRejected(context.upstream, context.operation, error.cause, error.retry_after, context.call)
            )
            raise


def _ended(
    context: Context, status: int | None, duration: float, error: BaseException | None
) -> CallFinished | CallFailed | CallCancelled:
    """Return how a call ended with an error, or with its body; leaving that is an end as good as any."""
    if isinstance(error, Exception):
        return _failed(context, str(getattr(error, "cause", "error")), str(error), duration)
    if status is None or isinstance(error, asyncio.CancelledError):
        return CallCancelled(
            upstream=context.upstream,
            operation=context.operation,
            duration=duration,
            attempts=context.attempts,
            request_id=context.request_id,
            call=context.call,
        )
    return _answered(context, status, duration)


def _started(request: Request, context: Context) -> CallStarted:
    return CallStarted(context.upstream, context.operation, request.method, context.request_id, context.call)


def _answered(context: Context, status: int, duration: float) -> CallFinished | CallFailed:
    if status >= SERVER_ERRORS:
        return _failed(context, "status", f"answered {status}", duration, status=status)
    return CallFinished(
        upstream=context.upstream,
        operation=context.operation,
        status=status,
        duration=duration,
        attempts=context.attempts,
        request_id=context.request_id,
        call=context.call,
    )


def _failed(context: Context, cause: str, detail: str, duration: float, *, status: int | None = None) -> CallFailed:
    return CallFailed(
        upstream=context.upstream,
        operation=context.operation,
        cause=cause,
        detail=detail,
        duration=duration,
        attempts=context.attempts,
        request_id=context.request_id,
        call=context.call,
        status=status,
    )
