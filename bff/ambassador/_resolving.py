"""Send nothing before there are addresses to send it to."""

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._refresher import Refresher

__all__ = ["resolving"]


def resolving(refresher: Refresher) -> Layer:
    """Let a try wait until a name has been resolved for the first time; it is kept fresh without anyone's waiting."""

    def layer(send: Send) -> Send:
        async def resolved(request: Request, context: Context) -> Response:
            if not refresher.is_ready():
                await refresher.ready(context)
            return await send(request, context)

        return resolved

    return layer
