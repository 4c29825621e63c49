"""A wire that plays a script: what each try gives, and after how long in virtual time."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from bff.ambassador import Context, Request, Response
from bff.errors import UpstreamUnreachable

__all__ = ["Outcome", "ScriptedWire", "answered", "unreachable"]

Outcome: TypeAlias = "int | Response | BaseException"

FOR_EVER = 1e9


class ScriptedWire:
    """
    Give one outcome after the other, the last one again and again; each takes `delay` seconds.

    `sent` says when each try started, `running` and `most` how many are under way and were at once.
    """

    def __init__(self, outcomes: Iterable[Outcome] = (200,), *, delay: float = 0.0) -> None:
        self.outcomes: Sequence[Outcome] = list(outcomes)
        self.delay = delay
        self.sent: list[float] = []
        self.requests: list[Request] = []
        self.running = self.most = self.cancelled = 0

    async def send(self, request: Request, context: Context, /) -> Response:
        self.sent.append(asyncio.get_running_loop().time())
        self.requests.append(request)
        outcome, self.outcomes = self.outcomes[0], self.outcomes[1:] or self.outcomes
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        return answered(outcome) if isinstance(outcome, int) else outcome

    async def aclose(self) -> None:
        """Have nothing to close."""

    def gaps(self) -> list[float]:
        """Return the seconds between one try and the next."""
        return [round(after - before, 6) for before, after in zip(self.sent, self.sent[1:], strict=False)]


def answered(status: int, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def unreachable(*, sent: bool = True) -> UpstreamUnreachable:
    error = UpstreamUnreachable("it broke", upstream="test")
    error.sent = sent
    return error
