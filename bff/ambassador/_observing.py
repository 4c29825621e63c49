"""Say of every request on the wire that it goes out and what became of it, and let observers send headers along."""

import asyncio
from dataclasses import replace
from functools import partial

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._masking import masked
from bff.events import AttemptFinished, AttemptStarted, Emitter

__all__ = ["is_observed", "observing"]


def is_observed(emitter: Emitter) -> bool:
    """Say whether anyone wants to know of single tries; where nobody does, the layer is to be left out."""
    return emitter.asks_for_headers or emitter.wants(AttemptStarted, AttemptFinished)


def observing(emitter: Emitter) -> Layer:
    """
    Emit `AttemptStarted` and `AttemptFinished` around every try.

    It stands around the try's timeout, so that what hangs ends as `"timeout"` and not as a cancellation.
    """
    asks = emitter.asks_for_headers

    def layer(send: Send) -> Send:
        async def observed(request: Request, context: Context) -> Response:
            started = _started(request, context)
            emitter.emit(started)
            if asks:
                request = _with_headers(request, emitter.headers_for(started))
            start = context.loop.time()
            try:
                response = await send(request, context)
            except BaseException as error:
                end(started, context, None, start, error)
                raise
            if response.stream is None:
                end(started, context, response.status, start, None)
            else:
                response.stream.on_end(partial(end, started, context, response.status, start))
            return response

        return observed

    def end(
        started: AttemptStarted, context: Context, status: int | None, start: float, error: BaseException | None
    ) -> None:
        """Take the end of a try, or of its streamed body: leaving that is an end as good as any."""
        cause = ""
        if isinstance(error, Exception):
            status, cause = None, str(getattr(error, "cause", "error"))
        elif status is None or isinstance(error, asyncio.CancelledError):
            status, cause = None, "cancelled"
        emitter.emit(_finished(started, status, cause, context.loop.time() - start))

    return layer


def _started(request: Request, context: Context) -> AttemptStarted:
    attempt = context.attempts + 1
    origin, host = request.origin, request.host
    if context.address is not None:
        origin, host = context.address.origin, context.address.host
    scheme, _, authority = origin.partition("://")
    return AttemptStarted(
        upstream=context.upstream,
        operation=context.operation,
        attempt=attempt,
        kind="hedge" if context.is_hedge else "first" if attempt == 1 else "retry",
        method=request.method,
        url=f"{scheme}://{host or authority}{masked(request.target)}",
        address=origin,
        request_id=context.request_id,
        call=context.call,
    )


def _finished(started: AttemptStarted, status: int | None, cause: str, duration: float) -> AttemptFinished:
    return AttemptFinished(
        upstream=started.upstream,
        operation=started.operation,
        attempt=started.attempt,
        kind=started.kind,
        method=started.method,
        url=started.url,
        address=started.address,
        request_id=started.request_id,
        call=started.call,
        status=status,
        cause=cause,
        duration=duration,
    )


def _with_headers(request: Request, added: dict[str, str]) -> Request:
    # What the client sent under the same names, and was forwarded, is what ours goes on from.
    kept = [pair for pair in request.headers if pair[0].lower() not in added]
    # A wire may add to an original what stands behind its headers: that is no more the same request.
    original = request.original if len(kept) == len(request.headers) else None
    return replace(request, headers=[*kept, *added.items()], original=original)
