"""`Fakes`: say what upstreams answer, and ask the real app."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bff.ambassador import Context, Request, Response
from bff.declare._operation import Operation
from bff.testing._client import asking, living
from bff.testing._made_up import make_up
from bff.testing._reading import Reading
from bff.testing._rules import Fault, Rule, faked_operation
from bff.testing._script import Asked, NothingFaked, Script
from bff.testing._wire import StandingIn

if TYPE_CHECKING:
    import httpx
    from starlette.applications import Starlette

__all__ = ["Fakes", "SeenRequest", "UnfakedCall"]

R = TypeVar("R")


class UnfakedCall(AssertionError):
    """An upstream was called, and the test does not say what it answers."""


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """
    A request that an upstream got.

    `arguments` are as the operation declares them, `headers` by their names in lower case; `call` numbers the calls of
    all operations, `attempt` the tries of one call, both from 1.
    """

    operation: Operation[..., Any]
    arguments: Mapping[str, Any]
    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes
    call: int
    attempt: int


class Fakes:
    """
    What the upstreams of an app answer in a test.

    Deadlines, retries, breakers, slots and decoding are the app's own, and anew for each client; only the wire is
    not there. Nothing else that uses the app at the same time notices anything.
    """

    def __init__(self) -> None:
        self._script = Script()
        self._seen: list[SeenRequest] = []
        self._calls: dict[int, tuple[int, Context]] = {}
        self._unfaked: dict[str, str] = {}

    def on(self, operation: Callable[..., R], /, **arguments: object) -> Rule[R]:
        """
        Say which calls it is about: all of an operation, or those with certain arguments.

        Where several rules are about a call, the one with more arguments counts, and of those the last. A batch that
        has no rule of its own is answered by those of the operation that it stands in for.
        """
        found = faked_operation(operation, arguments)
        return Rule[R](found, arguments, self._script.of(found))

    def calls(self, operation: Callable[..., Any]) -> int:
        """Return how many calls of an operation were sent, however often each was tried; a batch is one of its own."""
        return len({seen.call for seen in self.requests(operation)})

    def attempts(self, operation: Callable[..., Any]) -> int:
        """Return how many requests an operation made, retries included."""
        return len(self.requests(operation))

    def requests(self, operation: Callable[..., Any]) -> tuple[SeenRequest, ...]:
        """Return the requests that an operation made, in order."""
        found = faked_operation(operation, {})
        return tuple(seen for seen in self._seen if seen.operation is found)

    @property
    def unfaked(self) -> tuple[str, ...]:
        """The calls that nothing is said of, as `Catalog.product(product_id=7)`."""
        return tuple(self._unfaked)

    def verify(self) -> None:
        """Raise `UnfakedCall` where something was called that is not faked."""
        if self._unfaked:
            raise UnfakedCall("\n".join(self._unfaked.values()))

    @asynccontextmanager
    async def client(
        self, app: "Starlette", *, base_url: str = "http://test", headers: Mapping[str, str] | None = None
    ) -> "AsyncGenerator[httpx.AsyncClient]":
        """
        Return a client of the app, which starts and stops with it: a `BFF`, or an app that a profile is part of.

        Raises `UnfakedCall` in the end, and already for the request, where something was called that is not faked.
        """
        stand_in = StandingIn(self._respond)
        async with (
            living(app, stand_in.active) as state,
            asking(app, stand_in.active, state=state, base_url=base_url, headers=headers) as client,
        ):
            yield client
        self.verify()

    @contextmanager
    def active(self) -> Generator[None]:
        """Let these fakes answer upstreams that a test uses without an app: `async with Catalog() as catalog`."""
        with StandingIn(self._respond).active():
            yield
        self.verify()

    def failing(self, faults: Mapping[str, Fault]) -> "Fakes":
        """Return fakes that answer as these do from the beginning, but for what fails; the rest is made up."""
        fakes = Fakes()
        fakes._script = self._script.again(faults, make_up)
        return fakes

    def running_client(
        self, app: "Starlette", state: Mapping[str, Any], headers: Mapping[str, str]
    ) -> "httpx.AsyncClient":
        """Return a client of an app that is running already, which answers a bug in it as a server would."""
        active = StandingIn(self._respond).active
        return asking(app, active, state=state, headers=headers, raise_app_exceptions=False)

    def sent(self) -> dict[str, int]:
        """Return how many requests were sent by each operation that was called, by its full name."""
        return dict(Counter(seen.operation.full_name for seen in self._seen))

    async def _respond(self, reading: Reading, request: Request, context: Context, patience: float | None) -> Response:
        operation, arguments = reading.operation, reading.read(request)
        if arguments is None:
            what = f"{request.method} {request.origin}{request.target}"
            raise self._refuse(
                f"{what} (sent by {context.upstream}'s `auth`)", "set `auth` to None in the test's app"
            )
        self._note(operation, arguments.values, request, context)
        try:
            return await self._script.respond(Asked(reading, arguments, context, patience))
        except NothingFaked as nothing:
            given = ", ".join(f"{name}={value!r}" for name, value in arguments.values.items())
            mend = f"say what it answers: fakes.on({operation.full_name}).returns(...)"
            raise self._refuse(f"{operation.full_name}({given})", mend, why=str(nothing)) from None

    def _note(
        self, operation: Operation[..., Any], arguments: Mapping[str, Any], request: Request, context: Context
    ) -> None:
        # The context is kept, so that its identity stays its own.
        call, _ = self._calls.setdefault(id(context), (len(self._calls) + 1, context))
        headers = {name.lower(): value for name, value in request.headers}
        method, target, content = request.method, request.target, request.content
        self._seen.append(
            SeenRequest(operation, arguments, method, target, headers, content, call=call, attempt=context.attempts)
        )

    def _refuse(self, call: str, mend: str, *, why: str = "") -> UnfakedCall:
        message = "\n    ".join(line for line in (f"{call} is not faked", why, f"Mend: {mend}") if line)
        self._unfaked[call] = message
        return UnfakedCall(message)
