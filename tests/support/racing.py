"""A wire whose tries take turns in a plan: what each gives, after how long, and how long it takes to die."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bff.ambassador import Context, Request, Response
from tests.support.scripted import Outcome, answered

__all__ = ["Plan", "PlannedWire", "after_turns"]


@dataclass(frozen=True)
class Plan:
    """What one try gives after `seconds`; cancelled, it needs `dying` seconds to end."""

    seconds: float
    outcome: Outcome = 200
    dying: float = 0.0


class PlannedWire:
    """Play one plan for each try, the last one again and again; `sent` says when each began."""

    def __init__(self, *plans: Plan) -> None:
        self.plans: Sequence[Plan] = plans
        self.sent: list[float] = []
        self.requests: list[Request] = []
        self.running = self.cancelled = 0

    async def send(self, request: Request, context: Context, /) -> Response:
        plan = self.plans[min(len(self.sent), len(self.plans) - 1)]
        self.sent.append(asyncio.get_running_loop().time())
        self.requests.append(request)
        self.running += 1
        try:
            await asyncio.sleep(plan.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            await asyncio.sleep(plan.dying)
            raise
        finally:
            self.running -= 1
        if isinstance(plan.outcome, BaseException):
            raise plan.outcome
        return answered(plan.outcome) if isinstance(plan.outcome, int) else plan.outcome

    def headers(self, name: str) -> list[str]:
        """Return what a header said in each try."""
        return [value for request in self.requests for key, value in request.headers if key == name]


def after_turns(seconds: float, turns: int, act: Callable[[], object]) -> None:
    """Act after some seconds and as many turns of the loop more: between things that happen in one moment."""
    loop = asyncio.get_running_loop()

    def turn(left: int) -> None:
        if left:
            loop.call_soon(turn, left - 1)
        else:
            act()

    loop.call_later(seconds, turn, turns)
