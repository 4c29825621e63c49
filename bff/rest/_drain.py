"""Go on serving for a while after a polite request to stop, so that whoever routes to us can look elsewhere first."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeAlias

__all__ = ["Drain"]

_Handler: TypeAlias = Callable[[int, FrameType | None], object]


class Drain:
    """
    Delay a server's own answer to SIGTERM by `seconds`, during which `is_draining` says that we are on our way out.

    It takes the place of the handler that the server installed before it started the app, as uvicorn does. The
    first SIGTERM starts draining and hands the signal on afterwards, a second one hands it on at once; SIGINT stays
    the server's. Where there is no such handler to delay (another thread, a server that needs none) the server's
    own shutdown is when draining starts.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.is_draining = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: _Handler | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"Drain(seconds={self.seconds}, is_draining={self.is_draining})"

    def install(self) -> None:
        """Take over SIGTERM; call it on the running loop, when the app starts, which it may do again."""
        self.is_draining = False
        handler = signal.getsignal(signal.SIGTERM)
        if handler == self._on_signal:
            return  # the app is started twice at once, as tests do
        if threading.current_thread() is threading.main_thread() and callable(handler):
            self._loop = asyncio.get_running_loop()
            self._server = handler
            signal.signal(signal.SIGTERM, self._on_signal)

    def restore(self) -> None:
        """Give SIGTERM back; call it when the app shuts down, from when on it is draining in any case."""
        self.is_draining = True
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None and signal.getsignal(signal.SIGTERM) == self._on_signal:
            signal.signal(signal.SIGTERM, self._server)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        assert self._server is not None
        assert self._loop is not None
        if self.is_draining or self._loop.is_closed():
            self._server(number, frame)
            return
        self.is_draining = True
        # The loop may be asleep: a signal alone does not wake it.
        self._loop.call_soon_threadsafe(self._hand_on_later, self._loop, self._server, number)

    def _hand_on_later(self, loop: asyncio.AbstractEventLoop, server: _Handler, number: int) -> None:
        self._timer = loop.call_later(self.seconds, server, number, None)
