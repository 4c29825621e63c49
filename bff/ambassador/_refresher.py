"""Keep the addresses behind a name fresh, off the path of any request."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context as Variables
from dataclasses import dataclass
from typing import Final, Protocol

from bff.ambassador._core import Context
from bff.errors import UpstreamUnreachable

__all__ = ["Found", "Lookup", "NotResolved", "Refresher"]

_SHORTEST: Final = 1.0  # seconds between two lookups, whatever the answer says
_LONGEST: Final = 60.0  # Docker's DNS says ten minutes, and changes at once
_LONGEST_PAUSE: Final = 5.0  # after a failure
_JITTER: Final = 0.1  # of the time that an answer holds, so that many processes do not ask in step


class NotResolved(Exception):
    """There is no answer to be had, or an empty one."""


@dataclass(frozen=True, slots=True)
class Found:
    """The IP addresses behind a name, and for how many seconds that holds."""

    addresses: tuple[str, ...]
    ttl: float


class Lookup(Protocol):
    """Finds the IP addresses behind a name: a `Resolver`, or anything like it."""

    async def __call__(self, name: str, /) -> Found:
        """Return what was found; raises `NotResolved`."""
        ...


class Refresher:
    """
    Look a name up again and again as its answers run out, and pass on what was found, or why nothing was.

    One task does so from the first call on, on the loop that calls come from, until `aclose()`. Only calls that come
    before the first answer wait, all for the same one.
    """

    def __init__(
        self,
        name: str,
        lookup: Lookup,
        *,
        found: Callable[[Sequence[str]], None],
        failed: Callable[[str], None],
        random: Callable[[], float],
    ) -> None:
        self._name = name
        self._lookup = lookup
        self._found = found
        self._failed = failed
        self._random = random
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[str] | None = None
        self._has_answer = False

    def is_ready(self) -> bool:
        """Say whether there are addresses, which something keeps fresh on the running loop."""
        return self._has_answer and self._loop is asyncio.get_running_loop()

    async def ready(self, context: Context) -> None:
        """
        Begin to look up where nothing does, and wait for the first answer if there was none yet.

        Raises `UpstreamUnreachable`, also for the call whose time is up meanwhile: nothing was sent. A waiter that is
        cancelled takes nothing with it.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._first is None:
            self._loop, self._first = loop, loop.create_future()
            # In variables of its own: those of the request that happens to be first are not to live on.
            self._task = loop.create_task(self._run(self._first), context=Variables())
        if self._has_answer:
            return
        try:
            mistake = await asyncio.shield(self._first)
        except asyncio.CancelledError:
            limit = context.limit
            if limit is None or limit.is_callers or not limit.is_alone():
                raise
            mistake = f"{self._name} was not resolved in time"
        if not self._has_answer:
            unreachable = UpstreamUnreachable(
                f"no address: {mistake}", upstream=context.upstream, operation=context.operation
            )
            unreachable.sent = False
            raise unreachable

    async def aclose(self) -> None:
        """End the task."""
        loop, task = self._loop, self._task
        self._loop = self._task = self._first = None
        if task is None or loop is None or loop.is_closed():
            return
        if loop is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})
        else:
            loop.call_soon_threadsafe(task.cancel)

    async def _look_up(self) -> Found:
        found = await self._lookup(self._name)
        if not found.addresses:
            raise NotResolved(f"{self._name} has no address")
        return found

    async def _run(self, first: "asyncio.Future[str]") -> None:
        again = _SHORTEST
        try:
            while True:
                mistake = ""
                try:
                    found = await self._look_up()
                except Exception as error:  # noqa: BLE001 - a lookup may be a user's own
                    mistake = str(error) if isinstance(error, NotResolved) else f"{self._name}: {error!r}"
                    pause, again = again, min(again * 2, _LONGEST_PAUSE)
                    self._failed(mistake)
                else:
                    pause, again = min(max(found.ttl, _SHORTEST), _LONGEST), _SHORTEST
                    self._has_answer = True
                    self._found(found.addresses)
                if not first.done():
                    first.set_result(mistake)
                await asyncio.sleep(pause * (1 + _JITTER * self._random()))
        finally:
            if not first.done():
                first.set_result("it was closed meanwhile")
