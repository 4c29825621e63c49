"""Call upstreams hundreds of thousands of times, with random faults and cancellations, and see that nothing is left."""

import argparse
import asyncio
import gc
import itertools
import random
import resource
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bff import (
    BFFError,
    Bulkhead,
    CircuitBreaker,
    Coalescing,
    FaultInjection,
    Hedging,
    LoadBalancing,
    OutlierDetection,
    RateLimit,
    RejectedError,
    Retry,
    Timeout,
)
from bff.ambassador import Ambassador
from bff.events import Event, Observer
from tests.support.far_side import FarSide, body_of

OK: Final = 200
TARGETS: Final = 1000
CANCELLED, RETIMED, WRITTEN, HEAD = 0.05, 0.02, 0.1, 0.03  # shares of the calls
PATIENCE: Final = 20.0  # seconds; what closes takes milliseconds
HEALTHY: Final = 20  # calls at once, at the end
PARTS: Final = 20  # of all calls; progress is told after each
WARM: Final = 4  # parts after which memory should not grow any more
BLOCKS: Final = 50  # of memory, for each connection that may idle; they come and go
MEGABYTES: Final = 5.0  # that the allocator may keep


@dataclass(frozen=True)
class Soak:
    """How long, how hard, and what chance begins with; `is_traced` finds out where memory goes, at half the speed."""

    calls: int
    seed: int = 1
    concurrency: int = 48
    is_traced: bool = False


@dataclass(frozen=True)
class Resources:
    """What the process holds: `blocks` are Python's allocations, `memory` is the resident set in MB."""

    tasks: int
    files: int
    timers: int
    blocks: int
    memory: float


@dataclass(frozen=True)
class Row:
    """One thing that must be as before, or no more than so much beyond it."""

    what: str
    before: float
    after: float
    allowed: float = 0

    @property
    def is_fine(self) -> bool:
        return self.after - self.before <= self.allowed


@dataclass
class Report:
    """How the calls ended, and what was left of them."""

    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    events: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    rows: list[Row] = field(default_factory=list[Row])
    grown: Sequence[tracemalloc.StatisticDiff] = ()

    def problems(self) -> list[Row]:
        """Return what is not as it should be."""
        return [row for row in self.rows if not row.is_fine]


def ambassadors(origins: Sequence[str], concurrency: int, observer: Observer) -> list[Ambassador]:
    """Return who calls, with every policy on and little patience: one for each address, and one for all of them."""
    policies: dict[str, Any] = {
        "observers": [observer],
        "timeout": Timeout(total=1.0, per_try=0.3, connect=0.3),
        "retry": Retry(attempts=3, wait=lambda _: 0.001),
        "breaker": CircuitBreaker(0.4, min_calls=20, window=0.25, cooldown=0.02, max_cooldown=0.1),
        # So tight that some calls queue.
        "bulkhead": Bulkhead(max(concurrency // (len(origins) + 1), 1), queue=concurrency),
        "coalescing": Coalescing(),
        "hedging": Hedging("p95"),
        "rate_limit": RateLimit(10_000, 100),
        "fault": FaultInjection(0.001, delay_rate=0.01, status=503, abort_rate=0.01),
        "outliers": OutlierDetection(ejection=0.05, max_ejection=0.5, interval=0.5),
    }
    alone = [Ambassador(origin, **policies) for origin in origins]
    return [*alone, Ambassador(origins, name="all", balancing=LoadBalancing("peak_ewma"), **policies)]


class Callers:
    """Make calls, many at a time, and tally how they end."""

    def __init__(self, ambassadors: Sequence[Ambassador], *, seed: int, report: Report) -> None:
        self._ambassadors = ambassadors
        self._chance = random.Random(seed)
        self._outcomes = report.outcomes

    async def make(self, numbers: Iterator[int], concurrency: int) -> None:
        """Make one call for each number."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(self._work(numbers))

    async def _work(self, numbers: Iterator[int]) -> None:
        chance = self._chance
        for number in numbers:
            ambassador = chance.choice(self._ambassadors)
            if chance.random() > CANCELLED:
                await self._tally(ambassador, number)
                continue
            call = asyncio.ensure_future(self._tally(ambassador, number))
            timer = asyncio.get_running_loop().call_later(chance.random() / 100, call.cancel)
            try:
                await call
            except asyncio.CancelledError:
                self._outcomes["cancelled"] += 1
            timer.cancel()

    async def _tally(self, ambassador: Ambassador, number: int) -> None:
        try:
            outcome = await self._call(ambassador, number)
        except RejectedError as error:
            # As a good client does: without a pause those refused would be most of the calls.
            await asyncio.sleep(min(error.retry_after or 0.0, 0.02))
            outcome = type(error).__name__
        except BFFError as error:
            outcome = type(error).__name__
        self._outcomes[outcome] += 1

    async def _call(self, ambassador: Ambassador, number: int) -> str:
        # A few are asked for so often that equal calls are under way at once.
        target = f"/{1 + int(TARGETS * self._chance.random() ** 3)}"
        chance = self._chance.random()
        options: dict[str, Any] = {"timeout": 0.5} if chance < RETIMED else {}
        expected = body_of(target)
        method = "GET"
        if chance > 1 - WRITTEN:
            # A write may be repeated only where it has a key.
            has_key = number % 2 == 0
            method, expected = "POST", b"%b %d" % (b"again" if has_key else b"once", number)
            options |= {"content": expected, "headers": {"idempotency-key": str(number)} if has_key else {}}
        elif chance > 1 - WRITTEN - HEAD:
            method, expected = "HEAD", b""
        response = await ambassador.request(method, target, **options)
        # One of the faults gives half of an answer as if it were whole, but none gives another's.
        if response.status == OK and response.content not in {expected, expected[: len(expected) // 2]}:
            return "wrong"
        return str(response.status)


async def soak(plan: Soak, console: Console) -> Report:
    """Make the calls of `plan`, and report."""
    report = Report()
    lost: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(str(context)))

    def observe(event: Event) -> None:
        report.events[type(event).__name__] += 1

    with FarSide(plan.seed) as far:
        before = resources()
        started = time.monotonic()
        async with AsyncExitStack() as stack:
            everyone = ambassadors(far.origins, plan.concurrency, observe)
            for ambassador in everyone:
                await stack.enter_async_context(ambassador)
            await _run(plan, Callers(everyone, seed=plan.seed, report=report), report, console)
            for ambassador in everyone:
                statistics = ambassador.statistics()
                report.rows.append(Row(f"slots taken, {ambassador.name}", 0, statistics.taken or 0))
                report.rows.append(Row(f"calls queued, {ambassador.name}", 0, statistics.queued or 0))
            far.calm()
            for ambassador in everyone:
                report.rows.append(Row(f"healthy calls failed, {ambassador.name}", 0, await _failed(ambassador)))
        await _until(lambda: resources().files == before.files and far.counts().connections == 0)
        # Alarms of one duration share a timer, which goes once it has found nobody waiting. Waiting for that takes one.
        await _until(lambda: resources().timers == before.timers + 1)
        after, counts = resources(), far.counts()
        report.seconds = time.monotonic() - started
    report.faults = Counter(counts.faults)
    report.rows += [
        Row("calls without an outcome", 0, abs(plan.calls - report.outcomes.total())),
        Row("answers of another call", 0, report.outcomes["wrong"]),
        Row("writes that came twice", 0, counts.repeated),
        Row("errors nobody waited for", 0, len(lost)),
        Row("errors of the far side", 0, counts.errors),
        Row("tasks", before.tasks, after.tasks),
        Row("file descriptors", before.files, after.files),
        Row("timers", before.timers, after.timers),
        Row("connections at the upstreams", 0, counts.connections),
        Row("connections at the proxies", 0, counts.clients),
    ]
    return report


async def _run(plan: Soak, callers: Callers, report: Report, console: Console) -> None:
    """Make all calls, and report whether memory stayed what it was once the first of them were made."""
    numbers = iter(range(plan.calls))
    started = time.monotonic()
    warm, snapshot = resources(), None
    for part in range(1, PARTS + 1):
        await callers.make(itertools.islice(numbers, -(-plan.calls // PARTS)), plan.concurrency)
        if part == WARM:
            warm = resources()
            if plan.is_traced:
                tracemalloc.start(10)
                snapshot = tracemalloc.take_snapshot()
        made, seconds = report.outcomes.total(), time.monotonic() - started
        console.print(f"{made:>9,} calls, {seconds:6.1f} s, {made / seconds:6,.0f} a second")
    hot = resources()
    if snapshot is not None:
        report.grown = tracemalloc.take_snapshot().compare_to(snapshot, "traceback")
        tracemalloc.stop()
    report.rows += [
        Row("memory blocks after warm-up", warm.blocks, hot.blocks, BLOCKS * plan.concurrency),
        Row("resident MB after warm-up", warm.memory, hot.memory, MEGABYTES),
    ]


async def _failed(ambassador: Ambassador) -> int:
    """Return how many of the calls fail that are made at once when all is well again."""

    async def is_fine() -> bool:
        with suppress(BFFError):
            return (await ambassador.get("/1", timeout=PATIENCE)).content == body_of("/1")
        return False

    async with asyncio.timeout(PATIENCE):
        while not await is_fine():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # until its breaker closes
    return HEALTHY - sum(await asyncio.gather(*(is_fine() for _ in range(HEALTHY))))


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for what is on its way, but not for ever: the report says what is missing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what it asks is another process, or the kernel
                await asyncio.sleep(0.01)


def resources() -> Resources:
    """Return what this process holds now."""
    gc.collect()
    timers: list[asyncio.TimerHandle] = vars(asyncio.get_running_loop())["_scheduled"]
    return Resources(
        tasks=len(asyncio.all_tasks()),
        files=len(list(Path("/proc/self/fd").iterdir())),
        timers=sum(not timer.cancelled() for timer in timers),
        blocks=sys.getallocatedblocks(),
        memory=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6,
    )


def show(report: Report, console: Console) -> None:
    """Print what came of it."""
    made = report.outcomes.total()
    console.print(f"\n{made:,} calls in {report.seconds:.0f} s, {made / report.seconds:,.0f} a second")
    for title, counts in (("Outcomes", report.outcomes), ("Faults", report.faults), ("Events", report.events)):
        console.print(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common()))
    table = Table("what", "before", "after", "")
    for row in report.rows:
        table.add_row(
            row.what, f"{row.before:,.10g}", f"{row.after:,.10g}", "" if row.is_fine else "[red]not as before"
        )
    console.print(table)
    for grown in report.grown[:15]:
        console.print(str(grown), *grown.traceback.format()[-6:], sep="\n", markup=False)


def main() -> int:
    """Run from the command line; return 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=48)
    parser.add_argument(
        "--trace", dest="is_traced", action="store_true", help="say where memory goes, at half the speed"
    )
    console = Console()
    report = asyncio.run(soak(Soak(**vars(parser.parse_args())), console))
    show(report, console)
    return 1 if report.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
