"""Where the calls of one test arrive: each is noted, and answered as the script says."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from bff.ambassador import Context, Request, Response
from bff.declare._operation import Operation
from bff.testing._reading import Reading
from bff.testing._script import Asked, NothingFaked, Script
from bff.testing._wire import StandingIn

__all__ = ["SeenRequest", "Stage", "UnfakedCall"]


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


class Stage:
    """A script, what was asked of it, and what it has no answer for, as messages by call."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[SeenRequest] = []
        self.unfaked: dict[str, str] = {}
        self._calls: dict[int, tuple[int, Context]] = {}

    def active(self) -> Callable[[], AbstractContextManager[None]]:
        """Return what has the calls of whatever runs in it arrive here, on connections of its own."""
        return StandingIn(self.respond).active

    def sent(self) -> dict[str, int]:
        """Return how many requests were sent by each operation that was called, by its full name."""
        return dict(Counter(seen.operation.full_name for seen in self.seen))

    def verify(self) -> None:
        """Raise `UnfakedCall` where something was called that is not faked."""
        if self.unfaked:
            raise UnfakedCall("\n".join(self.unfaked.values()))

    async def respond(self, reading: Reading, request: Request, context: Context, patience: float | None) -> Response:
        """Answer a request; raises what a wire does, and `UnfakedCall`."""
        operation, arguments = reading.operation, reading.read(request)
        if arguments is None:
            what = f"{request.method} {request.origin}{request.target}"
            raise self._refuse(f"{what} (sent by {context.upstream}'s `auth`)", "set `auth` to None in the test's app")
        self._note(operation, arguments.values, request, context)
        # As over a network: what begins in the same turn is on its way before the first answer is there.
        await asyncio.sleep(0)
        try:
            return await self.script.respond(Asked(reading, arguments, context, patience))
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
        assert isinstance(content, bytes)  # what a plan sends is there
        self.seen.append(
            SeenRequest(operation, arguments, method, target, headers, content, call=call, attempt=context.attempts)
        )

    def _refuse(self, call: str, mend: str, *, why: str = "") -> UnfakedCall:
        message = "\n    ".join(line for line in (f"{call} is not faked", why, f"Mend: {mend}") if line)
        self.unfaked[call] = message
        return UnfakedCall(message)
