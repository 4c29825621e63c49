"""Tries of one call that run at the same time: end them all when one has won, and count them right."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from bff.ambassador._core import Context, Request, Response, Send
from bff.ambassador._hedger import Hedger
from bff.errors import RejectedError, UpstreamError

__all__ = ["First", "Race"]


@dataclass(frozen=True, slots=True)
class First:
    """
    The first try of a call: the task that it runs in, which is the caller's own, and when it began.

    `cancelling` is how many were cancelling that task then, and `before` how many tries had been sent.
    """

    task: "asyncio.Task[object]"
    cancelling: int
    start: float
    context: Context
    before: int


@dataclass(slots=True, eq=False)
class _Hedge:
    """A try beside the first, in a task of its own; `before` says how many had been sent before it."""

    task: "asyncio.Task[Response]"
    start: float
    context: Context
    before: int


class Race:
    """
    The first try and its hedges; there is none before the first hedge begins.

    When a hedge wins, the first try is cancelled as an `Alarm` does it: where several cancel one task in the same
    moment, the outermost wins.
    """

    __slots__ = ("_first", "_hedger", "_hedges", "_is_cut", "_is_first_out", "_is_over", "_turn", "_winner")

    def __init__(self, hedger: Hedger, first: First) -> None:
        self._hedger = hedger
        self._first = first
        self._hedges: list[_Hedge] = []
        self._is_over = False
        self._is_first_out = True
        self._is_cut = False
        self._turn: asyncio.Future[None] | None = None
        self._winner: _Hedge | None = None

    @property
    def is_open(self) -> bool:
        """Whether another hedge may begin."""
        first = self._first
        return (
            not self._is_over
            and self._winner is None
            and len(self._hedges) < self._hedger.max
            and first.task.cancelling() <= first.cancelling
        )

    def add(self, send: Send, request: Request, now: float) -> bool:
        """Send a hedge where the latest try is late; `False` where there may be none."""
        latest = self._hedges[-1] if self._hedges else self._first
        # What has not been sent yet is not late: it waits for a slot, and another one would wait behind it.
        if latest.context.attempts == latest.before:
            return True
        if not self._hedger.grants(latest.context):
            return False
        context = replace(latest.context, watch=None)
        before = context.attempts
        self._hedger.started(context, now - latest.start)
        hedge = _Hedge(asyncio.get_running_loop().create_task(_sent(send, request, context)), now, context, before)
        self._hedges.append(hedge)
        hedge.task.add_done_callback(partial(self._note, hedge))
        return True

    async def end(self, outcome: Response | BaseException) -> Response | None:
        """
        End every try; return the answer of a hedge that has won, `None` where the first try's `outcome` counts.

        Where the first try failed and nobody is ending the call, the hedges are waited for.
        """
        try:
            winner = await self._winner_after(outcome)
        finally:
            self._is_over = True
            # A hedge begins only once the try before it has been sent: their numbers have no gaps.
            context = self._first.context
            context.attempts = max([context.attempts, *(hedge.context.attempts for hedge in self._hedges)])
            await _cancelled([hedge.task for hedge in self._hedges])
        if winner is None:
            return None
        self._hedger.won(winner.context)
        return winner.task.result()

    async def _winner_after(self, outcome: Response | BaseException) -> _Hedge | None:
        self._is_first_out = False
        first = self._first
        if self._is_cut:
            return self._winner if first.task.uncancel() <= first.cancelling else None
        if first.task.cancelling() > first.cancelling:
            return None
        if isinstance(outcome, Response):
            if self._hedger.accepts(outcome):
                return None
        elif not isinstance(outcome, UpstreamError | RejectedError):
            return None  # a mistake of ours must not hide behind a hedge that does not make it
        if self._winner is None and not self._have_ended():
            self._turn = asyncio.get_running_loop().create_future()
            await self._turn
        return self._winner

    def _note(self, hedge: _Hedge, task: "asyncio.Task[Response]") -> None:
        """See whether a hedge that has ended has won; if it has, end the first try."""
        if self._winner is None and not task.cancelled() and task.exception() is None:
            self._hedger.observe(task.result(), task.get_loop().time() - hedge.start)
            if self._hedger.accepts(task.result()):
                self._winner = hedge
                self._cut()
        if self._turn is not None and not self._turn.done() and (self._winner or self._have_ended()):
            self._turn.set_result(None)

    def _cut(self) -> None:
        first = self._first
        # Where somebody else is ending the first try, it is ending.
        if self._is_first_out and first.task.cancelling() <= first.cancelling:
            self._is_cut = True
            first.task.cancel()

    def _have_ended(self) -> bool:
        return all(hedge.task.done() for hedge in self._hedges)


async def _sent(send: Send, request: Request, context: Context) -> Response:
    return await send(request, context)


async def _cancelled(tasks: "Sequence[asyncio.Task[Response]]") -> None:
    """Cancel tasks and wait until they have ended; a cancellation of our own goes on once they have."""
    for task in tasks:
        task.cancel()
    interruption: asyncio.CancelledError | None = None
    try:
        while pending := [task for task in tasks if not task.done()]:
            try:
                await asyncio.wait(pending)
            except asyncio.CancelledError as error:
                interruption = error
        for task in tasks:
            if not task.cancelled():
                task.exception()  # asked for, so that nobody is told that it never was
        if interruption is not None:
            raise interruption
    finally:
        del interruption  # whose traceback holds this frame
