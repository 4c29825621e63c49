"""A timer of uvloop's that was due at once had no `when()`: the queue broke, and no call's time ended any more."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import uvloop

from bff.ambassador._queue import Queue


@dataclass(eq=False)
class Due:
    when: float
    rung: asyncio.Event

    def ring(self) -> None:
        self.rung.set()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_is_due_at_once_is_rung_and_who_comes_later_too(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        queue, told = Queue(loop), list[str]()
        loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        for delay in (0.0, 0.0002, 0.005):
            due = Due(loop.time() + delay, asyncio.Event())
            queue.add(due)
            await asyncio.wait_for(due.rung.wait(), 5)
        return told

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert [] == runner.run(main())
