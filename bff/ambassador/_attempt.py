"""End a try that hangs, in a timeout of its own: the breaker has to see a failure and not a cancellation."""

import asyncio

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._deadline import out_of_time
from bff.ambassador._timer import Alarm
from bff.errors import UpstreamTimeout

__all__ = ["timing"]


def timing(per_try: float | None) -> Layer:
    """
    Cancel a try after `per_try` seconds (`None`: when the whole call's time is up, which is no less a failure).
    """

    def layer(send: Send) -> Send:
        async def timed(request: Request, context: Context) -> Response:
            limit = context.limit
            alarm = None
            if per_try is not None:
                loop = asyncio.get_running_loop()
                when = loop.time() + per_try
                if limit is None or when < limit.when:
                    alarm = Alarm(loop, when)
            try:
                response = await send(request, context)
            except asyncio.CancelledError as error:
                if alarm is not None and alarm.stop():
                    raise UpstreamTimeout(
                        f"no answer within {per_try:g} s", upstream=context.upstream, operation=context.operation
                    ) from error
                if limit is not None and limit.is_alone():
                    raise out_of_time(context, limit) from error
                raise
            except BaseException:
                if alarm is not None:
                    alarm.stop()
                raise
            if alarm is not None:
                alarm.stop()
            return response

        return timed

    return layer
