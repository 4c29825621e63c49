"""Send a try that is late once more, beside the first, and take the answer that comes first."""

import asyncio
from collections.abc import Awaitable
from contextvars import copy_context
from typing import cast

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._hedger import Hedger
from bff.ambassador._lateness import Lateness
from bff.ambassador._race import First, Race
from bff.ambassador._repeatable import is_repeatable

__all__ = ["hedging"]


def hedging(hedger: Hedger) -> Layer:
    """
    Send what may be sent twice once more when it is late; until it is, there is no task.

    The first answer that the hedger accepts wins. Where every try fails, the call ends as its first one did. No try
    outlives the call, however it ends.
    """

    def layer(send: Send) -> Send:
        return _Hedging(hedger, send).send

    return layer


class _Hedging:
    """One hedger's layer around one `send`, on one loop after the other."""

    __slots__ = ("_budget", "_lateness", "hedger", "inner")

    def __init__(self, hedger: Hedger, send: Send) -> None:
        self.hedger = hedger
        self.inner = send
        self._lateness: Lateness | None = None
        self._budget = hedger.budget if hedger.is_earning else None

    def send(self, request: Request, context: Context) -> Awaitable[Response]:
        """Choose how to send; no coroutine of its own, whoever awaits the result awaits what it chose."""
        if self._budget is not None:
            self._budget.deposit()
        if context.is_retry or not is_repeatable(request):
            return self.inner(request, context)
        delay = self.hedger.delay
        return self._learned(request, context) if delay is None else self._hedged(request, context, delay)

    async def _learned(self, request: Request, context: Context) -> Response:
        loop = asyncio.get_running_loop()
        start = loop.time()
        response = await self.inner(request, context)
        self.hedger.observe(response, loop.time() - start)
        return response

    async def _hedged(self, request: Request, context: Context, delay: float) -> Response:
        loop = asyncio.get_running_loop()
        lateness = self._lateness
        if lateness is None or lateness.loop is not loop:
            lateness = self._lateness = Lateness(loop)
        watch = _Watch(self, lateness, request, context, delay)
        lateness.add(watch)
        try:
            response = await self.inner(request, context)
        except BaseException as error:
            answer = None if watch.race is None else await watch.race.end(error)
            if answer is None:
                raise
            return answer
        else:
            if self.hedger.is_learning:
                self.hedger.observe(response, loop.time() - watch.start)
            return response if watch.race is None else await watch.race.end(response) or response
        finally:
            watch.is_over = True
            lateness.tidy()


class _Watch:
    """Sees to it that a first try is hedged once it is late; `race` is there from then on."""

    __slots__ = (
        "_before", "_cancelling", "_context", "_lateness", "_layer", "_request", "_task", "is_over", "race", "start",
        "variables", "when",
    )  # fmt: skip

    def __init__(self, layer: _Hedging, lateness: Lateness, request: Request, context: Context, delay: float) -> None:
        loop = lateness.loop
        self._layer = layer
        self._lateness = lateness
        self._request = request
        self._context = context
        self._before = context.attempts
        self._task = task = cast("asyncio.Task[object]", asyncio.current_task(loop))
        self._cancelling = task.cancelling()
        self.start = start = loop.time()
        self.when = start + delay
        self.variables = copy_context()
        self.is_over = False
        self.race: Race | None = None

    def late(self) -> None:
        """Send a hedge, if there may be one, and be late again after as long."""
        layer, race = self._layer, self.race
        if race is None:
            first = First(self._task, self._cancelling, self.start, self._context, self._before)
            race = Race(layer.hedger, first)
        now = self._task.get_loop().time()
        if race.is_open and race.add(layer.inner, self._request, now):
            self.race = race
            self.when = now + (layer.hedger.delay or 0.0)
            self._lateness.add(self)
