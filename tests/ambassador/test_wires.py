"""What every wire must do, on real sockets, whatever the upstream does."""

import asyncio
import gc
import ssl
import warnings
from collections.abc import Awaitable, Callable
from functools import cache
from typing import cast

import httpx
import httpx2
import pytest
import uvloop

from bff import Timeout
from bff.ambassador import (
    Context,
    HttpxWire,
    LeanWire,
    Policies,
    Request,
    Response,
    StreamedResponse,
    Wire,
    build_onion,
)
from bff.errors import ContractViolation, Overloaded, UnsafePath, UpstreamTimeout, UpstreamUnreachable
from tests.support.faults import CERTIFICATE, FaultServer, no_leaks, refusing_port, unaccepting_port

OK = b'{"ok":true}'
MAX_BODY = 1_000_000

NewWire = Callable[..., Wire]
Check = Callable[[FaultServer, Wire], Awaitable[None]]


@cache
def no_tls() -> ssl.SSLContext:
    # Nothing here speaks TLS, and httpx's own context takes long to build.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def lean_wire(connect: float = 20.0) -> Wire:
    return LeanWire(connect=connect, max_body=MAX_BODY)


def httpx_wire(connect: float = 20.0) -> Wire:
    return HttpxWire(httpx.AsyncHTTPTransport(verify=no_tls()), connect=connect, max_body=MAX_BODY)


def httpx2_wire(connect: float = 20.0) -> Wire:
    transport = httpx2.AsyncHTTPTransport(verify=no_tls())
    return HttpxWire(cast("httpx.AsyncBaseTransport", transport), connect=connect, max_body=MAX_BODY)


class Streamed:
    """A wire whose answers are asked for by their head and then read: all that holds of a whole one holds of these."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, request: Request, context: Context, /) -> Response:
        context.is_streamed = True
        response = await self._wire.send(request, context)
        assert (b"", True) == (response.content, response.stream is not None)
        answer = StreamedResponse(response, context, max_body=MAX_BODY)
        return Response(response.status, response.headers, await answer.aread())

    async def aclose(self) -> None:
        await self._wire.aclose()


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The loop that a test runs on: uvicorn brings uvloop, and its connections are not asyncio's."""
    if request.param == "uvloop":
        monkeypatch.setattr("asyncio.run", uvloop.run)
    return str(request.param)


WIRES = {"lean": lean_wire, "lean, uvloop": lean_wire, "httpx": httpx_wire, "httpx2": httpx2_wire}


@pytest.fixture(params=WIRES)
def plain_wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> NewWire:
    if "uvloop" in request.param:
        monkeypatch.setattr("asyncio.run", uvloop.run)
    return WIRES[request.param]


@pytest.fixture(params=["whole", "streamed"])
def new_wire(plain_wire: NewWire, request: pytest.FixtureRequest) -> NewWire:
    if request.param == "whole":
        return plain_wire
    return lambda *settings, **named: Streamed(plain_wire(*settings, **named))


def against(new_wire: NewWire, check: Check) -> None:
    """Run `check` with a server of faults and a new wire, and see that nothing is left behind."""

    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            wire = new_wire()
            await check(server, wire)
            await wire.aclose()
            await server.until(lambda: server.open == 0)

    asyncio.run(main())
    gc.collect()


async def ask(
    server: FaultServer, wire: Wire, target: str, method: str = "GET", content: bytes = b"", **headers: str
) -> Response:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    async with asyncio.timeout(20):
        return await wire.send(Request(method, server.origin, target, pairs, content), Context("faulty", "op"))


@pytest.mark.parametrize("fault", ["ok", "chunked", "until-close", "early", "gzip", "two-gzips"])
def test_an_answer_is_whole_and_decoded_however_it_is_framed(new_wire: NewWire, fault: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        assert OK == (await ask(server, wire, f"/{fault}")).content

    against(new_wire, check)


@pytest.mark.parametrize(("target", "status"), [("/204", 204), ("/304", 304), ("/ok", 200)])
def test_an_answer_without_a_body_leaves_the_connection_usable(new_wire: NewWire, target: str, status: int) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        for _ in range(3):
            assert status == (await ask(server, wire, target)).status
        assert 1 == server.accepts

    against(new_wire, check)


def test_the_answer_to_head_has_no_body_whatever_it_says(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        for _ in range(2):
            response = await ask(server, wire, "/head", "HEAD")
            assert (200, b"") == (response.status, response.content)
        assert 1 == server.accepts

    against(new_wire, check)


def test_a_request_goes_out_as_it_was_written(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        target = "/echo/a%2Fb%20c;x=1/%C3%BC?q=%26&q=a+b&%5B%5D=~"
        await ask(server, wire, target, "POST", b"hello", x_one="1", accept="text/plain")
        seen = server.requests[0]
        assert ("POST", target, b"hello") == (seen.method, seen.target, seen.body)
        assert [["1"], ["text/plain"], ["5"]] == [seen.header(name) for name in ("x-one", "accept", "content-length")]
        assert [f"127.0.0.1:{server.port}"] == seen.header("host")
        assert ["gzip, deflate"] == seen.header("accept-encoding")

    against(new_wire, check)


def test_nobody_but_the_wire_frames_a_message(new_wire: NewWire) -> None:
    """A content-length or transfer-encoding from outside would be the start of request smuggling."""

    async def check(server: FaultServer, wire: Wire) -> None:
        headers = {"content_length": "3", "transfer_encoding": "chunked", "connection": "close", "te": "trailers"}
        await ask(server, wire, "/ok", "POST", b"hello", **headers)
        await ask(server, wire, "/ok")
        first, second = server.requests
        assert (["5"], [], b"hello") == (first.header("content-length"), first.header("transfer-encoding"), first.body)
        assert "/ok" == second.target

    against(new_wire, check)


@pytest.mark.parametrize(
    ("name", "value"), [("x", "a\r\ny: b"), ("x", "a\nb"), ("x", "a\0b"), ("x\r\ny", "a"), ("x y", "a"), ("", "a")]
)
def test_a_header_that_would_begin_another_line_is_never_sent(new_wire: NewWire, name: str, value: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(ValueError, match="header"):
            await wire.send(Request("GET", server.origin, "/ok", [(name, value)]), Context("faulty"))
        assert 0 == server.accepts

    against(new_wire, check)


@pytest.mark.parametrize(
    "target",
    [
        "/../admin", "/a/../b", "/a/..", "/./a", "/a/.", "/%2e%2e/admin", "/a/%2E./b", "/a/.%2e", "/..%2fadmin",
        "/a\\..\\b", "/..;/admin", "admin", "", "/a b", "/a\r\nx: y", "/a\0", "/a#b", "/ü", "http://other/",
    ],
)  # fmt: skip
def test_a_target_that_may_name_another_resource_is_refused(new_wire: NewWire, target: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(UnsafePath):
            await ask(server, wire, target)
        assert 0 == server.accepts

    against(new_wire, check)


def test_redirects_are_not_followed_and_cookies_not_kept(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        assert 302 == (await ask(server, wire, "/redirect")).status
        assert "session=secret; Path=/" == (await ask(server, wire, "/cookie")).headers["Set-Cookie"]
        await ask(server, wire, "/ok")
        assert ["/redirect", "/cookie", "/ok"] == [seen.target for seen in server.requests]
        assert [] == [name for seen in server.requests for name in ("cookie", "referer") if seen.header(name)]

    against(new_wire, check)


def test_proxy_variables_are_not_read(new_wire: NewWire, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing_port() as port:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")

        async def check(server: FaultServer, wire: Wire) -> None:
            assert 200 == (await ask(server, wire, "/ok")).status

        against(new_wire, check)


@pytest.mark.parametrize("fault", ["reset", "reset-half", "short", "cut-chunk", "nothing", "head-only"])
def test_a_connection_that_breaks_is_unreachable_and_may_have_been_processed(new_wire: NewWire, fault: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(UpstreamUnreachable) as caught:
            await ask(server, wire, f"/{fault}")
        assert (True, "faulty", "op") == (caught.value.sent, caught.value.upstream, caught.value.operation)
        assert 1 == len(server.requests)
        await server.until(lambda: server.open == 0)

    against(new_wire, check)


@pytest.mark.parametrize("fault", ["bad-gzip", "cut-gzip", "bomb", "brotli", "20mb", "endless", "garbage"])
def test_an_answer_that_cannot_be_taken_is_a_violation_of_the_contract(new_wire: NewWire, fault: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(ContractViolation):
            await ask(server, wire, f"/{fault}")

    against(new_wire, check)


@pytest.mark.parametrize("fault", ["huge-header", "many-headers", "bad-chunk"])
def test_a_head_or_framing_past_every_limit_is_no_answer(new_wire: NewWire, fault: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises((ContractViolation, UpstreamUnreachable)):
            await ask(server, wire, f"/{fault}")
        await server.until(lambda: server.open == 0)

    against(new_wire, check)


@pytest.mark.parametrize("fault", ["20mb", "endless"])
def test_a_body_past_the_limit_closes_its_connection(new_wire: NewWire, fault: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(ContractViolation, match="max_body"):
            await ask(server, wire, f"/{fault}")
        await server.until(lambda: server.open == 0)

    against(new_wire, check)


def test_a_refused_connection_was_never_sent(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with refusing_port() as port, pytest.raises(UpstreamUnreachable) as caught:
            await wire.send(Request("POST", f"http://127.0.0.1:{port}", "/"), Context("nobody"))
        assert caught.value.sent is False

    against(new_wire, check)


def test_a_name_that_does_not_resolve_was_never_sent(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(UpstreamUnreachable) as caught:
            await wire.send(Request("POST", "http://name.invalid", "/"), Context("nobody"))
        assert caught.value.sent is False

    against(new_wire, check)


def test_a_connection_that_is_never_accepted_ends_in_the_connect_timeout(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with unaccepting_port() as port, pytest.raises(UpstreamTimeout) as caught:
            await wire.send(Request("POST", f"http://127.0.0.1:{port}", "/"), Context("full"))
        assert caught.value.sent is False

    against(lambda: new_wire(connect=0.1), check)


@pytest.mark.parametrize("fault", ["hang", "half", "drip"])
def test_a_cancelled_call_closes_its_connection_at_once(new_wire: NewWire, fault: str) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        call = asyncio.create_task(ask(server, wire, f"/{fault}"))
        await server.until(lambda: len(server.requests) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.until(lambda: server.open == 0)
        assert 200 == (await ask(server, wire, "/ok")).status

    against(new_wire, check)


def test_a_cancelled_call_to_a_peer_that_reads_nothing_closes_its_connection(new_wire: NewWire) -> None:
    """More is waiting to be written than the sockets hold: closing politely would wait for ever."""

    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            server.is_deaf = True
            wire = new_wire()
            call = asyncio.create_task(ask(server, wire, "/ok", "POST", bytes(20_000_000)))
            await server.until(lambda: server.accepts == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await wire.aclose()

    asyncio.run(main())


@pytest.mark.usefixtures("loop")
def test_a_connection_closed_while_it_idled_is_replaced_unseen() -> None:
    """
    The server closes on the second request: one answer for each, three requests on the wire.

    httpx's transport does not say whether a connection is a used one; there it is the retry layer's to mend.
    """

    async def check(server: FaultServer, wire: Wire) -> None:
        assert [200, 200] == [(await ask(server, wire, "/stale")).status for _ in range(2)]
        assert (2, 3) == (server.accepts, len(server.requests))

    against(lean_wire, check)


def test_a_write_is_not_repeated_on_its_own_even_on_a_stale_connection(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        await ask(server, wire, "/stale", "POST")
        with pytest.raises(UpstreamUnreachable):
            await ask(server, wire, "/stale", "POST")
        assert 2 == len(server.requests)

    against(new_wire, check)


@pytest.mark.usefixtures("loop")
def test_what_nobody_asked_for_is_never_the_answer_to_the_next_request() -> None:
    """The transport of httpx itself does take it for that, and gives a wire no means to see it."""

    async def check(server: FaultServer, wire: Wire) -> None:
        assert OK == (await ask(server, wire, "/unasked")).content
        assert OK == (await ask(server, wire, "/ok")).content
        assert 2 == server.accepts

    against(lean_wire, check)


@pytest.mark.usefixtures("loop")
def test_an_answer_longer_than_it_says_is_none() -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(ContractViolation):
            await ask(server, wire, "/long")
        assert OK == (await ask(server, wire, "/ok")).content

    against(lean_wire, check)


def test_connections_are_kept_and_shared_by_concurrent_calls(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        for _ in range(3):
            await asyncio.gather(*(ask(server, wire, "/ok") for _ in range(10)))
        assert (30, 10) == (len(server.requests), server.accepts)

    against(new_wire, check)


@pytest.mark.usefixtures("loop")
def test_the_default_wire_serves_one_event_loop_after_another() -> None:
    wire = LeanWire()

    async def main() -> None:
        async with FaultServer() as server:
            assert 200 == (await ask(server, wire, "/ok")).status
            await wire.aclose()
            assert 200 == (await ask(server, wire, "/ok")).status
            await wire.aclose()

    asyncio.run(main())
    asyncio.run(main())


@pytest.mark.usefixtures("loop")
def test_running_out_of_our_own_file_descriptors_says_nothing_about_the_upstream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    async def check(server: FaultServer, wire: Wire) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("socket.socket.__init__", exhausted)
            with pytest.raises(Overloaded):
                await ask(server, wire, "/ok")

    against(lean_wire, check)


@pytest.mark.usefixtures("loop")
def test_the_default_wire_outlives_a_loop_that_ended_before_it_was_closed() -> None:
    wire = LeanWire()

    async def main() -> None:
        async with FaultServer() as server:
            assert 200 == (await ask(server, wire, "/ok")).status

    with warnings.catch_warnings():
        # What the first loop left open is its user's mistake, and Python says so.
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(main())
        asyncio.run(main())
        asyncio.run(wire.aclose())
        gc.collect()


@pytest.mark.usefixtures("loop")
def test_an_upgrade_that_nobody_asked_for_is_no_answer() -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        with pytest.raises(ContractViolation):
            await ask(server, wire, "/upgrade")
        await server.until(lambda: server.open == 0)

    against(lean_wire, check)


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CERTIFICATE)


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize(
    ("verify", "expected"),
    [
        (lambda: True, UpstreamUnreachable),
        (lambda: False, 200),
        (lambda: str(CERTIFICATE), 200),
        (trusting, 200),
        (ssl.create_default_context, UpstreamUnreachable),
    ],
    ids=["True", "False", "bundle", "trusting context", "context"],
)
def test_certificates_are_verified_as_told(verify: Callable[[], str | ssl.SSLContext | bool], expected: object) -> None:
    async def main() -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
        async with no_leaks(), FaultServer(tls=tls) as server:
            wire = LeanWire(connect=20.0, verify=verify())
            for _ in range(2):
                try:
                    outcome: object = (await ask(server, wire, "/ok")).status
                except UpstreamUnreachable as error:
                    outcome = UpstreamUnreachable if not error.sent else error
                assert expected == outcome
            await wire.aclose()

    asyncio.run(main())


def test_a_trys_own_time_does_not_pass_while_there_is_no_connection(new_wire: NewWire) -> None:
    """It is the connect timeout that ends this one, although it is the longer."""

    async def check(server: FaultServer, wire: Wire) -> None:
        onion = build_onion(Policies(timeout=Timeout(20.0, per_try=0.05), retry=None), send=wire.send, name="full")
        with unaccepting_port() as port, pytest.raises(UpstreamTimeout) as caught:
            await onion.send(Request("GET", f"http://127.0.0.1:{port}", "/"), Context("full"))
        assert caught.value.sent is False

    against(lambda: new_wire(connect=0.2), check)


def test_a_trys_own_time_passes_once_there_is_one(new_wire: NewWire) -> None:
    async def check(server: FaultServer, wire: Wire) -> None:
        onion = build_onion(Policies(timeout=Timeout(20.0, per_try=0.1), retry=None), send=wire.send, name="hanging")
        with pytest.raises(UpstreamTimeout, match=r"within 0\.1 s"):
            await onion.send(Request("GET", server.origin, "/hang"), Context("hanging"))
        await server.until(lambda: server.open == 0)

    against(new_wire, check)
