"""Whatever an upstream does on a real socket, a client gets the documented answer in time, and nothing is left over."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

import pytest
import uvicorn
from pydantic import BaseModel

from bff import BFF, ClientProfile, Retry, Shape, Timeout, Upstream, call, endpoint, optional
from tests.support.faults import ANSWERS, PATIENCE, FaultServer, no_leaks, refusing_port, unaccepting_port
from tests.support.shop import Reply, get


class Status(BaseModel):
    ok: bool


class Faulty(Upstream):
    """One operation that does whatever its argument says."""

    timeout = Timeout(total=20.0, per_try=10.0)
    retry = Retry(attempts=2)
    breaker = None

    @call.get("/{fault}")
    def do(self, fault: str) -> Status: ...


class Answer(Shape):
    ok: bool | None


class Client(ClientProfile):
    deadline = 30.0
    expose = True

    @endpoint.get("/required/{fault}")
    def required(self, fault: str) -> Answer:
        return Answer.of(Faulty.do(fault))

    @endpoint.get("/optional/{fault}")
    def optional(self, fault: str) -> Answer:
        return Answer(ok=optional(Faulty.do(fault).ok))


TIMEOUT, BROKEN, CONTRACT, STATUS = (504, "timeout"), (502, "unreachable"), (502, "contract"), (502, "status")
OUTCOMES = {
    "hang": TIMEOUT,
    "half": TIMEOUT,
    "drip": TIMEOUT,
    "reset": BROKEN,
    "reset-half": BROKEN,
    "short": BROKEN,
    "cut-chunk": BROKEN,
    "nothing": BROKEN,
    "head-only": BROKEN,
    "500": STATUS,
    "503": STATUS,
    "redirect": STATUS,
    "304": STATUS,
    "204": CONTRACT,
    "garbage": CONTRACT,
    "bad-chunk": CONTRACT,
    "upgrade": CONTRACT,
    "bad-gzip": CONTRACT,
    "cut-gzip": CONTRACT,
    "bomb": CONTRACT,
    "brotli": CONTRACT,
    "20mb": CONTRACT,
    "endless": CONTRACT,
    "huge-header": CONTRACT,
    "many-headers": CONTRACT,
    "cookie": CONTRACT,
    "echo": CONTRACT,
    "ok": (200, ""),
    "chunked": (200, ""),
    "gzip": (200, ""),
    "two-gzips": (200, ""),
    "early": (200, ""),
    "until-close": (200, ""),
    "stale": (200, ""),
    "unasked": (200, ""),
    "long": CONTRACT,
}
ELSEWHERE = {"head"}  # an answer to another method


def test_every_fault_has_an_outcome() -> None:
    assert ANSWERS.keys() - ELSEWHERE <= OUTCOMES.keys()


@contextlib.asynccontextmanager
async def serving(base_url: str, expected: tuple[int, str] = (200, "")) -> AsyncGenerator[BFF]:
    """Serve with little patience where a timeout is expected, else with so much that a busy machine is no fault."""
    settings: dict[str, object] = {"base_url": base_url}
    if expected == TIMEOUT:
        settings["timeout"] = Timeout(total=0.6, per_try=0.3, connect=0.2)
    app = BFF(Client, upstreams={Faulty: settings}, observers=())
    async with app.router.lifespan_context(app):
        yield app


def outcome(reply: Reply | None) -> tuple[int, str]:
    assert reply is not None
    assert reply.after < PATIENCE
    return reply.status, reply.json()["cause"] if reply.status >= 400 else ""


@pytest.mark.parametrize(("fault", "expected"), OUTCOMES.items(), ids=OUTCOMES)
def test_a_required_call_that_fails_has_its_problem(fault: str, expected: tuple[int, str]) -> None:
    async def main() -> None:
        async with FaultServer() as upstream, no_leaks(), serving(upstream.origin, expected) as app:
            assert expected == outcome(await get(app, f"/required/{fault}"))
            await app.upstreams[Faulty].aclose()
            await upstream.until(lambda: upstream.open == 0)

    asyncio.run(main())


@pytest.mark.parametrize(("fault", "expected"), OUTCOMES.items(), ids=OUTCOMES)
def test_an_optional_call_that_fails_takes_its_default(fault: str, expected: tuple[int, str]) -> None:
    async def main() -> None:
        async with FaultServer() as upstream, no_leaks(), serving(upstream.origin, expected) as app:
            reply = await get(app, f"/optional/{fault}")
            assert (200, "") == outcome(reply)
            assert reply is not None
            partial = f"ok;cause={expected[1]}" if expected[1] else None
            assert (partial, None if partial else True) == (reply.headers.get("bff-partial"), reply.json()["ok"])
            await app.upstreams[Faulty].aclose()
            await upstream.until(lambda: upstream.open == 0)

    asyncio.run(main())


@pytest.mark.parametrize(("taken", "expected"), [(refusing_port, BROKEN), (unaccepting_port, TIMEOUT)])
def test_an_upstream_that_cannot_be_reached(
    taken: Callable[[], contextlib.AbstractContextManager[int]], expected: tuple[int, str]
) -> None:
    async def main() -> None:
        with taken() as port:
            async with no_leaks(), serving(f"http://127.0.0.1:{port}", expected) as app:
                assert expected == outcome(await get(app, "/required/ok"))

    asyncio.run(main())


def test_a_client_that_goes_away_closes_the_upstream_connection() -> None:
    """Over two real sockets: ours closes its connection, and the one to the upstream is closed too."""

    async def main() -> None:
        async with FaultServer() as upstream, no_leaks(), serving(upstream.origin) as app:
            server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
            serve = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0)
            port = server.servers[0].sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /required/half HTTP/1.1\r\nhost: x\r\n\r\n")
            await upstream.until(lambda: upstream.open == 1 and len(upstream.requests) == 1)
            writer.transport.abort()
            await upstream.until(lambda: upstream.open == 0)
            server.should_exit = True
            await serve

    asyncio.run(main())


def test_a_breaker_keeps_calls_from_an_upstream_that_is_down() -> None:
    """Under load: 200 requests cost the upstream little more than what it takes to see that it is down."""

    async def main() -> None:
        async with FaultServer() as upstream, no_leaks():
            settings = {"base_url": upstream.origin, "breaker": {"min_calls": 10}, "retry": {"attempts": 3}}
            app = BFF(Client, upstreams={Faulty: settings}, observers=())
            statuses: list[int] = []
            for _ in range(20):
                replies = await asyncio.gather(*(get(app, "/required/500") for _ in range(10)))
                statuses += [reply.status for reply in replies if reply]
            assert {502, 503} == set(statuses)
            assert 503 == statuses[-1]
            assert len(upstream.requests) <= 30
            await app.upstreams[Faulty].aclose()
            await upstream.until(lambda: upstream.open == 0)

    asyncio.run(main())


def test_the_budget_keeps_retries_from_multiplying_the_load() -> None:
    async def main() -> None:
        async with FaultServer() as upstream:
            settings = {"base_url": upstream.origin, "retry": Retry(attempts=3, wait=lambda _: 0.0, statuses=(500,))}
            app = BFF(Client, upstreams={Faulty: settings}, observers=())
            for _ in range(200):
                await get(app, "/required/500")
            assert 200 < len(upstream.requests) <= 200 * 1.25
            await app.upstreams[Faulty].aclose()

    asyncio.run(main())


def test_pages_that_are_cancelled_at_random_leave_every_slot_free() -> None:
    async def main() -> None:
        async with FaultServer() as upstream, no_leaks():
            settings = {"base_url": upstream.origin, "bulkhead": {"limit": 5, "queue": 1000}}
            app = BFF(Client, upstreams={Faulty: settings}, observers=())
            for round_ in range(40):
                pages = [asyncio.create_task(get(app, "/required/half")) for _ in range(10)]
                await upstream.until(lambda: upstream.open > 0)
                for number, page in enumerate(pages):
                    if (round_ + number) % 3:
                        await asyncio.sleep(0)
                    page.cancel()
                await asyncio.gather(*pages, return_exceptions=True)
            replies = await asyncio.gather(*(get(app, "/required/ok") for _ in range(20)))
            assert [200] * 20 == [reply.status for reply in replies if reply]
            assert 0 == app.upstreams[Faulty].statistics()[""].taken
            await app.upstreams[Faulty].aclose()
            await upstream.until(lambda: upstream.open == 0)

    asyncio.run(main())
