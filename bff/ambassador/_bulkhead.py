"""Cap how many tries an upstream gets at once, so that one that is slow does not take every resource with it."""

import asyncio
from collections import deque
from contextlib import suppress

from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.errors import Overloaded
from bff.policy import Bulkhead

__all__ = ["Slots", "limiting"]

_ASK_AGAIN = 1.0  # seconds; by then most of what holds a slot now has ended or timed out


class Slots:
    """Count the slots of one bulkhead and hand a freed one to whoever has waited longest."""

    __slots__ = ("free", "policy", "waiting")

    def __init__(self, policy: Bulkhead) -> None:
        self.policy = policy
        self.free = policy.limit
        self.waiting: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        """How many slots are in use."""
        return self.policy.limit - self.free

    @property
    def queued(self) -> int:
        """How many calls wait for a slot."""
        return len(self.waiting)

    async def wait(self) -> bool:
        """
        Wait until a slot is this task's; return `False` at once where the queue is full.

        A slot that arrives together with a cancellation goes on to the next in line.
        """
        if len(self.waiting) >= self.policy.places:
            return False
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # `release()` may have passed it over already
                    self.waiting.remove(turn)
            else:
                self.release()
            raise
        return True

    def release(self) -> None:
        """Give a slot back."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                # The slot changes hands without being free in between: nobody can jump the queue.
                turn.set_result(None)
                return
        self.free += 1


def limiting(slots: Slots) -> Layer:
    """Let a try pass when it has a slot, a hedge only if one is free; raise `Overloaded` where it gets none."""

    def layer(send: Send) -> Send:
        async def limited(request: Request, context: Context) -> Response:
            if slots.free:
                slots.free -= 1
            else:
                await _queue(slots, context)
            try:
                response = await send(request, context)
            except BaseException:
                slots.release()
                raise
            if response.stream is not None:
                response.stream.on_end(lambda _: slots.release())
            elif slots.waiting:
                slots.release()
            else:
                slots.free += 1
            return response

        return limited

    return layer


async def _queue(slots: Slots, context: Context) -> None:
    try:
        # A hedge is for what is left over: it would wait behind the very try that is late.
        if not context.is_hedge and await slots.wait():
            return
        reason = f"all {slots.policy.limit} slots are taken"
    except asyncio.CancelledError:
        limit = context.limit
        if limit is None or limit.is_callers or not limit.is_alone():
            raise
        # The call's own time ran out in our queue: that is our doing, not the upstream's.
        reason = f"no slot became free in time, all {slots.policy.limit} are taken"
    raise Overloaded(reason, upstream=context.upstream, operation=context.operation, retry_after=_ASK_AGAIN)
