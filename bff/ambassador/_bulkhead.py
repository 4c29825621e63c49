"""Cap how many tries an upstream gets at once, so that one that is slow does not take every resource with it."""

import asyncio
from collections import deque
from contextlib import suppress

from bff.policy import Bulkhead

__all__ = ["Slots"]


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
