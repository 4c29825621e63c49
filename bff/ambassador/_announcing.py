"""Write the request of every try: where it goes, which try it is, and how long it is waited for."""

from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import Final

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._fields import Fields, Part
from bff.ambassador._member import Member

__all__ = ["ATTEMPT_HEADER", "DEADLINE_HEADER", "HOP", "announcing"]

# Envoy's, as its router writes them: the time in milliseconds, the tries counted from 1.
DEADLINE_HEADER: Final = "x-envoy-expected-rq-timeout-ms"
ATTEMPT_HEADER: Final = "x-envoy-attempt-count"

HOP: Final = 0.005  # seconds that an answer needs to travel back


def announcing(header: str | None) -> Layer:
    """
    Count every try, and send along its number and the milliseconds that are left for it, less those of the way back.

    With `header=None` nothing is sent along. Milliseconds and not a time of day: clocks differ.
    """

    def layer(send: Send) -> Send:
        # No coroutine of its own: whoever awaits the result awaits the wire.
        def counted(request: Request, context: Context) -> Awaitable[Response]:
            context.attempts += 1
            if context.address is not None:
                request = _addressed(request, context.address, request.headers)
            return send(request, context)

        def announced(request: Request, context: Context) -> Awaitable[Response]:
            context.attempts = attempt = context.attempts + 1
            watch, left = context.watch, None
            if watch is not None and watch.seconds is not None:
                left = watch.seconds  # its time begins here
            elif context.limit is not None:
                # To the millisecond: it is remembered what is told of that, and of no other time.
                left = round(context.limit.end - context.loop.time(), 3)
            told, headers = _told(name, attempt, left), request.headers
            headers = Fields(headers.fixed, headers.own, told) if type(headers) is Fields else [*headers, *told.pairs]
            if context.address is not None or request.original is not None:
                return send(_addressed(request, context.address, headers), context)
            return send(
                Request(request.method, request.origin, request.target, headers, request.content, request.host), context
            )

        if header is None:
            return counted
        name = header.lower()
        return announced

    return layer


@lru_cache(1024)
def _told(name: str, attempt: int, left: float | None) -> Part:
    # Of a try nearly always the same: the first, with the time that its upstream has.
    count = (ATTEMPT_HEADER, str(attempt))
    if left is None:
        return Part((count,))
    return Part((count, (name, str(max(int((left - HOP) * 1000 + 0.5), 1)))))


def _addressed(request: Request, address: Member | None, headers: Sequence[tuple[str, str]]) -> Request:
    """Return a request as it is sent: to one of several addresses, with what is told besides."""
    origin, host = request.origin, request.host
    if address is not None:
        origin, host = address.origin, address.host
    sent = Request(request.method, origin, request.target, headers, request.content, host)
    if request.original is not None:
        sent.original = request.original
    return sent
