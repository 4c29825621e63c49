"""Keep tries within the rate that is declared for an upstream."""

from collections.abc import Awaitable, Callable

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._rate import Rate
from bff.errors import RateLimited

__all__ = ["rating"]


def rating(rate: Rate, *, clock: Callable[[], float]) -> Layer:
    """Refuse a try that comes too early with `RateLimited`, and say when it would not."""

    def layer(send: Send) -> Send:
        # No coroutine of its own, and nothing to give back: whoever is let through has used its token.
        def rated(request: Request, context: Context) -> Awaitable[Response]:
            early = rate.take(clock())
            if early is None:
                return send(request, context)
            raise RateLimited(
                "the rate limit is used up",
                upstream=context.upstream,
                operation=context.operation,
                retry_after=early,
            )

        return rated

    return layer
