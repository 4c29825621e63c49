"""One address of an upstream, as a queue before workers: what it does under load, when it is slow, and when it dies."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeAlias

__all__ = ["Phase", "Server", "Setup", "State"]

State: TypeAlias = Literal["up", "silent", "refusing", "failing"]

_ROUND_TRIP: Final = 0.001  # seconds
_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Phase:
    """
    A time of trouble, in seconds since the beginning.

    `speed` is what is left of the workers' speed. An address that is `"silent"` answers nothing, not even a connection
    attempt; one that is `"refusing"` has no process behind it; one that is `"failing"` answers 503 at once to the
    `share` of its requests.
    """

    begin: float
    end: float
    speed: float = 1.0
    state: State = "up"
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Setup:
    """
    What an address is like.

    `workers` serve one request each, in a time drawn from a lognormal distribution with median `service` and shape
    `spread`. `backlog` requests may wait. After a restart the caches are empty: the address begins at the speed
    `cold` and is warm once it has served `warm_after` requests. `is_attentive` says that it skips requests whose
    client has left while they waited; most servers find out only when they write the answer.
    """

    workers: int = 8
    service: float = 0.04
    spread: float = 0.5
    backlog: int = 2048
    phases: tuple[Phase, ...] = ()
    cold: float = 1.0
    warm_after: int = 1
    is_attentive: bool = False


class Server:
    """Serve what arrives in the order of its arrival; what `work` was done, and how much of it for nobody."""

    def __init__(self, setup: Setup, random: Random) -> None:
        self._setup = setup
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._queue: deque[asyncio.Future[int]] = deque()
        self._running: dict[asyncio.Future[int], asyncio.TimerHandle] = {}
        self._served = setup.warm_after
        self.arrivals: list[float] = []
        self.work = self.wasted = 0.0
        self.on_death: Callable[[], None] = lambda: None
        for phase in setup.phases:
            if phase.state in {"silent", "refusing"}:
                self._loop.call_at(self._start + phase.begin, self._die, phase.state)

    @property
    def state(self) -> State:
        """What the address is like now."""
        phase = self._phase()
        return phase.state if phase else "up"

    @property
    def is_accepting(self) -> bool:
        """Say whether a connection attempt is answered; the kernel drops it where the queue is full."""
        return self.state != "silent" and len(self._queue) < self._setup.backlog

    def count(self) -> None:
        """Note that somebody tries this address."""
        self.arrivals.append(self._now())

    def submit(self) -> asyncio.Future[int]:
        """Return what becomes the status; who cancels it has left."""
        answer: asyncio.Future[int] = self._loop.create_future()
        phase = self._phase()
        state = phase.state if phase else "up"
        if state == "refusing":
            answer.set_exception(ConnectionResetError())
        elif phase and state == "failing" and self._random.random() < phase.share:
            self._loop.call_later(_ROUND_TRIP, _settle, answer, _UNAVAILABLE)
        elif state != "silent":
            self._queue.append(answer)
            self._work_on()
        return answer

    def _phase(self) -> Phase | None:
        now = self._now()
        return next((phase for phase in self._setup.phases if phase.begin <= now < phase.end), None)

    def _work_on(self) -> None:
        while self._queue and len(self._running) < self._setup.workers:
            answer = self._queue.popleft()
            if answer.cancelled() and self._setup.is_attentive:
                continue
            work = self._random.lognormvariate(0.0, self._setup.spread) * self._setup.service / self._warmth()
            now = self._now()
            end = self._end(now, work)
            self._running[answer] = self._loop.call_at(self._start + end, self._finish, answer, end - now)

    def _finish(self, answer: asyncio.Future[int], work: float) -> None:
        del self._running[answer]
        self._served += 1
        self.work += work
        if answer.cancelled():
            self.wasted += work
        else:
            self._loop.call_later(_ROUND_TRIP, _settle, answer, 200)
        self._work_on()

    def _end(self, now: float, work: float) -> float:
        """Return when `work` that begins now is done, with the speeds of the phases that it falls into."""
        for phase in self._setup.phases:
            if now < phase.begin:
                if now + work <= phase.begin:
                    return now + work
                work -= phase.begin - now
                now = phase.begin
            if now < phase.end:
                if now + work <= now + (phase.end - now) * phase.speed:
                    return now + work / phase.speed
                work -= (phase.end - now) * phase.speed
                now = phase.end
        return now + work

    def _warmth(self) -> float:
        """Return the share of its speed that the address has since its last restart."""
        setup = self._setup
        return setup.cold + (1 - setup.cold) * min(self._served / setup.warm_after, 1.0)

    def _die(self, state: State) -> None:
        """Lose everything that waits or runs: the clients of a process are told, those of a host are not."""
        lost = [*self._running, *self._queue]
        for handle in self._running.values():
            handle.cancel()
        self._running.clear()
        self._queue.clear()
        self._served = 0 if state == "refusing" else self._served
        self.on_death()
        for answer in lost:
            if state == "refusing" and not answer.done():
                answer.set_exception(ConnectionResetError())

    def _now(self) -> float:
        return self._loop.time() - self._start


def _settle(answer: asyncio.Future[int], status: int) -> None:
    if not answer.done():
        answer.set_result(status)
