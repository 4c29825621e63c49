"""Notice a client that leaves while its answer is being made, without a task for every request."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Final, TypeAlias, cast

__all__ = ["Watch"]

_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

_STEPPED: Final = frozenset(
    {"granian._granian", "uvicorn.protocols.http.h11_impl", "uvicorn.protocols.http.httptools_impl"}
)
"""
Modules of servers whose `receive` does not care which task runs it.

Others may: a middleware that enters a task group, a timeout or a cancel scope in it has to leave it in the same task.
"""


class Watch:
    """
    Cancels the running task when its client leaves; `has_left` says that it did.

    Where the server's `receive` allows it, it is run up to where it waits, here and now, and goes on from a callback
    of what it waits for: most requests end before that ever comes. Elsewhere it runs in a task of its own.
    """

    __slots__ = ("_future", "_handle", "_is_over", "_loop", "_running", "_task", "_watcher", "has_left")

    def __init__(self, receive: _Receive, loop: asyncio.AbstractEventLoop) -> None:
        self.has_left = False
        self._is_over = False
        self._loop = loop
        self._task = cast("asyncio.Task[Any]", asyncio.current_task(loop))
        self._future: asyncio.Future[Any] | None = None
        self._handle: asyncio.Handle | None = None
        self._watcher: asyncio.Task[None] | None = None
        if not _is_stepped(receive):
            self._watcher = loop.create_task(self._attend(receive))
            return
        self._running = _departure(receive)
        if self._step():
            # It had left before we came; what it asked for begins all the same, as it would have with a task.
            self._handle = loop.call_soon(self._leave)

    def is_cause(self) -> bool:
        """Say whether a cancellation of the task is the client's doing alone; the task is then free of it."""
        return self.has_left and self._task.uncancel() == 0

    def end(self) -> "Coroutine[Any, Any, None] | None":
        """Stop watching; what this returns has to be awaited."""
        self._is_over = True
        if self._watcher is not None:
            return _ended(self._watcher)
        if self._future is not None:
            self._future.remove_done_callback(self._go_on)
            self._future.cancel()
        if self._handle is not None:
            self._handle.cancel()
        self._running.close()
        return None

    def _step(self) -> bool:
        """Let `receive` run until it waits; say whether the client has left."""
        try:
            future: Any = self._running.send(None)
        except StopIteration:
            return True
        if future is None:
            self._handle = self._loop.call_soon(self._go_on)
            return False
        # It is what a task does with what it is given to wait for.
        future._asyncio_future_blocking = False  # noqa: SLF001
        future.add_done_callback(self._go_on)
        self._future = future
        return False

    def _go_on(self, _: object = None) -> None:
        self._future = None
        if not self._is_over and self._step():
            self._leave()

    def _leave(self) -> None:
        self.has_left = True
        self._task.cancel()

    async def _attend(self, receive: _Receive) -> None:
        await _departure(receive)
        self._leave()


def _is_stepped(receive: _Receive) -> bool:
    # Whose method it is tells, and not its `__module__`, which whatever wraps it may have taken over.
    return type(getattr(receive, "__self__", None)).__module__ in _STEPPED


async def _departure(receive: _Receive) -> None:
    """Return when a client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ended(watcher: "asyncio.Task[None]") -> None:
    """Cancel a task of ours and wait for its end, without taking a cancellation of our own for the task's."""
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    before = task.cancelling()
    watcher.cancel()
    try:
        await watcher
    except asyncio.CancelledError:
        if task.cancelling() > before:
            raise
