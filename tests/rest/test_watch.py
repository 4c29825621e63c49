"""A client that leaves is noticed at once, whatever server there is, and watching for it leaves nothing behind."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial, wraps
from typing import Any

import pytest
import uvicorn
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from bff import BFF, ClientProfile, endpoint
from bff.events import Event, RequestFinished
from bff.rest._watch import Watch
from examples._processes import free_port
from tests.support.shop import Catalog, Wire, on

SERVERS = ("uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.http.h11_impl")
LOOPS = (asyncio.new_event_loop, uvloop.new_event_loop)

STAYED, LEFT = "stayed", "left"
REQUEST = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECT = {"type": "http.disconnect"}


def bound(receive: Any, module: str) -> Any:
    """Return it as the method of a class in some module."""
    cycle: Any = type("Cycle", (), {"receive": receive, "__module__": module})()
    return cycle.receive


class Fake:
    """What a server knows of one request: `receive` waits for what `say` says, as those of real ones do."""

    def __init__(self, module: str, *said: dict[str, Any]) -> None:
        self.said = [*said]
        self.news = asyncio.Event()
        self.calls = 0

        async def receive(_: object) -> dict[str, Any]:
            self.calls += 1
            while not self.said:
                self.news.clear()
                await self.news.wait()
            return self.said.pop(0)

        self.receive = bound(receive, module)

    def say(self, message: dict[str, Any]) -> None:
        self.said.append(message)
        self.news.set()


async def watched(receive: Any, work: Callable[[], Awaitable[object]]) -> str:
    """Do some work as a page does."""
    watch = Watch(receive, asyncio.get_running_loop())
    try:
        await work()
    except asyncio.CancelledError:
        if watch.is_cause():
            return LEFT
        raise
    finally:
        ending = watch.end()
        if ending is not None:
            await ending
    return STAYED


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main)

    return run


@pytest.fixture(params=[*SERVERS, "another"])
def module(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_who_stays_gets_an_answer(run: Any, module: str) -> None:
    async def main() -> str:
        return await watched(Fake(module, REQUEST).receive, lambda: turns(3))

    assert STAYED == run(main())


def test_who_leaves_is_noticed_within_a_few_turns_of_the_loop(run: Any, module: str) -> None:
    async def main() -> tuple[str, int]:
        server, lasted = Fake(module, REQUEST), 0

        async def work() -> None:
            nonlocal lasted
            await turns(3)
            server.say(DISCONNECT)
            while True:
                await asyncio.sleep(0)
                lasted += 1

        return await watched(server.receive, work), lasted

    said, lasted = run(main())
    assert LEFT == said
    assert lasted <= 4


def test_more_of_a_body_is_no_departure(run: Any, module: str) -> None:
    async def main() -> tuple[str, int]:
        server = Fake(module)

        async def work() -> None:
            for _ in range(3):
                server.say(REQUEST)
                await turns(4)

        return await watched(server.receive, work), server.calls

    assert (STAYED, 4) == run(main())


def test_what_a_client_asked_for_that_had_left_before_begins_all_the_same(run: Any, module: str) -> None:
    """It may be a write: whoever sends one and goes wants it done."""

    async def main() -> tuple[str, list[str]]:
        done: list[str] = []

        async def work() -> None:
            done.append("begun")
            await turns(5)
            done.append("ended")

        return await watched(Fake(module, DISCONNECT).receive, work), done

    assert (LEFT, ["begun"]) == run(main())


def test_a_cancellation_by_someone_else_is_none_by_the_client(run: Any, module: str) -> None:
    async def main() -> bool:
        task = asyncio.create_task(watched(Fake(module, REQUEST).receive, lambda: turns(100)))
        await turns(3)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main())


def test_who_leaves_while_someone_else_cancels_changes_nothing(run: Any, module: str) -> None:
    async def main() -> bool:
        server = Fake(module, REQUEST)
        task = asyncio.create_task(watched(server.receive, lambda: turns(100)))
        await turns(3)
        server.say(DISCONNECT)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main())


def test_who_leaves_when_all_is_done_cancels_nothing_any_more(run: Any, module: str) -> None:
    async def main() -> tuple[str, int]:
        server = Fake(module, REQUEST)

        async def work() -> None:
            await turns(3)
            server.say(DISCONNECT)

        said = await watched(server.receive, work)
        await turns(5)
        task = asyncio.current_task()
        assert task is not None
        return said, task.cancelling()

    assert (STAYED, 0) == run(main())


def test_a_receive_that_gives_way_without_waiting_is_followed(run: Any) -> None:
    async def main() -> tuple[str, int]:
        passed = 0

        async def receive(_: object) -> dict[str, Any]:
            nonlocal passed
            for _ in range(3):
                await asyncio.sleep(0)
                passed += 1
            return DISCONNECT

        return await watched(bound(receive, SERVERS[0]), lambda: turns(20)), passed

    assert (LEFT, 3) == run(main())


@pytest.mark.parametrize("module", SERVERS)
def test_no_task_is_made_where_the_server_needs_none(run: Any, module: str) -> None:
    async def main() -> int:
        counts: list[int] = []

        async def work() -> None:
            counts.append(len(asyncio.all_tasks()))
            await asyncio.sleep(0)

        await watched(Fake(module, REQUEST).receive, work)
        return counts[0]

    assert 1 == run(main())


def test_a_receive_that_has_to_stay_in_its_task_gets_one(run: Any) -> None:
    """A timeout within it would strike the page, were the two in the same task."""

    async def main() -> str:
        @wraps(Fake(SERVERS[0]).receive)
        async def receive() -> dict[str, Any]:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            return dict(await asyncio.get_running_loop().create_future())

        return await watched(receive, lambda: turns(10))

    assert STAYED == run(main())


def test_watching_leaves_nothing_behind(run: Any, module: str) -> None:
    async def main() -> tuple[int, int, int]:
        server = Fake(module)
        for number in range(200):
            server.say(REQUEST)
            if number % 3:
                await watched(server.receive, partial(turns, number % 4))
            else:
                task = asyncio.create_task(watched(server.receive, lambda: turns(50)))
                await turns(number % 5)
                task.cancel()
                await asyncio.wait([task])
                del task
        await turns(3)
        waiting = server.news._waiters
        gc.collect()
        return len(asyncio.all_tasks()), len(waiting), sum(isinstance(thing, Watch) for thing in gc.get_objects())

    assert (1, 0, 0) == run(main())


class Shop(ClientProfile):
    @endpoint.get("/name")
    def title(self) -> str:
        return Catalog.product(7).name


async def uvicorns(app: Any, http: Any, port: int) -> AsyncGenerator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off", http=http))
    running = asyncio.create_task(server._serve())
    yield
    server.should_exit = True
    await running


async def granians(app: Any, port: int) -> AsyncGenerator[None]:
    server = Server(app, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    running = asyncio.create_task(server.serve())
    yield
    server.stop()  # type: ignore[no-untyped-call]
    await running


@contextlib.asynccontextmanager
async def serving(app: Any, server: str) -> AsyncGenerator[int]:
    port = free_port(0)
    running = granians(app, port) if server == "granian" else uvicorns(app, server, port)
    await anext(running)
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0)
    yield port
    with contextlib.suppress(StopAsyncIteration):
        await anext(running)


@pytest.mark.parametrize("server", ["httptools", "h11", "granian"])
def test_behind_a_real_server_a_call_ends_when_the_client_leaves(run: Any, server: str) -> None:
    """The server's `receive` is run up to where it waits: there is no task for it."""

    async def main() -> tuple[list[str], list[str]]:
        wire, gone, called = Wire(), asyncio.Event(), asyncio.Event()
        tasks: list[str] = []

        class Stuck(Wire):
            async def handle_async_request(self, request: Any) -> Any:
                tasks.extend(str(task.get_coro()) for task in asyncio.all_tasks())
                called.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    wire.cancelled.append(request.url.host)
                    raise

        def seen(event: Event) -> None:
            if isinstance(event, RequestFinished):
                assert 499 == event.status
                gone.set()

        app = BFF(Shop, upstreams=on(Stuck(), Catalog), observers=[seen], drain=0.0)
        async with serving(app, server) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /name HTTP/1.1\r\nhost: test\r\n\r\n")
            await called.wait()
            writer.close()
            await gone.wait()
            del reader
        return tasks, wire.cancelled

    tasks, cancelled = run(asyncio.wait_for(main(), 20.0))
    assert ["catalog.test"] == cancelled
    assert tasks
    assert not any("Watch" in task for task in tasks)
