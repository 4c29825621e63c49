"""Say once of every call how it ended, to whoever subscribed."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Final

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.errors import RejectedError, UpstreamError
from bff.events import CallCancelled, CallFailed, CallFinished, CallStarted, Emitter

__all__ = ["reporting"]

_SERVER_ERRORS: Final = 500  # and above
_numbers: Final = count(1)


def reporting(emitter: Emitter, *, clock: Callable[[], float]) -> Layer:
    """
    Emit how each call began and ended, give it its number, and write the number of tries into errors.

    A final 5xx is a failed call, any other status a finished one.
    """
    tells_start, tells_success = emitter.wants(CallStarted), emitter.wants(CallFinished)

    def layer(send: Send) -> Send:
        async def reported(request: Request, context: Context) -> Response:
            context.call = next(_numbers)
            start = clock()
            if tells_start:
                emitter.emit(_started(request, context))
            try:
                response = await send(request, context)
            except Exception as error:
                _count(error, context)
                emitter.emit(_failed(context, str(getattr(error, "cause", "error")), str(error), clock() - start))
                raise
            except asyncio.CancelledError:
                emitter.emit(_cancelled(context, clock() - start))
                raise
            if tells_success or response.status >= _SERVER_ERRORS:
                emitter.emit(_ended(context, response.status, clock() - start))
            return response

        return reported

    return layer if emitter.has_observers else _counting


def _counting(send: Send) -> Send:
    """Write the number of tries into errors, and tell nobody."""

    async def counted(request: Request, context: Context) -> Response:
        try:
            return await send(request, context)
        except Exception as error:
            _count(error, context)
            raise

    return counted


def _count(error: Exception, context: Context) -> None:
    if isinstance(error, UpstreamError | RejectedError):
        error.attempts = context.attempts


def _started(request: Request, context: Context) -> CallStarted:
    return CallStarted(context.upstream, context.operation, request.method, context.request_id, context.call)


def _ended(context: Context, status: int, duration: float) -> CallFinished | CallFailed:
    if status >= _SERVER_ERRORS:
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


def _cancelled(context: Context, duration: float) -> CallCancelled:
    return CallCancelled(
        upstream=context.upstream,
        operation=context.operation,
        duration=duration,
        attempts=context.attempts,
        request_id=context.request_id,
        call=context.call,
    )
