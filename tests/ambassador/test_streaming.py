"""Bodies that stream, both ways: what is sent once, what holds while a body comes, what is given back when it ends."""

import asyncio
import gc
import gzip
import random
import tracemalloc
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bff import (
    Bulkhead,
    CircuitBreaker,
    ContractViolation,
    DeadlineExceeded,
    Overloaded,
    RejectedError,
    Retry,
    RetryBudget,
    Timeout,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.ambassador import (
    Ambassador,
    Context,
    HttpxWire,
    LeanWire,
    Onion,
    Policies,
    Request,
    Response,
    Stream,
    Wire,
    build_onion,
)
from bff.events import CallCancelled, CallFailed, CallFinished, Emitter, Event
from tests.support.events import Told
from tests.support.faults import FaultServer, answer, no_leaks, refusing_port
from tests.support.scripted import ScriptedWire
from tests.support.virtual import run

OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
AGAIN = Retry(3, wait=lambda _: 0.0, budget=None)
GET = Request("GET", "http://test", "/")
PATIENT = Timeout(total=20.0, per_try=None, connect=20.0)


class Body:
    """A body that counts how often it was begun and how much of it was taken."""

    def __init__(self, parts: Iterable[bytes] = (b"one", b"", b"two")) -> None:
        self.parts = list(parts)
        self.begun = self.taken = 0
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun += 1
        try:
            for part in self.parts:
                self.taken += 1
                yield part
        finally:
            self.is_closed = True


def new_lean() -> Wire:
    return LeanWire(connect=20.0)


def new_httpx() -> Wire:
    return HttpxWire(httpx.AsyncHTTPTransport(verify=False), connect=20.0)


@pytest.fixture(params=[new_lean, new_httpx], ids=["lean", "httpx"])
def wire(request: pytest.FixtureRequest) -> Callable[[], Wire]:
    new: Callable[[], Wire] = request.param
    return new


Check = Callable[[FaultServer, Ambassador], Awaitable[None]]


def against(wire: Callable[[], Wire], check: Check, **policies: Any) -> None:
    """Run `check` on real sockets, and see that nothing is left behind."""

    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            settings: dict[str, Any] = {"timeout": PATIENT, "retry": AGAIN, **policies}
            async with Ambassador(server.origin, wire=wire(), **settings) as ambassador:
                await check(server, ambassador)
                assert 0 == (ambassador.statistics().taken or 0)
            await server.until(lambda: server.open == 0)

    asyncio.run(main())


# What is sent.


@pytest.mark.parametrize("declared", [{}, {"Content-Length": "6"}], ids=["chunked", "declared"])
def test_a_body_is_sent_part_by_part(wire: Callable[[], Wire], declared: dict[str, str]) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        for _ in range(2):
            assert 200 == (await ambassador.post("/ok", content=Body(), headers=declared)).status
        first, second = server.requests
        assert b"onetwo" == first.body == second.body
        assert [*declared.values()] == first.header("content-length")
        assert ([] if declared else ["chunked"]) == first.header("transfer-encoding")
        assert 1 == server.accepts

    against(wire, check)


def test_a_large_body_is_not_taken_faster_than_it_is_sent(wire: Callable[[], Wire]) -> None:
    """The peer reads nothing, and so only as much is taken as the sockets between them hold."""

    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            server.is_deaf = True
            body = Body([bytes(1_000_000)] * 1_000)
            async with Ambassador(server.origin, wire=wire(), timeout=PATIENT) as ambassador:
                call = asyncio.create_task(ambassador.put("/ok", content=body))
                await server.until(lambda: server.accepts == 1)
                for _ in range(1_000):
                    await asyncio.sleep(0)
                assert 0 < body.taken < 100
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call

    asyncio.run(main())


@pytest.mark.parametrize("fault", ["reset", "nothing", "head-only", "503"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_generator_body_is_never_sent_twice(wire: Callable[[], Wire], fault: str, method: str) -> None:
    """Both methods may be repeated, and with bytes they are."""

    async def tries(ambassador: Ambassador, content: Any) -> int | None:
        try:
            await ambassador.request(method, f"/{fault}", content=content)
        except UpstreamUnreachable as error:
            return error.attempts
        return None

    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        body = Body()
        assert (None if fault == "503" else 1) == await tries(ambassador, body)
        assert (1, 1) == (body.begun, len(server.requests))
        assert (None if fault == "503" else 3) == await tries(ambassador, b"onetwo")
        assert len(server.requests) >= 4

    against(wire, check, breaker=None)


def test_a_generator_body_is_not_sent_again_on_a_fresh_connection_either(wire: Callable[[], Wire]) -> None:
    """The server closes the idle connection on the second request: bytes would be repeated unseen."""

    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        await ambassador.put("/stale", content=Body())
        body = Body()
        with pytest.raises(UpstreamUnreachable):
            await ambassador.put("/stale", content=body)
        assert (1, 2) == (body.begun, len(server.requests))

    against(wire, check)


def test_what_was_never_begun_is_tried_again_where_a_connection_was_refused(wire: Callable[[], Wire]) -> None:
    async def main() -> None:
        body = Body()
        with refusing_port() as port:
            ambassador = Ambassador(f"http://127.0.0.1:{port}", wire=wire(), retry=AGAIN, timeout=PATIENT)
            with pytest.raises(UpstreamUnreachable) as caught:
                await ambassador.post("/", content=body)
            assert (3, 0) == (caught.value.attempts, body.begun)
            await ambassador.aclose()

    asyncio.run(main())


class Unsent:
    """A wire that begins a body and says that nothing was sent."""

    async def send(self, request: Request, context: Context, /) -> Response:
        assert not isinstance(request.content, bytes)
        async for _ in request.content:
            break
        error = UpstreamUnreachable("it broke", upstream="test")
        error.sent = False
        raise error

    async def aclose(self) -> None:
        pass


def test_a_body_that_was_begun_is_not_begun_again_whatever_a_wire_says() -> None:
    async def main() -> None:
        body = Body()
        with pytest.raises(RuntimeError, match="only once"):
            await Ambassador("http://test", wire=Unsent(), retry=AGAIN).post("/", content=body)
        assert 1 == body.begun

    run(main())


async def _failing(error: Exception) -> AsyncGenerator[bytes]:
    yield b"one"
    raise error


@pytest.mark.parametrize(
    "error", [KeyError("ours"), OSError("our file"), UpstreamUnreachable("another upstream", upstream="other")]
)
def test_what_fails_in_the_callers_own_body_is_his_and_no_verdict_on_the_upstream(
    wire: Callable[[], Wire], error: Exception
) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        with pytest.raises(type(error)) as caught:
            await ambassador.put("/ok", content=_failing(error))
        assert error is caught.value
        assert (0, 0) == (ambassador.statistics().calls, len(server.requests))
        await server.until(lambda: server.open == 0)

    against(wire, check)


@pytest.mark.parametrize(("length", "said"), [("5", "longer"), ("7", "shorter")])
def test_a_body_that_is_not_as_long_as_declared_never_becomes_a_request(length: str, said: str) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        with pytest.raises(ValueError, match=said):
            await ambassador.put("/ok", content=Body(), headers={"content-length": length})
        await server.until(lambda: server.open == 0)
        assert [] == server.requests

    against(new_lean, check)


@pytest.mark.parametrize("length", ["x", "-1", "1, 2", "٣"])
def test_a_length_that_is_none_is_never_sent(wire: Callable[[], Wire], length: str) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        with pytest.raises(ValueError, match="length"):
            await ambassador.put("/ok", content=Body(), headers={"content-length": length})
        assert 0 == server.accepts

    against(wire, check)


def test_an_answer_that_comes_before_the_body_is_read_ends_the_sending() -> None:
    """Nobody reads the rest: it is not taken from its source, and the connection is not used again."""

    async def main() -> None:
        body = Body([bytes(1_000)] * 1_000_000)

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b"too large", "413 Content Too Large"))
            while await reader.read(1 << 20):
                pass
            writer.close()

        async with no_leaks(), await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Ambassador(f"http://127.0.0.1:{port}", retry=None, timeout=PATIENT) as ambassador:
                response = await ambassador.put("/", content=body)
                assert (413, b"too large") == (response.status, response.content)
                assert body.taken < 1_000_000
                assert body.is_closed

    asyncio.run(main())


# What comes.


@pytest.mark.parametrize("fault", ["ok", "chunked", "until-close", "gzip", "two-gzips"])
def test_an_answer_is_read_in_whatever_way(wire: Callable[[], Wire], fault: str) -> None:
    async def check(_: FaultServer, ambassador: Ambassador) -> None:
        async with ambassador.stream("GET", f"/{fault}") as answered:
            assert b'{"ok":true}' == b"".join([part async for part in answered.aiter_bytes()])
        async with ambassador.stream("GET", f"/{fault}") as answered:
            assert ['{"ok":true}'] == [line async for line in answered.aiter_lines()]
        async with ambassador.stream("GET", f"/{fault}") as answered:
            assert b'{"ok":true}' == await answered.aread()
        async with ambassador.stream("GET", f"/{fault}") as answered:
            raw = b"".join([part async for part in answered.aiter_raw()])
            assert raw.startswith(b"\x1f\x8b") == ("content-encoding" in answered.headers)
            assert "<StreamedResponse 200 of 127.0.0.1" in repr(answered)

    against(wire, check)


def test_the_first_part_is_there_before_the_last_one_is_sent(wire: Callable[[], Wire]) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async with ambassador.stream("GET", "/half") as answered:
            async for part in answered.aiter_bytes():
                assert b"half!" == part
                break
            assert (1, 1) == (server.open, ambassador.statistics().taken)
        await server.until(lambda: server.open == 0)

    against(wire, check)


@pytest.mark.parametrize(
    ("fault", "method"), [("ok", "GET"), ("204", "GET"), ("304", "GET"), ("redirect", "GET"), ("head", "HEAD")]
)
def test_a_connection_is_used_again_once_everything_has_come(fault: str, method: str) -> None:
    """Also where nobody has read it: it was there already."""

    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        for _ in range(3):
            async with ambassador.stream(method, f"/{fault}"):
                pass
        assert (3, 1) == (len(server.requests), server.accepts)

    against(new_lean, check)


def test_a_body_is_no_limit_to_itself_and_reading_it_at_once_is(wire: Callable[[], Wire]) -> None:
    async def main() -> None:
        async with (
            FaultServer() as server,
            Ambassador(server.origin, wire=wire(), max_body=1_000_000, timeout=PATIENT) as ambassador,
        ):
            async with ambassador.stream("GET", "/20mb") as answered:
                assert 20_000_000 == sum([len(part) async for part in answered.aiter_bytes()])
            async with ambassador.stream("GET", "/20mb") as answered:
                with pytest.raises(ContractViolation, match="max_body"):
                    await answered.aread()

    asyncio.run(main())


def test_a_bomb_is_unpacked_in_small_pieces(wire: Callable[[], Wire]) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async with ambassador.stream("GET", "/bomb") as answered:
            pieces = answered.aiter_bytes()
            await anext(pieces)
            tracemalloc.start()
            sizes = [len(piece) async for piece in pieces]
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert max(sizes) <= 1 << 16
            assert sum(sizes) > 49_000_000
            assert peak < 2_000_000

    against(wire, check)


@pytest.mark.parametrize("fault", ["bad-gzip", "cut-gzip", "brotli"])
def test_a_coding_that_cannot_be_undone_speaks_against_the_upstream(wire: Callable[[], Wire], fault: str) -> None:
    async def check(_: FaultServer, ambassador: Ambassador) -> None:
        async with ambassador.stream("GET", f"/{fault}") as answered:
            with pytest.raises(ContractViolation):
                await answered.aread()
        assert (1, 1.0) == (ambassador.statistics().calls, ambassador.statistics().failure_rate)

    against(wire, check)


@pytest.mark.parametrize("fault", ["reset-half", "short", "cut-chunk"])
def test_a_body_that_breaks_midway_is_a_failure_and_is_not_repeated(wire: Callable[[], Wire], fault: str) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async with ambassador.stream("GET", f"/{fault}") as answered:
            with pytest.raises(UpstreamUnreachable) as caught:
                await answered.aread()
            with pytest.raises(RuntimeError, match="cannot be read"):
                await answered.aread()
        assert (1, 1) == (caught.value.attempts, len(server.requests))
        assert (1, 1.0) == (ambassador.statistics().calls, ambassador.statistics().failure_rate)

    against(wire, check)


def test_the_total_time_holds_against_a_body_that_drips(wire: Callable[[], Wire]) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async with ambassador.stream("GET", "/drip", timeout=Timeout(total=0.3, per_try=0.1)) as answered:
            assert b"." == (await anext(answered.aiter_raw()))[:1]
            with pytest.raises(UpstreamTimeout, match="total"):
                await answered.aread()
        assert 1.0 == ambassador.statistics().failure_rate
        await server.until(lambda: server.open == 0)

    against(wire, check)


def test_a_cancelled_reader_closes_the_connection_and_is_no_verdict(wire: Callable[[], Wire]) -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        begun = asyncio.Event()

        async def read() -> None:
            async with ambassador.stream("GET", "/half") as answered:
                async for _ in answered.aiter_raw():
                    begun.set()

        reading = asyncio.create_task(read())
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert 0 == ambassador.statistics().calls
        await server.until(lambda: server.open == 0)

    against(wire, check)


@pytest.mark.parametrize("new", [new_lean, new_httpx], ids=["lean", "httpx"])
def test_one_who_forgets_to_close_is_warned_and_what_he_held_is_given_back(new: Callable[[], Wire]) -> None:
    """The default wire closes the connection at once; httpx has it until its transport is closed."""

    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async def forget() -> None:
            request, context = Request("GET", server.origin, "/half"), Context("test", is_streamed=True)
            response = await ambassador._onion.send(request, context)
            assert response.stream is not None
            await anext(response.stream)
            assert 1 == ambassador.statistics().taken

        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            await forget()
            gc.collect()
            await asyncio.sleep(0)
            if new is new_lean:
                await server.until(lambda: server.open == 0)
        assert {ResourceWarning} == {warning.category for warning in warned}
        assert (0, 0) == (ambassador.statistics().taken, ambassador.statistics().calls)

    against(new, check)


# The layers, in virtual time.


class Parts:
    """A wire's end of a body: what it gives, one after the other, each after `delay` seconds."""

    def __init__(self, *parts: bytes | Exception, delay: float = 0.0) -> None:
        self._parts = list(parts)
        self._delay = delay
        self.is_closed = False

    async def read(self) -> bytes:
        await asyncio.sleep(self._delay)
        part = self._parts.pop(0) if self._parts else b""
        if isinstance(part, Exception):
            raise part
        return part

    async def aclose(self) -> None:
        self.is_closed = True

    def abandon(self) -> None:
        self.is_closed = True


class StreamingWire:
    """Give one answer after the other, each a status with a body to come."""

    def __init__(self, *answers: tuple[int, Parts]) -> None:
        self._answers = list(answers)
        self.sent = 0

    async def send(self, request: Request, context: Context, /) -> Response:
        assert context.is_streamed
        self.sent += 1
        status, parts = self._answers.pop(0)
        return Response(status, {}, b"", Stream(parts))


def onion_of(wire: StreamingWire, policies: Policies, *observers: Callable[[Event], None]) -> Onion:
    return build_onion(policies, send=wire.send, name="test", emitter=Emitter(observers))


async def streamed(onion: Onion, *, within: float | None = None, request: Request = GET) -> Stream:
    deadline = None if within is None else asyncio.get_running_loop().time() + within
    response = await onion.send(request, Context("test", "op", deadline, "id-1", is_streamed=True))
    assert response.stream is not None
    return response.stream


async def outcome_of(stream: Stream) -> object:
    try:
        return b"".join([part async for part in stream])
    except Exception as error:  # noqa: BLE001 - the outcome that is asked about
        return type(error)


@pytest.mark.parametrize(
    ("status", "parts", "expected", "verdicts"),
    [
        (200, (b"a", b"b"), b"ab", (1, 0.0)),
        (200, (), b"", (1, 0.0)),
        (500, (b"a",), b"a", (1, 1.0)),
        (429, (b"a",), b"a", (0, 0.0)),
        (200, (b"a", UpstreamUnreachable("cut", upstream="test")), UpstreamUnreachable, (1, 1.0)),
        (200, (b"a", DeadlineExceeded("late", upstream="test")), DeadlineExceeded, (0, 0.0)),
        (200, (b"a", KeyError("a bug")), KeyError, (0, 0.0)),
    ],
)
def test_slot_and_verdict_wait_for_the_end_of_the_body(
    status: int, parts: tuple[bytes | Exception, ...], expected: object, verdicts: tuple[int, float]
) -> None:
    async def main() -> None:
        source = Parts(*parts)
        onion = onion_of(StreamingWire((status, source)), Policies(retry=None))
        stream = await streamed(onion)
        assert (0, 1) == (onion.statistics().calls, onion.statistics().taken)
        assert expected == await outcome_of(stream)
        statistics = onion.statistics()
        assert (*verdicts, 0) == (statistics.calls, statistics.failure_rate, statistics.taken)
        assert source.is_closed == isinstance(expected, type)

    run(main())


@pytest.mark.parametrize(("status", "verdicts"), [(200, (0, 0.0)), (503, (1, 1.0))])
def test_leaving_a_body_early_says_nothing_but_what_the_status_said(status: int, verdicts: tuple[int, float]) -> None:
    async def main() -> None:
        source = Parts(b"a", b"b")
        onion = onion_of(StreamingWire((status, source)), Policies(retry=None))
        stream = await streamed(onion)
        assert b"a" == await anext(stream)
        for _ in range(2):
            await stream.aclose()
        statistics = onion.statistics()
        assert (*verdicts, 0) == (statistics.calls, statistics.failure_rate, statistics.taken)
        assert source.is_closed
        with pytest.raises(RuntimeError, match="cannot be read"):
            await anext(stream)

    run(main())


def test_a_body_that_has_ended_goes_on_to_be_at_its_end() -> None:
    async def main() -> None:
        stream = await streamed(onion_of(StreamingWire((200, Parts(b"a"))), OFF))
        assert [b"a"] == [part async for part in stream]
        assert [] == [part async for part in stream]

    run(main())


def test_a_streamed_probe_keeps_its_permit_until_its_body_has_ended() -> None:
    async def main() -> None:
        wire = StreamingWire((500, Parts()), (200, Parts(b"a")))
        onion = onion_of(wire, replace(OFF, breaker=CircuitBreaker(min_calls=1, cooldown=5.0)))
        await outcome_of(await streamed(onion))
        await asyncio.sleep(5)
        probe = await streamed(onion)
        assert "half-open" == onion.statistics().state
        await outcome_of(probe)
        assert "closed" == onion.statistics().state

    run(main())


def test_who_waits_for_a_slot_gets_it_when_a_body_ends() -> None:
    async def main() -> None:
        wire = StreamingWire((200, Parts(b"a")), (200, Parts(b"b")))
        onion = onion_of(wire, replace(OFF, bulkhead=Bulkhead(1, queue=1)))
        first = await streamed(onion)
        second = asyncio.ensure_future(streamed(onion))
        await asyncio.sleep(1)
        assert (1, 1) == (wire.sent, onion.statistics().queued)
        with pytest.raises(Overloaded):
            await streamed(onion)
        await outcome_of(first)
        assert b"b" == await outcome_of(await second)

    run(main())


@pytest.mark.parametrize(
    ("timeout", "within", "expected", "at"),
    [
        (Timeout(total=2.5, per_try=0.1), None, UpstreamTimeout, 2.5),
        (Timeout(total=2.5), 1.5, DeadlineExceeded, 1.5),
        (Timeout(total=2.5), 3.5, UpstreamTimeout, 2.5),
        (None, 1.5, DeadlineExceeded, 1.5),
        (Timeout(total=9.0), None, b"abc", 4.0),
        (None, None, b"abc", 4.0),
    ],
)
def test_a_body_ends_when_the_calls_time_is_up(
    timeout: Timeout | None, within: float | None, expected: object, at: float
) -> None:
    """Each of three parts, and the end, takes a second; the time of a try is over with the head."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        onion = onion_of(StreamingWire((200, Parts(b"a", b"b", b"c", delay=1.0))), replace(OFF, timeout=timeout))
        assert expected == await outcome_of(await streamed(onion, within=within))
        assert at == round(loop.time() - start, 6)
        task = asyncio.current_task()
        assert task is not None
        assert 0 == task.cancelling()

    run(main())


def test_time_that_the_reader_took_does_not_speak_against_the_upstream() -> None:
    async def main() -> None:
        source = Parts(b"a", b"b")
        onion = onion_of(StreamingWire((200, source)), replace(OFF, timeout=Timeout(2.0), breaker=CircuitBreaker()))
        stream = await streamed(onion)
        await anext(stream)
        await asyncio.sleep(3)
        with pytest.raises(DeadlineExceeded):
            await anext(stream)
        assert (0, True) == (onion.statistics().calls, source.is_closed)

    run(main())


def test_an_answer_that_is_tried_again_is_left_before_the_pause_and_the_last_one_is_handed_on() -> None:
    async def main() -> None:
        first, second = Parts(b"a"), Parts(b"b")
        policies = replace(OFF, retry=Retry(2, wait=lambda _: 10.0), bulkhead=Bulkhead(1))
        onion = onion_of(StreamingWire((503, first), (503, second)), policies)
        call = asyncio.ensure_future(streamed(onion))
        await asyncio.sleep(5)
        assert (True, 0) == (first.is_closed, onion.statistics().taken)
        assert b"b" == await outcome_of(await call)
        assert not second.is_closed

    run(main())


def test_an_answer_that_the_budget_does_not_repeat_is_handed_on_whole() -> None:
    async def main() -> None:
        retry = Retry(3, wait=lambda _: 1.0, budget=RetryBudget(ratio=0.0, burst=1))
        onion = onion_of(
            StreamingWire((503, Parts(b"a")), (503, Parts(b"b")), (503, Parts(b"c"))), Policies(retry=retry)
        )
        assert b"b" == await outcome_of(await streamed(onion))
        assert b"c" == await outcome_of(await streamed(onion))

    run(main())


def test_an_answer_is_left_where_the_strategy_that_looks_at_it_fails() -> None:
    def fail(_: object) -> bool:
        raise KeyError("a bug")

    async def main() -> None:
        source = Parts(b"a")
        onion = onion_of(StreamingWire((200, source)), Policies(retry=Retry(2, when=fail)))
        with pytest.raises(KeyError):
            await streamed(onion)
        assert (True, 0) == (source.is_closed, onion.statistics().taken)

    run(main())


@pytest.mark.parametrize(
    ("status", "parts", "expected"),
    [
        (200, (b"a",), CallFinished("test", "op", 200, 2.0, 1, "id-1")),
        (503, (b"a",), CallFailed("test", "op", "status", "answered 503", 2.0, 1, "id-1", status=503)),
        (
            200,
            (UpstreamUnreachable("cut", upstream="test"),),
            CallFailed("test", "op", "unreachable", "test: cut", 1.0, 1, "id-1"),
        ),
    ],
)
def test_a_call_is_told_of_when_its_body_has_ended(
    status: int, parts: tuple[bytes | Exception, ...], expected: Event
) -> None:
    async def main() -> None:
        told = Told(CallFinished, CallFailed, CallCancelled)
        onion = onion_of(StreamingWire((status, Parts(*parts, delay=1.0))), OFF, told)
        stream = await streamed(onion)
        assert [] == told.seen
        await outcome_of(stream)
        assert [expected] == told.seen

    run(main())


def test_a_body_that_was_left_is_a_finished_call_and_a_cancelled_reader_is_none() -> None:
    async def main() -> None:
        told = Told(CallFinished, CallFailed, CallCancelled)
        onion = onion_of(StreamingWire((200, Parts(delay=9.0)), (200, Parts(delay=9.0))), OFF, told)
        await (await streamed(onion)).aclose()
        assert [CallFinished("test", "op", 200, 0.0, 1, "id-1")] == told.seen
        reading = asyncio.ensure_future(anext(await streamed(onion)))
        await asyncio.sleep(1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert ["CallFinished", "CallCancelled"] == told.names

    run(main())


def test_a_wire_that_knows_no_streams_serves_all_the_same() -> None:
    async def main() -> None:
        content = "größe\r\nzwei\n\nvier".encode("latin-1")
        whole = Response(200, {"content-type": "text/plain; charset=latin-1"}, content)
        async with Ambassador("http://test", wire=ScriptedWire([whole])).stream("GET", "/") as answered:
            assert ["größe", "zwei", "", "vier"] == [line async for line in answered.aiter_lines()]

    run(main())


def test_text_of_an_unknown_charset_is_read_as_utf_8_and_broken_characters_are_marked() -> None:
    async def main() -> None:
        whole = Response(200, {"content-type": "text/plain; charset=klingon"}, "ü".encode() + b"\xff\xc3")
        async with Ambassador("http://test", wire=ScriptedWire([whole])).stream("GET", "/") as answered:
            assert "ü\ufffd\ufffd" == "".join([text async for text in answered.aiter_text()])

    run(main())


class SignsAnswers(httpx.Auth):
    """Look at the whole answer and ask again, once."""

    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield request
        request.headers["x-seen"] = response.text
        yield request


def test_an_auth_flow_may_read_an_answer_that_is_streamed() -> None:
    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async with Ambassador(server.origin, auth=SignsAnswers(), timeout=PATIENT) as signed:
            async with signed.stream("GET", "/gzip") as answered:
                assert b'{"ok":true}' == await answered.aread()
            assert [[], ['{"ok":true}']] == [seen.header("x-seen") for seen in server.requests]
            with pytest.raises(RuntimeError, match="only once"):
                await signed.put("/ok", content=Body())
            assert b"onetwo" == server.requests[-1].body

    against(new_lean, check)


def test_what_is_streamed_as_gzip_is_what_it_is_as_a_whole() -> None:
    """A body that is sent on as it came keeps its coding: nothing is unpacked on the way."""

    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async with ambassador.stream("GET", "/gzip", headers={"accept-encoding": "gzip"}) as answered:
            body = answered.aiter_raw()
            await ambassador.put("/ok", content=body, headers={"content-encoding": "gzip"})
        first, second = server.requests
        assert ["gzip"] == first.header("accept-encoding")
        assert b'{"ok":true}' == gzip.decompress(second.body)

    against(new_lean, check)


def test_however_streams_end_nothing_is_held_afterwards(wire: Callable[[], Wire]) -> None:
    """Bodies both ways, whole, broken, left, out of time and cancelled at any moment, at random, ten at a time."""
    chance = random.Random(4)
    faults = ["ok", "chunked", "gzip", "half", "drip", "reset", "reset-half", "short", "503", "cut-gzip", "204"]

    async def one(ambassador: Ambassador) -> None:
        body = Body() if chance.random() < 0.5 else b"bytes"
        with suppress(UpstreamError, RejectedError):
            path, timeout = f"/{chance.choice(faults)}", Timeout(total=0.1, per_try=None, connect=20.0)
            async with ambassador.stream("PUT", path, content=body, timeout=timeout) as answered:
                if chance.random() < 0.5:
                    await anext(answered.aiter_raw(), None)
                else:
                    await answered.aread()

    async def check(server: FaultServer, ambassador: Ambassador) -> None:
        async def some() -> None:
            for _ in range(30):
                call = asyncio.create_task(one(ambassador))
                for _ in range(chance.randrange(200)):
                    await asyncio.sleep(0)
                if chance.random() < 0.5:
                    call.cancel()
                with suppress(asyncio.CancelledError):
                    await call

        await asyncio.gather(*(some() for _ in range(10)))
        statistics = ambassador.statistics()
        assert (0, 0) == (statistics.taken, statistics.queued)
        assert {200} == {(await ambassador.get("/ok")).status for _ in range(20)}

    against(wire, check, breaker=None, bulkhead=Bulkhead(8, queue=100))
