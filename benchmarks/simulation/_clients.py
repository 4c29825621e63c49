"""Clients who come when they like, wait for as long as they like, and ask again when they get nothing."""

import asyncio
from dataclasses import dataclass
from random import Random

from benchmarks.simulation._contenders import Ask

__all__ = ["Crowd", "Visit", "visits"]

_OK = 200
_THINKING = 1.0  # seconds, on average, until somebody who got nothing asks again


@dataclass(frozen=True, slots=True)
class Crowd:
    """
    Who comes.

    `rate` visitors a second, each for themselves (a Poisson process), for `seconds`. Half of them give up within
    `patience` seconds (lognormal, of shape 0.4: nine of ten within 1.7 times as long). Who got nothing asks again up
    to `reloads` times.
    """

    rate: float
    seconds: float
    patience: float = 6.0
    reloads: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visitor saw: when they came, for how long they waited in all, how it ended, how often they asked."""

    at: float
    took: float
    outcome: str
    asked: int

    @property
    def is_happy(self) -> bool:
        """Say whether there was an answer in the end."""
        return self.outcome == "ok"


async def visits(crowd: Crowd, ask: Ask, random: Random) -> list[Visit]:
    """Let all of the crowd come and go; return their visits in the order of their coming."""
    loop = asyncio.get_running_loop()
    start, at = loop.time(), 0.0
    tasks: list[asyncio.Task[Visit]] = []
    while (at := at + random.expovariate(crowd.rate)) < crowd.seconds:
        # All chance is drawn here, so that every contender meets the same visitors.
        patiences = [random.lognormvariate(0.0, 0.4) * crowd.patience for _ in range(crowd.reloads + 1)]
        pauses = [random.expovariate(1 / _THINKING) for _ in range(crowd.reloads)]
        await asyncio.sleep(start + at - loop.time())
        tasks.append(loop.create_task(_visit(ask, at, patiences, pauses)))
    return await asyncio.gather(*tasks)


async def _visit(ask: Ask, at: float, patiences: list[float], pauses: list[float]) -> Visit:
    loop = asyncio.get_running_loop()
    start = loop.time()
    asked, outcome = 1, await _ask(ask, patiences[0])
    for pause, patience in zip(pauses, patiences[1:], strict=True):
        if outcome == "ok":
            break
        await asyncio.sleep(pause)
        asked, outcome = asked + 1, await _ask(ask, patience)
    return Visit(at, loop.time() - start, outcome, asked)


async def _ask(ask: Ask, patience: float) -> str:
    try:
        async with asyncio.timeout(patience):
            status = await ask()
    except TimeoutError:
        return "left"
    except Exception as error:  # noqa: BLE001 - whatever a contender raises is what its clients get
        return type(error).__name__
    return "ok" if status == _OK else str(status)
