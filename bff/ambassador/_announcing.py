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
    if header is None:
        return lambda send: _Announcing("", send).count
    name = header.lower()
    return lambda send: _Announcing(name, send).announce


class _Announcing:
    """Sends what has been counted, and says so; no coroutine of its own: whoever awaits the result awaits the wire."""

    __slots__ = ("_name", "_send")

    def __init__(self, name: str, send: Send) -> None:
        self._name = name
        self._send = send

    def count(self, request: Request, context: Context) -> Awaitable[Response]:
        """Send a try, and tell nobody."""
        context.attempts += 1
        if context.address is not None:
            request = _addressed(request, context.address, request.headers)
        return self._send(request, context)

    def announce(self, request: Request, context: Context) -> Awaitable[Response]:
        """Send a try with what is to be said of it."""
        context.attempts = attempt = context.attempts + 1
        watch, limit, left = context.watch, context.limit, None
        if watch is not None and watch.seconds is not None:
            left = watch.seconds  # its time begins here
        elif limit is not None:
            # To the millisecond: it is remembered what is told of that, and of no other time.
            left = round(limit.end - context.loop.time(), 3)
        told, headers = _told(self._name, attempt, left), request.headers
        headers = Fields(headers.fixed, headers.own, told) if type(headers) is Fields else [*headers, *told.pairs]
        if context.address is not None or request.original is not None:
            return self._send(_addressed(request, context.address, headers), context)
        sent = Request(request.method, request.origin, request.target, headers, request.content, request.host)
        return self._send(sent, context)


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
