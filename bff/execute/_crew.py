"""The tasks that answer one request: its own, and those that work beside it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast


class Crew:
    """
    The request's `own` task and the others; each of them is over before the request is.

    The own task works, too: then whatever ends the request meanwhile cancels it, and takes that back. `loop` is the
    running one; to ask Python for it is a system call.
    """

    __slots__ = ("_before", "_error", "_is_stopped", "_loop", "_own", "_tasks", "_turn", "is_over")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_over = False
        self._loop = loop
        self._error: Exception | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._own: asyncio.Task[Any] | None = None
        self._turn: asyncio.Future[None] | None = None
        self._is_stopped = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done beside the request's own task."""
        self._tasks.append(self._loop.create_task(work))

    def __enter__(self) -> None:
        """Do something in the request's own task, until it is done or the request is over."""
        self._own = task = cast("asyncio.Task[Any]", asyncio.current_task(self._loop))
        self._before = task.cancelling()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        """Have done it; a cancellation that is this request's own goes no further."""
        task, self._own = self._own, None  # which holds what it ends with, and that this
        if not self._is_stopped or task is None:
            return False
        # Where somebody else asks to stop in the same moment, it is theirs.
        is_ours = kind is asyncio.CancelledError and task.cancelling() <= self._before + 1
        task.uncancel()
        return is_ours

    @property
    def is_resting(self) -> bool:
        """Whether the request's own task waits for the others."""
        return self._turn is not None

    async def rest(self) -> None:
        """Let the others work until the request is over."""
        self._turn = self._loop.create_future()
        await self._turn

    def end(self, error: Exception | None = None) -> None:
        """Have the request's own task end the request, unless it is over: with an error, if there is one."""
        if self.is_over:
            return
        self.is_over = True
        if self._turn is not None and self._turn.done():
            return  # cancelled, and nobody asks any more
        self._error = error
        if self._turn is not None:
            self._turn.set_result(None)
        elif self._own is not None and asyncio.current_task(self._loop) is not self._own:
            # It is inside a call that does not matter any more.
            self._is_stopped = True
            self._own.cancel()

    async def dismiss(self) -> None:
        """Cancel what is still under way, and wait until it has given back what it held."""
        self.is_over = True
        under_way = [task for task in self._tasks if not task.done()]
        if under_way:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def check(self) -> None:
        """Raise the error that ended the request, if one did."""
        if self._error is not None:
            raise self._taken()  # under no name: its traceback holds this frame

    def _taken(self) -> Exception:
        error, self._error = self._error, None
        assert error is not None
        return error
