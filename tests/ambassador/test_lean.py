"""What the default wire does besides what every wire must: how it reads, keeps connections, and what it refuses."""

import asyncio
import contextlib
import gc
import random
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from bff.ambassador import Context, LeanWire, Request, Response
from bff.ambassador._channel import Channel
from bff.ambassador._headers import Headers, read_fields
from bff.ambassador._message import head
from bff.errors import ContractViolation, UpstreamTimeout, UpstreamUnreachable
from tests.support.answers import Case, Outcome, read_by_us
from tests.support.faults import CERTIFICATE, OK, FaultServer, answer, no_leaks

BLOCK = b"\r\nContent-Type: text/plain\r\nVARY: a\r\nx-empty:\r\nVary:\tb \r\nX-Text: \xc3\xbc\xff\r\n"
LINE = b"HTTP/1.1 200 OK\r\n"
CHUNKED = LINE + b"transfer-encoding: chunked\r\n\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"], autouse=True)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run on either loop: their connections are not the same."""
    if request.param == "uvloop":
        monkeypatch.setattr("asyncio.run", uvloop.run)


@contextlib.asynccontextmanager
async def serving(serve: Serve) -> AsyncGenerator[str]:
    """Give the origin of a server whose connections are all served like this."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def get(wire: LeanWire, origin: str, target: str = "/ok", method: str = "GET") -> Response:
    async with asyncio.timeout(20):
        return await wire.send(Request(method, origin, target), Context("test"))


def outcome(data: bytes, *, size: int = 1 << 16, is_head: bool = False) -> Outcome | None:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return read_by_us(Case(pieces, is_head, None))


# What it reads.


def test_headers_are_found_by_names_of_any_case_and_those_of_one_name_are_joined() -> None:
    headers = Headers(BLOCK)
    assert "text/plain" == headers["content-TYPE"] == headers.get("Content-Type")
    assert "a, b" == headers["vary"]
    assert "" == headers["X-Empty"]
    assert "\xfc\udcff" == headers["x-text"]
    assert "X-TEXT" in headers


def test_a_header_that_is_not_there_is_found_nowhere() -> None:
    headers = Headers(BLOCK)
    for name in ("text", "type", "a", "", "content-type: text/plain\r\nvary", "x y", "plain\r\nvary", "ü"):
        assert name not in headers
        assert headers.get(name) is None
        assert "else" == headers.get(name, "else")
        with pytest.raises(KeyError):
            headers[name]
    assert object() not in headers


def test_headers_are_a_mapping_and_line_by_line_what_came() -> None:
    headers = Headers(BLOCK)
    assert ["content-type", "vary", "x-empty", "x-text"] == list(headers)
    assert 4 == len(headers)
    assert [(b"VARY", b"a"), (b"x-empty", b""), (b"Vary", b"b")] == headers.raw[1:4]
    assert [("vary", "a"), ("x-empty", ""), ("vary", "b")] == headers.multi_items()[1:4]
    assert {"vary": "a, b", "x": "y"} == Headers(b"\r\nVary: a, b\r\nX: y\r\n")
    assert {} == Headers(b"\r\n")


def test_headers_do_not_show_their_values() -> None:
    assert "<Headers set-cookie>" == repr(Headers(b"\r\nset-cookie: secret\r\n"))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize(
    ("data", "body"),
    [
        (OK, b'{"ok":true}'),
        (CHUNKED + b"3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nx: y\r\n\r\n", b"abcd"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK, b'{"ok":true}'),
        (LINE + b"\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 204\r\n\r\n", b""),
    ],
)
def test_an_answer_may_be_cut_anywhere(data: bytes, body: bytes, size: int) -> None:
    whole = outcome(data)
    assert whole is not None
    assert body == whole.body
    assert whole == outcome(data, size=size)


@pytest.mark.parametrize(
    ("data", "is_kept"),
    [
        (OK, True),
        (LINE + b"content-length: 0\r\nConnection: x, Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n", True),
        (LINE + b"\r\n", False),
        (OK + b"HTTP/1.1", False),
        (CHUNKED + b"0\r\ntransfer-encoding: gzip, chunked\r\n\r\n", True),
    ],
)
def test_a_connection_is_kept_where_both_sides_say_so_and_nothing_is_left_on_it(data: bytes, is_kept: bool) -> None:
    found = outcome(data)
    assert found is not None
    assert is_kept == found.is_reusable


@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize(
    "data",
    [
        LINE + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        LINE + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n",
        LINE + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
        LINE + b"content-length: 1\r\ncontent-length: 1\r\n\r\na",
        LINE + b"content-length: 1, 1\r\n\r\na",
        LINE + b"content-length: +1\r\n\r\na",
        LINE + b"content-length: -1\r\n\r\na",
        LINE + b"content-length: \r\n\r\na",
        LINE + b"content-length: 99999999999999999999\r\n\r\na",
        LINE + b"transfer-encoding: gzip\r\n\r\na",
        LINE + b"transfer-encoding: identity\r\n\r\na",
        LINE + b"transfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        LINE + b"transfer-encoding: chunked, gzip\r\n\r\n1\r\na\r\n0\r\n\r\n",
        LINE + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        LINE + b"transfer-encoding: xchunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        LINE + b"transfer-encoding: \x0bchunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        LINE + b"content-length : 1\r\n\r\na",
        LINE + b" content-length: 1\r\n\r\na",
        LINE + b"x: a\r\n content-length: 9\r\ncontent-length: 1\r\n\r\na",
        LINE + b"x: a\ncontent-length: 9\r\ncontent-length: 1\r\n\r\na",
        LINE + b"x: a\rcontent-length: 9\r\ncontent-length: 1\r\n\r\na",
        LINE + b"content-length: 1\n\na",
        b"HTTP/1.1 200 OK\ncontent-length: 1\r\n\r\na",
        LINE + b"x: a\0b\r\ncontent-length: 1\r\n\r\na",
        LINE + b"x\0: a\r\ncontent-length: 1\r\n\r\na",
        LINE + b": a\r\ncontent-length: 1\r\n\r\na",
        LINE + b"no colon\r\ncontent-length: 1\r\n\r\na",
        CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1\na\n0\n\n",
        CHUNKED + b"1;a\nb\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\na\r\n0\r\n\r\n",
        b"\r\n" + OK,
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\ntransfer-encoding: gzip\r\n\r\n" + OK,
        b"HTTP/2.0 200 OK\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/0.9 200 OK\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/1.1 099 OK\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/1.1 2000 OK\r\ncontent-length: 1\r\n\r\na",
        b"HTTP/1.1 200 O\x01K\r\ncontent-length: 1\r\n\r\na",
        b"ICY 200 OK\r\ncontent-length: 1\r\n\r\na",
    ],
)  # fmt: skip
def test_what_not_all_readers_understand_alike_is_refused(data: bytes, size: int) -> None:
    """RFC 9112 sections 2.2, 5 and 6, however the bytes are cut."""
    assert outcome(data, size=size) is None


@pytest.mark.parametrize(
    ("fits", "is_too_much"),
    [
        (128 * b"x: y\r\n", 129 * b"x: y\r\n"),
        (b"x: " + 8187 * b"y" + b"\r\n", b"x: " + 8188 * b"y" + b"\r\n"),
        (b"y: " + 8187 * b"y" + b"\r\n", 9 * (b"y: " + 8000 * b"y" + b"\r\n")),
    ],
)
def test_a_head_has_limits(fits: bytes, is_too_much: bytes) -> None:
    """In number, in length, and in all."""
    assert outcome(LINE + fits + b"\r\na") is not None
    for size in (1_000, 1 << 18):
        assert outcome(LINE + is_too_much + b"\r\na", size=size) is None


@pytest.mark.parametrize(
    "repeated",
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
        (LINE + b"x: ", b"y"),
        (CHUNKED + b"1;", b"a"),
        (CHUNKED + b"0\r\nx: ", b"y"),
        (CHUNKED + b"0\r\n", b"x: y\r\n"),
    ],
)
def test_framing_that_never_ends_is_refused(repeated: tuple[bytes, bytes]) -> None:
    before, again = repeated
    assert outcome(before + 200_000 // len(again) * again, size=1_000) is None


def test_of_a_head_that_cannot_be_taken_nothing_is_quoted() -> None:
    with pytest.raises(ValueError, match="8190 bytes") as caught:
        read_fields(b"\r\nset-cookie: " + 9_000 * b"s" + b"\r\n", minor=1)
    assert "sss" not in str(caught.value)


# What it writes.


def test_a_header_may_hold_any_text_that_begins_no_other_line() -> None:
    request = Request("GET", "http://test", "/", [("x-tab", "a\tb"), ("x-text", "ü"), ("Host", "named")])
    lines = head(request, "test").decode().split("\r\n")
    expected = ["x-tab: a\tb", "x-text: ü", "host: named", "accept-encoding: gzip, deflate", "", ""]
    assert ["GET / HTTP/1.1", *expected] == lines


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\udcff"])
@pytest.mark.parametrize("name", ["x", "host"])
def test_what_would_begin_another_line_or_is_no_text_is_not_written(name: str, bad: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="a header holds") as caught:
            head(Request("GET", "http://test", "/", [("x-fine", "1"), (name, f"secret{bad}")]), "test")
        assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="a header holds"):
        head(Request("GET", "http://test", "/"), f"test{bad}")


def test_a_method_that_would_begin_another_line_is_not_written() -> None:
    with pytest.raises(ValueError, match="method"):
        head(Request("GET / HTTP/1.1\r\nx: ", "http://test", "/"), "test")


# Its connections.


def test_what_has_idled_is_closed_by_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bff.ambassador._pool._KEEP_ALIVE", 0.05)

    async def main() -> None:
        async with no_leaks(), FaultServer() as first, FaultServer() as second:
            wire = LeanWire(connect=20.0)
            await asyncio.gather(*(get(wire, server.origin) for server in (first, second) for _ in range(5)))
            pool = wire._pool
            assert pool is not None
            assert pool.timer is not None
            await first.until(lambda: first.open == 0)
            await second.until(lambda: second.open == 0)
            assert not pool.channels
            # And from then on again.
            await get(wire, first.origin)
            await first.until(lambda: first.open == 0)
            await wire.aclose()

    asyncio.run(main())


@pytest.mark.interpreted("it puts another time in the place of a constant")
def test_a_connection_that_idled_too_long_is_not_used_though_no_timer_has_come_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            await get(wire, server.origin)
            monkeypatch.setattr("bff.ambassador._pool._KEEP_ALIVE", 0.0)
            await get(wire, server.origin)
            assert 2 == server.accepts
            await wire.aclose()

    asyncio.run(main())


def test_a_request_is_repeated_on_a_fresh_connection_once() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            await get(wire, server.origin)
            with pytest.raises(UpstreamUnreachable):
                await get(wire, server.origin, "/nothing")
            assert ["/ok", "/nothing", "/nothing"] == [seen.target for seen in server.requests]
            await wire.aclose()

    asyncio.run(main())


def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            await get(wire, server.origin)
            with pytest.raises(UpstreamUnreachable):
                await get(wire, server.origin, "/head-only")
            assert 2 == len(server.requests)
            await wire.aclose()

    asyncio.run(main())


def test_after_head_the_connection_reads_bodies_again() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            for _ in range(2):
                assert b"" == (await get(wire, server.origin, "/head", "HEAD")).content
                assert b'{"ok":true}' == (await get(wire, server.origin)).content
            assert 1 == server.accepts
            await wire.aclose()

    asyncio.run(main())


def test_closing_the_wire_ends_calls_that_are_under_way() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            call = asyncio.create_task(get(wire, server.origin, "/hang"))
            await server.until(lambda: len(server.requests) == 1)
            await wire.aclose()
            with pytest.raises(UpstreamUnreachable, match="our side"):
                await call

    asyncio.run(main())


def test_a_connection_that_is_made_after_the_wire_was_closed_is_closed_too() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            name = server.origin.replace("127.0.0.1", "localhost")
            call = asyncio.create_task(get(wire, name))
            await asyncio.sleep(0)
            await wire.aclose()
            with pytest.raises(UpstreamUnreachable, match="closed meanwhile") as caught:
                await call
            assert caught.value.sent is False
            await server.until(lambda: server.open == 0)

    asyncio.run(main())


def test_what_uvloop_calls_a_runtime_error_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(*_: object, **__: object) -> None:
        raise RuntimeError("File descriptor 7 is used by transport")

    async def main() -> None:
        monkeypatch.setattr("bff.ambassador._pool.start_connection", taken)
        wire = LeanWire(connect=20.0)
        with pytest.raises(UpstreamUnreachable, match="descriptor 7") as caught:
            await get(wire, "http://127.0.0.1:9")
        assert caught.value.sent is False
        await wire.aclose()

    asyncio.run(main())


def test_a_name_is_looked_up_and_an_address_is_not() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            pool = None
            for host, is_known in (("localhost", False), ("127.0.0.1", True)):
                assert 200 == (await get(wire, f"http://{host}:{server.port}")).status
                assert [f"{host}:{server.port}"] == server.requests[-1].header("host")
                pool = wire._pool
                assert pool is not None
                assert is_known == (pool.site(f"http://{host}:{server.port}", "").known is not None)
            assert pool is not None
            known = pool.site("https://[::1]:444", "").known
            assert known is not None
            assert [("::1", 444, 0, 0)] == [address for *_, address in known]
            assert pool.site("https://[fe80::1%eth0]:444", "").known is None
            await wire.aclose()

    asyncio.run(main())


def test_a_host_of_another_script_is_named_in_ascii_and_one_that_is_no_name_is_unreachable() -> None:
    async def main() -> None:
        wire = LeanWire(connect=20.0)
        await wire._new_pool(Context("test"))
        assert wire._pool is not None
        assert "xn--bcher-kva.example:81" == wire._pool.site("http://bücher.example:81", "").host
        with pytest.raises(UpstreamUnreachable) as caught:
            await get(wire, f"http://{70 * 'a'}.example")
        assert caught.value.sent is False
        await wire.aclose()

    asyncio.run(main())


def test_a_failed_exchange_leaves_no_cycle() -> None:
    async def watched() -> list[object]:
        async with FaultServer() as server:
            wire = LeanWire(connect=20.0)
            gc.collect()
            gc.disable()
            try:
                for fault in ("garbage", "huge-header", "bad-chunk", "short", "nothing"):
                    with contextlib.suppress(ContractViolation, UpstreamUnreachable):
                        await get(wire, server.origin, f"/{fault}")
                await wire.aclose()
                for _ in range(3):
                    await asyncio.sleep(0)
                return [found for found in gc.get_objects() if isinstance(found, Channel)]
            finally:
                gc.enable()

    assert [] == asyncio.run(watched())


@pytest.mark.parametrize("is_secure", [False, True], ids=["clear", "tls"])
def test_random_faults_and_cancellations_leave_nothing(is_secure: bool) -> None:
    """Some are given up before there is a connection, some amid the handshake, the request or the answer."""
    chance = random.Random(5)
    faults = ["ok", "ok", "ok", "chunked", "gzip", "early", "until-close", "reset", "short", "nothing", "stale", "half"]
    outcomes: Counter[str] = Counter()

    async def one(wire: LeanWire, server: FaultServer) -> None:
        fault, turns = chance.choice(faults), chance.choice((1, 3, 10, 30))
        call = asyncio.ensure_future(get(wire, server.origin, f"/{fault}", chance.choice(("GET", "POST"))))
        if fault == "half" or chance.random() < 0.3:
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
        try:
            response = await call
        except (UpstreamUnreachable, asyncio.CancelledError) as error:
            outcomes[type(error).__name__] += 1
        else:
            assert (200, b'{"ok":true}') == (response.status, response.content)
            outcomes["answered"] += 1

    async def main() -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
        async with no_leaks(), FaultServer(tls=tls if is_secure else None) as server:
            wire = LeanWire(connect=20.0, verify=False)
            for _ in range(20):
                await asyncio.gather(*(one(wire, server) for _ in range(20)))
            await wire.aclose()
            await server.until(lambda: server.open == 0)

    asyncio.run(main())
    assert outcomes["answered"] > 100
    assert outcomes["CancelledError"] > 50
    assert outcomes["UpstreamUnreachable"] > 20


def test_a_call_that_is_given_up_during_the_handshake_closes_its_connection() -> None:
    """Its server takes what comes, and never says a word of TLS."""
    reached: list[bytes] = []

    async def main() -> None:
        arrived, gone = asyncio.Event(), asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            reached.append(await reader.read(1))
            arrived.set()
            while await reader.read(1 << 16):
                pass
            gone.set()

        async with no_leaks(), serving(deaf) as origin:
            secure = origin.replace("http:", "https:")
            wire = LeanWire(connect=20.0, verify=False)
            call = asyncio.create_task(get(wire, secure))
            async with asyncio.timeout(20):
                await arrived.wait()
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                await gone.wait()
                gone.clear()
                impatient = LeanWire(connect=0.05, verify=False)
                with pytest.raises(UpstreamTimeout) as caught:
                    await get(impatient, secure)
                assert caught.value.sent is False
                await gone.wait()
            await wire.aclose()
            await impatient.aclose()

    asyncio.run(main())
    assert [b"\x16", b"\x16"] == reached


def test_large_bodies_go_both_ways_under_tls() -> None:
    async def main() -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
        async with no_leaks(), FaultServer(tls=tls) as server:
            wire = LeanWire(connect=20.0, verify=str(CERTIFICATE), max_body=20_000_000)
            for _ in range(2):
                assert 20_000_000 == len((await get(wire, server.origin, "/20mb")).content)
            body = bytes(5_000_000)
            request = Request("PUT", server.origin, "/ok", [], body)
            assert 200 == (await wire.send(request, Context("test"))).status
            assert body == server.requests[-1].body
            assert 1 == server.accepts
            await wire.aclose()

    asyncio.run(main())


# Bodies on their way.


def test_a_peer_waits_where_nobody_reads() -> None:
    """It gets rid of no more than what the sockets and we hold, and of everything once it is read."""
    total = 20_000_000

    async def main() -> None:
        written = 0
        is_stuck = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            await reader.readuntil(b"\r\n\r\n")
            writer.write(LINE + b"content-length: %d\r\n\r\n" % total)
            writer.transport.set_write_buffer_limits(high=0)
            while written < total:
                writer.write(bytes(100_000))
                written += 100_000
                asyncio.get_running_loop().call_soon(is_stuck.set)
                await writer.drain()
            await reader.read()

        async with no_leaks(), serving(serve) as origin:
            wire = LeanWire(connect=20.0)
            response = await wire.send(Request("GET", origin, "/"), Context("test", is_streamed=True))
            assert response.stream is not None
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert 0 < written < total
            assert total == sum([len(part) async for part in response.stream])
            await wire.aclose()

    asyncio.run(main())


def test_an_answer_that_breaks_after_its_head_gives_what_came_and_then_fails() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = LeanWire(connect=20.0)
            for fault, expected in (("short", UpstreamUnreachable), ("bad-chunk", ContractViolation)):
                context = Context("test", is_streamed=True)
                response = await wire.send(Request("GET", server.origin, f"/{fault}"), context)
                assert response.stream is not None
                parts = aiter(response.stream)
                if fault == "short":
                    assert b"not a hundred" == await anext(parts)
                with pytest.raises(expected):
                    await anext(parts)
            await wire.aclose()

    asyncio.run(main())


def test_an_answer_ends_the_sending_of_a_body_that_its_peer_does_not_take() -> None:
    """More is on its way than the sockets hold, and would be for ever."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(answer(b"too large", "413 Content Too Large"))
        await asyncio.Event().wait()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    async def main() -> None:
        async with no_leaks(), serving(refuse) as origin:
            wire = LeanWire(connect=20.0)
            for content in (endless(), bytes(20_000_000)):
                async with asyncio.timeout(20):
                    response = await wire.send(Request("PUT", origin, "/", [], content), Context("test"))
                assert (413, b"too large") == (response.status, response.content)
                pool = wire._pool
                assert pool is not None
                assert not any(site.idle for site in pool.sites.values())
            await wire.aclose()

    asyncio.run(main())
