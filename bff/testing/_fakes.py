"""`Fakes`: say what upstreams answer, and ask the real app."""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bff.testing._client import asking, living
from bff.testing._rules import Rule, faked_operation
from bff.testing._script import Script
from bff.testing._stage import SeenRequest, Stage

if TYPE_CHECKING:
    import httpx
    from starlette.applications import Starlette

__all__ = ["Fakes", "script_of"]

R = TypeVar("R")


class Fakes:
    """
    What the upstreams of an app answer in a test.

    Deadlines, retries, breakers, slots and decoding are the app's own, and anew for each client; only the wire is
    not there. Nothing else that uses the app at the same time notices anything.
    """

    def __init__(self) -> None:
        self._stage = Stage(Script())

    def on(self, operation: Callable[..., R], /, **arguments: object) -> Rule[R]:
        """
        Say which calls it is about: all of an operation, or those with certain arguments.

        Where several rules are about a call, the one with more arguments counts, and of those the last. A batch that
        has no rule of its own is answered by those of the operation that it stands in for.
        """
        found = faked_operation(operation, arguments)
        return Rule[R](found, arguments, self._stage.script.of(found))

    def calls(self, operation: Callable[..., Any]) -> int:
        """
        Return how many calls of an operation were sent, however often each was tried; a batch is one of its own.

        Of equal reads that an app makes at the same time one is sent, where they take time (`after`); with the
        upstream's `coalescing` off, each is.
        """
        return len({seen.call for seen in self.requests(operation)})

    def attempts(self, operation: Callable[..., Any]) -> int:
        """Return how many requests an operation made, retries included."""
        return len(self.requests(operation))

    def requests(self, operation: Callable[..., Any]) -> tuple[SeenRequest, ...]:
        """Return the requests that an operation made, in order."""
        found = faked_operation(operation, {})
        return tuple(seen for seen in self._stage.seen if seen.operation is found)

    @property
    def unfaked(self) -> tuple[str, ...]:
        """The calls that nothing is said of, as `Catalog.product(product_id=7)`."""
        return tuple(self._stage.unfaked)

    def verify(self) -> None:
        """Raise `UnfakedCall` where something was called that is not faked."""
        self._stage.verify()

    @asynccontextmanager
    async def client(
        self, app: "Starlette", *, base_url: str = "http://test", headers: Mapping[str, str] | None = None
    ) -> "AsyncGenerator[httpx.AsyncClient]":
        """
        Return a client of the app, which starts and stops with it: a `BFF`, or an app that a profile is part of.

        Raises `UnfakedCall` in the end, and already for the request, where something was called that is not faked.
        """
        active = self._stage.active()
        async with (
            living(app, active) as state,
            asking(app, active, state=state, base_url=base_url, headers=headers) as client,
        ):
            yield client
        self.verify()

    @contextmanager
    def active(self) -> Generator[None]:
        """Let these fakes answer upstreams that a test uses without an app: `async with Catalog() as catalog`."""
        with self._stage.active()():
            yield
        self.verify()


def script_of(fakes: Fakes) -> Script:
    """Return what fakes say."""
    return fakes._stage.script  # noqa: SLF001 - the class is ours, and users are not to see it
