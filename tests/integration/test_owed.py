"""What a resilient client owes to whoever trusts it, on real sockets wherever sockets have a part in it."""

import asyncio
import itertools
import random
import threading
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any

import httpx
import pytest

from bff import (
    BFFError,
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    Retry,
    Timeout,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.ambassador import Ambassador, AmbassadorTransport, LeanWire, OnionStatistics
from tests.support.faults import PATIENCE, FaultServer, no_leaks
from tests.support.proxy import Fault, FaultProxy, seeded
from tests.support.scripted import FOR_EVER, Outcome, ScriptedWire, unreachable
from tests.support.virtual import run

PATIENT = Timeout(total=20.0, per_try=10.0, connect=10.0)
SLOTS, TURNS = 20, 40  # of the bulkhead, and of the loop: a few more than most calls need

Get = Callable[[str], Awaitable[int]]


class Caller:
    """One way to call an upstream, with what there is to see of its slots and connections."""

    def __init__(self, get: Get, statistics: Callable[[], OnionStatistics], wire: object) -> None:
        assert isinstance(wire, LeanWire)
        self.get = get
        self.statistics = statistics
        self._wire = wire

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use, and how many idle."""
        pool = self._wire._pool
        assert pool is not None
        idle = sum(channel.is_open for site in pool.sites.values() for channel in site.idle)
        return len(pool.channels) - idle, idle


@asynccontextmanager
async def by_ambassador(origin: str, **policies: Any) -> AsyncGenerator[Caller]:
    async with Ambassador(origin, **policies) as ambassador:

        async def get(path: str) -> int:
            return (await ambassador.get(path)).status

        yield Caller(get, ambassador.statistics, ambassador._wire)


@asynccontextmanager
async def by_transport(origin: str, **policies: Any) -> AsyncGenerator[Caller]:
    transport = AmbassadorTransport(**policies)
    async with httpx.AsyncClient(base_url=origin, transport=transport) as client:

        async def get(path: str) -> int:
            try:
                return (await client.get(path)).status_code
            except httpx.TransportError as error:
                raise error.__cause__ or error from None

        yield Caller(get, lambda: transport.statistics()[origin], transport._wire)


@asynccontextmanager
async def upstream(*faults: Fault, interval: float = 0.005) -> AsyncGenerator[tuple[FaultProxy, FaultServer]]:
    """Give a proxy before a server; nothing is left of either, nor of those who used them."""
    async with no_leaks(), FaultServer() as server, FaultProxy(server.port, faults, interval=interval) as proxy:
        yield proxy, server
        await proxy.until(lambda: proxy.open == proxy.upstream_open == 0)
        await server.until(lambda: server.open == 0)


async def ended(get: Get, path: str = "/ok") -> object:
    """Return the status that a call ends with, or the class of its error."""
    try:
        return await get(path)
    except BFFError as error:
        return type(error)


ONCE_IN_A_WHILE: dict[Fault, float] = {fault: 0.01 for fault in Fault if fault not in {Fault.NONE, Fault.SLOW_ACCEPT}}


@pytest.mark.parametrize("calling", [by_ambassador, by_transport])
def test_after_5000_random_cancellations_every_slot_is_free_and_every_connection_idle_or_closed(
    calling: Callable[..., Any],
) -> None:
    """They strike in the queue, while connecting, between the bytes; then twenty healthy calls pass at once."""

    async def main() -> None:
        chance = random.Random(4)
        policies = {"timeout": PATIENT, "bulkhead": Bulkhead(SLOTS, queue=SLOTS), "breaker": CircuitBreaker(1.0)}
        async with upstream() as (proxy, server), calling(proxy.origin, **policies) as caller:
            proxy.faults = seeded(4, ONCE_IN_A_WHILE)
            cancelled = 0
            while cancelled < 5000:
                targets = chance.choices(["/ok", "/chunked", "/half", "/hang"], [9, 3, 1, 1], k=2 * SLOTS)
                calls = [asyncio.ensure_future(ended(caller.get, target)) for target in targets]
                ends = chance.choices(range(TURNS), k=len(calls))
                for turn in range(TURNS):
                    await asyncio.sleep(0)
                    for call in itertools.compress(calls, (turn == end for end in ends)):
                        call.cancel()
                outcomes = await asyncio.gather(*calls, return_exceptions=True)
                cancelled += sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert (0, 0) == (caller.statistics().taken, caller.statistics().queued)
            async with asyncio.timeout(PATIENCE):
                # What the other side closed is noticed on a later turn of the loop: there is no event to wait for.
                while not proxy.open == server.open == caller.connections()[1] <= SLOTS:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert 0 == caller.connections()[0]

            proxy.faults = iter(())
            healthy = [asyncio.ensure_future(ended(caller.get)) for _ in range(SLOTS)]
            await proxy.until(lambda: caller.statistics().taken == SLOTS)
            assert [200] * SLOTS == await asyncio.gather(*healthy)
            assert (0, SLOTS) == caller.connections()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "state"), [(Fault.NONE, "closed"), (Fault.RESET, "open"), (Fault.BLACK_HOLE, "half-open")]
)
def test_fifty_callers_at_half_open_are_one_call_on_the_wire(
    fault: Fault, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its probe is answered, or fails, or is cancelled, in which case the next fifty are one call again."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        faults = [*[Fault.RESET] * 20, fault]
        async with upstream(*faults) as (proxy, _), Ambassador(proxy.origin, timeout=PATIENT, retry=None) as ambassador:

            async def get(path: str) -> int:
                return (await ambassador.get(path)).status

            assert {UpstreamUnreachable} == {await ended(get) for _ in range(20)}
            assert CircuitOpen is await ended(get)
            now = loop.time
            # Time leaps over the cooldown.
            monkeypatch.setattr(loop, "time", lambda: now() + 5.0)
            calls = [asyncio.ensure_future(ended(get)) for _ in range(50)]
            await proxy.until(lambda: proxy.drawn.total() == 21)
            if fault is Fault.BLACK_HOLE:
                calls[0].cancel()
            first, *others = await asyncio.gather(*calls, return_exceptions=True)
            assert {CircuitOpen} == set(others)
            assert isinstance(first, asyncio.CancelledError) or first == (
                200 if fault is Fault.NONE else UpstreamUnreachable
            )
            assert (21, state) == (proxy.drawn.total(), ambassador.statistics().state)
            again = Counter(await asyncio.gather(*(ended(get) for _ in range(50))))
            expected: dict[str, dict[object, int]] = {
                "closed": {200: 50},
                "open": {CircuitOpen: 50},
                "half-open": {200: 1, CircuitOpen: 49},
            }
            assert expected[state] == again

    asyncio.run(main())


@pytest.mark.parametrize("fault", [Fault.RESET_LATE, Fault.RESET_MIDWAY, Fault.CLOSE_AFTER_HEAD, Fault.CUT_CHUNKS])
@pytest.mark.parametrize(("method", "most"), [("PUT", 3), ("POST", 1)])
def test_a_generator_runs_once_and_its_body_is_sent_whole_or_not_at_all(fault: Fault, method: str, most: int) -> None:
    """The upstream gets each request and spoils the answer, so that another try is tempting."""
    started: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        started.append(1)
        for part in (b"one ", b"two ", b"three"):
            yield part
            await asyncio.sleep(0)

    async def main() -> None:
        async with upstream(fault, fault) as (proxy, server):
            transport = AmbassadorTransport(timeout=PATIENT, retry=Retry(3, wait=lambda _: 0.0))
            async with httpx.AsyncClient(base_url=proxy.origin, transport=transport) as client:
                with suppress(httpx.TransportError):
                    await client.request(method, "/ok", content=body())
            assert [1] == started
            assert 1 <= len(server.requests) <= most
            assert {b"one two three"} == {seen.body for seen in server.requests}

    asyncio.run(main())


@pytest.mark.parametrize("calling", [by_ambassador, by_transport])
@pytest.mark.parametrize("timeout", [Timeout(total=0.8, per_try=None), Timeout(total=0.8, per_try=0.3)])
def test_the_deadline_holds_though_there_is_always_another_byte(calling: Callable[..., Any], timeout: Timeout) -> None:
    async def main() -> None:
        async with upstream(interval=0.02) as (proxy, _), calling(proxy.origin, timeout=timeout) as caller:
            proxy.faults = itertools.repeat(Fault.DRIP)
            assert UpstreamTimeout is await ended(caller.get)
            assert proxy.dripped > proxy.drawn.total() >= 1
            await proxy.until(lambda: proxy.open == 0)
            assert (0, 0) == caller.connections()

    asyncio.run(main())


@pytest.mark.parametrize("callers", [1, 5, 50])
@pytest.mark.parametrize(
    ("outcome", "delay"), [(unreachable(), 0.01), (503, 0.01), (200, FOR_EVER)], ids=["unreachable", "503", "hanging"]
)
def test_retries_add_a_quarter_to_the_load_at_most_when_everything_fails(
    outcome: Outcome, delay: float, callers: int
) -> None:
    """Without a breaker, which would spare the upstream most of it."""

    async def main() -> None:
        wire = ScriptedWire([outcome], delay=delay)
        calls = 1000
        async with Ambassador("http://test", breaker=None, wire=wire) as ambassador:

            async def caller() -> set[object]:
                return {await ended(get) for _ in range(calls // callers)}

            async def get(path: str) -> int:
                return (await ambassador.get(path)).status

            outcomes = await asyncio.gather(*(caller() for _ in range(callers)))
            assert [outcomes[0]] * callers == outcomes
            assert 1 == len(outcomes[0])
        assert 1.15 < len(wire.sent) / calls <= 1.25

    run(main())


class Watched:
    """A lock of `threading` that tells when it is taken."""

    def __init__(self, lock: Any, taken: list[str]) -> None:
        self._lock = lock
        self._taken = taken

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        self._taken.append("threading")
        return bool(self._lock.acquire(*args, **kwargs))

    def release(self) -> None:
        self._lock.release()

    def locked(self) -> bool:
        return bool(self._lock.locked())

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list of what is taken of asyncio's locks and their kin, and of threading's that are made from now on."""
    names: list[str] = []

    def noted(kind: type, verb: str) -> None:
        plain = getattr(kind, verb)

        def watched(self: object, *args: Any) -> Any:
            names.append(kind.__name__)
            return plain(self, *args)

        monkeypatch.setattr(kind, verb, watched)

    noted(asyncio.Lock, "acquire")
    noted(asyncio.Semaphore, "acquire")
    noted(asyncio.Condition, "wait")
    noted(asyncio.Event, "wait")
    new_lock, new_reentrant = threading.Lock, threading.RLock
    monkeypatch.setattr(threading, "Lock", lambda: Watched(new_lock(), names))
    monkeypatch.setattr(threading, "RLock", lambda: Watched(new_reentrant(), names))
    return names


@asynccontextmanager
async def by_transport_alone(origin: str, **policies: Any) -> AsyncGenerator[Caller]:
    """Call without httpx's client, which takes a lock for the cookies of each request."""
    async with AmbassadorTransport(**policies) as transport:

        async def get(path: str) -> int:
            response = await transport.handle_async_request(httpx.Request("GET", origin + path))
            await response.aread()
            return response.status_code

        yield Caller(get, lambda: transport.statistics()[origin], transport._wire)


@pytest.mark.parametrize("calling", [by_ambassador, by_transport_alone])
def test_a_call_that_succeeds_creates_no_task_and_takes_no_lock(calling: Callable[..., Any], taken: list[str]) -> None:
    tasks: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **kwargs: Any) -> asyncio.Task[Any]:
        tasks.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **kwargs)

    async def main() -> None:
        async with FaultServer() as server, calling(server.origin, timeout=PATIENT) as caller:
            asyncio.get_running_loop().set_task_factory(factory)
            # The first call makes the connection, for which there are tasks, and the server has one for its side.
            assert 200 == await caller.get("/ok")
            assert [] != tasks
            tasks.clear()
            taken.clear()
            assert [200] * 10 == [await caller.get("/ok") for _ in range(10)]
            assert ([], [], 1) == (tasks, taken, server.accepts)
            lock, reentrant = threading.Lock(), threading.RLock()
            async with asyncio.Lock():
                with lock, reentrant:
                    assert ["Lock", "threading", "threading"] == taken

    asyncio.run(main())
