"""Say of every call how it ended, and of every try that was refused why, to whoever subscribed."""

from collections.abc import Callable
from typing import Final

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.errors import DeadlineExceeded, RejectedError, UpstreamError
from bff.events import AttemptRejected, CallFailed, CallFinished, Emitter

__all__ = ["reporting", "reporting_refusals"]

_SERVER_ERRORS: Final = 500  # and above


def reporting(emitter: Emitter, *, clock: Callable[[], float]) -> Layer:
    """
    Emit `CallFinished` or `CallFailed`, and write the number of tries into errors.

    A final 5xx is a failed call, any other status a finished one. A cancelled call is neither.
    """
    is_asked = emitter.wants(CallFinished) or emitter.wants(CallFailed)

    def layer(send: Send) -> Send:
        async def reported(request: Request, context: Context) -> Response:
            start = clock() if is_asked else 0.0
            try:
                response = await send(request, context)
            except Exception as error:
                if isinstance(error, UpstreamError | RejectedError):
                    error.attempts = context.attempts
                if is_asked:
                    cause = str(getattr(error, "cause", "error"))
                    emitter.emit(_failed(context, cause, str(error), clock() - start))
                raise
            if is_asked:
                emitter.emit(_ended(context, response.status, clock() - start))
            return response

        return reported

    return layer


def reporting_refusals(emitter: Emitter) -> Layer:
    """Emit `AttemptRejected` for every try that a layer below refuses to send."""

    def layer(send: Send) -> Send:
        async def told(request: Request, context: Context) -> Response:
            try:
                return await send(request, context)
            except DeadlineExceeded:
                raise  # it was sent, and took too long
            except RejectedError as error:
                event = AttemptRejected(context.upstream, context.operation, error.cause, error.retry_after)
                emitter.emit(event)
                raise

        return told

    return layer


def _ended(context: Context, status: int, duration: float) -> CallFinished | CallFailed:
    if status >= _SERVER_ERRORS:
        return _failed(context, "status", f"answered {status}", duration)
    return CallFinished(
        upstream=context.upstream,
        operation=context.operation,
        status=status,
        duration=duration,
        attempts=context.attempts,
        request_id=context.request_id,
    )


def _failed(context: Context, cause: str, detail: str, duration: float) -> CallFailed:
    return CallFailed(
        upstream=context.upstream,
        operation=context.operation,
        cause=cause,
        detail=detail,
        duration=duration,
        attempts=context.attempts,
        request_id=context.request_id,
    )
