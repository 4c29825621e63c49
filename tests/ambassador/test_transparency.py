"""Around a transport of httpx's or httpx2's own, ours is not to be seen; without one it speaks as they do."""

import asyncio
import builtins
import gc
import importlib
import sys
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import suppress
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

import bff.ambassador.httpx2 as for_httpx2
from bff import Bulkhead, CircuitBreaker, DeadlineExceeded, Retry, Timeout, UpstreamTimeout, UpstreamUnreachable
from bff.ambassador import Ambassador, AmbassadorTransport
from tests.support.faults import FaultServer, no_leaks, refusing_port
from tests.support.virtual import run

AGAIN = Retry(3, wait=lambda _: 0.0, budget=None)


Check = Callable[[FaultServer, Any], Awaitable[None]]


class Library:
    """One of the two, with our transport for it. Their types differ in name alone, so tests look at neither's."""

    def __init__(self, module: ModuleType, transport: Any) -> None:
        self.module: Any = module
        self.transport = transport

    def layered(self, inner: object = None, **policies: Any) -> Any:
        return self.transport(inner, **policies)

    def around_own(self, **policies: Any) -> Any:
        return self.layered(self.own(), **policies)

    def own(self) -> Any:
        return self.module.AsyncHTTPTransport(verify=False)


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == "httpx":
        return Library(httpx, AmbassadorTransport)
    return Library(httpx2, for_httpx2.AmbassadorTransport)


@pytest.fixture(params=["default wire", "own transport"])
def new_transport(library: Library, request: pytest.FixtureRequest) -> Callable[..., Any]:
    if request.param == "default wire":
        return library.layered
    return library.around_own


def talking(
    library: Library,
    transport: Callable[..., Any],
    check: Check,
    **policies: Any,
) -> None:
    """Run `check` with a client over real sockets, and see that nothing is left behind."""

    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            async with library.module.AsyncClient(transport=transport(**policies), timeout=20.0) as client:
                await check(server, client)
            await server.until(lambda: server.open == 0)

    asyncio.run(main())
    gc.collect()


# Around a transport of theirs.


def test_the_request_goes_on_as_the_very_object_that_it_was(library: Library) -> None:
    async def main() -> None:
        seen: list[Any] = []

        def handler(request: Any) -> Any:
            seen.append((request, dict(request.extensions)))
            return library.module.Response(200)

        client = library.module.AsyncClient(transport=library.layered(library.module.MockTransport(handler)))
        extensions = {"sni_hostname": "other", "target": b"*", "timeout": {"connect": 1.5, "pool": 2.5}}
        headers = [(b"X-Raw", b"1"), (b"x-raw", b"2")]
        request = client.build_request("OPTIONS", "http://test/", headers=headers, extensions=extensions)
        await client.send(request)
        assert request is seen[0][0]
        assert extensions == seen[0][1]
        assert {(b"X-Raw", b"1"), (b"x-raw", b"2")} <= set(request.headers.raw)

    run(main())


def test_the_answer_comes_back_line_by_line_as_it_was(library: Library) -> None:
    async def main() -> None:
        raw = [(b"X-Raw", b"1"), (b"x-raw", b"2"), (b"Content-Length", b"3")]
        extensions = {"http_version": b"HTTP/2", "reason_phrase": b"Fine", "network_stream": object()}

        def handler(request: Any) -> Any:
            stream = library.module.ByteStream(b"abc")
            return library.module.Response(299, headers=raw, stream=stream, extensions=extensions)

        transport = library.layered(library.module.MockTransport(handler))
        async with library.module.AsyncClient(transport=transport) as client:
            response = await client.get("http://test/")
        assert (299, raw, b"abc", "HTTP/2", "Fine") == (
            response.status_code,
            response.headers.raw,
            response.content,
            response.http_version,
            response.reason_phrase,
        )
        assert extensions == response.extensions

    run(main())


def test_what_layers_tell_the_upstream_comes_behind_the_requests_own_headers(library: Library) -> None:
    async def main() -> None:
        seen: list[Any] = []

        def handler(request: Any) -> Any:
            seen.append(request)
            return library.module.Response(503 if len(seen) == 1 else 200)

        inner = library.module.MockTransport(handler)
        transport = library.layered(inner, retry=AGAIN, deadline_header="x-left")
        async with library.module.AsyncClient(transport=transport) as client:
            sent = client.build_request("PUT", "http://test/", content=b"abc", headers={"X-One": "1"})
            await client.send(sent)
        assert ["1", "2"] == [request.headers["x-envoy-attempt-count"] for request in seen]
        assert all("x-left" in request.headers and request.content == b"abc" for request in seen)
        assert sent.headers.raw == seen[1].headers.raw[: len(sent.headers.raw)]

    run(main())


def test_the_users_own_trace_goes_on_and_so_does_the_trys_time(library: Library) -> None:
    names: list[str] = []

    async def trace(name: str, info: object) -> None:
        names.append(name)

    async def check(server: FaultServer, client: Any) -> None:
        extensions = {"trace": trace}
        request = client.build_request("GET", f"{server.origin}/ok", extensions=extensions)
        assert 200 == (await client.send(request)).status_code
        assert trace is request.extensions["trace"]

    talking(library, library.around_own, check)
    assert {"connection.connect_tcp.started", "http11.receive_response_body.complete"} <= set(names)


@pytest.mark.parametrize("fault", ["reset", "reset-half", "nothing", "garbage", "short", "head-only", "bad-chunk"])
def test_errors_are_those_of_their_transport(library: Library, fault: str) -> None:
    """Type and words are the same as without ours, whether the head or the body broke."""
    found: list[tuple[object, str]] = []

    async def check(server: FaultServer, client: Any) -> None:
        with pytest.raises(library.module.TransportError) as caught:
            await client.get(f"{server.origin}/{fault}")
        error: Exception = caught.value
        found.append((type(error), str(error)))

    talking(library, library.own, check)
    talking(library, library.around_own, check, retry=None)
    plain, layered = found
    assert plain == layered


def test_a_scheme_that_is_not_spoken_is_said_to_be_none(library: Library, new_transport: Callable[..., Any]) -> None:
    async def check(_: FaultServer, client: Any) -> None:
        with pytest.raises(library.module.UnsupportedProtocol, match="'gopher://'"):
            await client.get("gopher://test/")

    talking(library, new_transport, check)


def test_entering_and_leaving_a_client_reaches_the_transport_that_is_wrapped(library: Library) -> None:
    events: list[str] = []
    base: Any = library.module.AsyncBaseTransport

    class Telling(base):  # type: ignore[misc]
        async def __aenter__(self) -> Any:
            events.append("entered")
            return self

        async def __aexit__(self, *_: object) -> None:
            events.append("left")

    async def main() -> None:
        async with library.module.AsyncClient(transport=library.layered(Telling())):
            events.append("inside")

    run(main())
    assert ["entered", "inside", "left"] == events


# Both ways of speaking.


def test_an_answer_is_read_decoded_and_says_how_it_came(library: Library, new_transport: Callable[..., Any]) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        response = await client.get(f"{server.origin}/gzip")
        assert {"ok": True} == response.json()
        assert ("HTTP/1.1", "OK", "gzip") == (
            response.http_version,
            response.reason_phrase,
            response.headers["content-encoding"],
        )
        await client.get(f"{server.origin}/ok", headers={"accept-encoding": "identity"})
        assert ["identity"] == server.requests[-1].header("accept-encoding")
        assert 1 == server.accepts

    talking(library, new_transport, check)


def test_redirects_and_cookies_stay_the_clients_business(library: Library, new_transport: Callable[..., Any]) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        assert {"ok": True} == (await client.get(f"{server.origin}/redirect", follow_redirects=True)).json()
        await client.get(f"{server.origin}/cookie")
        await client.get(f"{server.origin}/ok")
        assert ["session=secret"] == server.requests[-1].header("cookie")
        assert 1 == server.accepts

    talking(library, new_transport, check)


async def generated() -> AsyncGenerator[bytes]:
    yield b"one"
    yield b"two"


def test_bodies_stream_both_ways(library: Library, new_transport: Callable[..., Any]) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        assert 200 == (await client.put(f"{server.origin}/ok", content=generated())).status_code
        files = {"file": ("a.txt", b"content", "text/plain")}
        assert 200 == (await client.post(f"{server.origin}/ok", files=files)).status_code
        chunked, declared = server.requests
        assert (b"onetwo", ["chunked"]) == (chunked.body, chunked.header("transfer-encoding"))
        assert [str(len(declared.body))] == declared.header("content-length")
        async with client.stream("GET", f"{server.origin}/half") as response:
            assert b"half!" == await anext(response.aiter_raw())
        await server.until(lambda: server.open == 0)

    talking(library, new_transport, check)


@pytest.mark.parametrize("fault", ["reset", "503"])
def test_a_generator_is_sent_once_and_bytes_are_sent_again(
    library: Library, new_transport: Callable[..., Any], fault: str
) -> None:
    async def put(server: FaultServer, client: Any, content: object) -> int:
        before = len(server.requests)
        with suppress(library.module.TransportError):
            await client.put(f"{server.origin}/{fault}", content=content)
        return len(server.requests) - before

    async def check(server: FaultServer, client: Any) -> None:
        assert 1 == await put(server, client, generated())
        assert 3 <= await put(server, client, b"onetwo")

    talking(library, new_transport, check, retry=AGAIN, breaker=None)


def test_a_refused_connection_is_a_connect_error(library: Library, new_transport: Callable[..., Any]) -> None:
    async def check(_: FaultServer, client: Any) -> None:
        with refusing_port() as port, pytest.raises(library.module.ConnectError):
            await client.post(f"http://127.0.0.1:{port}/", content=generated())

    talking(library, new_transport, check)


def test_the_total_time_holds_for_a_body_that_drips(library: Library, new_transport: Callable[..., Any]) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        with pytest.raises(library.module.ReadTimeout) as caught:
            await client.get(f"{server.origin}/drip")
        assert isinstance(caught.value.__cause__, UpstreamTimeout)

    talking(library, new_transport, check, timeout=Timeout(0.3))


def test_a_read_timeout_holds_for_each_part_and_not_for_the_whole(library: Library) -> None:
    """The upstream drips for longer than the client waits for one part of it, and then says no more."""

    async def main() -> None:
        async def parts() -> AsyncGenerator[bytes]:
            for _ in range(5):
                await asyncio.sleep(2)
                yield b"."
            await asyncio.sleep(4)
            yield b"!"

        def handler(request: Any) -> Any:
            return library.module.Response(200, content=parts())

        transport = library.layered(library.module.MockTransport(handler), timeout=None)
        timeout = library.module.Timeout(None, read=3.0)
        client = library.module.AsyncClient(transport=transport, timeout=timeout)
        async with client, client.stream("GET", "http://test/") as response:
            body = response.aiter_raw()
            assert [b"."] * 5 == [await anext(body) for _ in range(5)]
            with pytest.raises(library.module.ReadTimeout) as caught:
                await anext(body)
        assert isinstance(caught.value.__cause__, DeadlineExceeded)
        assert 0 == transport.statistics()["http://test"].taken

    run(main())


def test_a_body_that_breaks_counts_and_gives_its_slot_back(library: Library, new_transport: Callable[..., Any]) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        with pytest.raises(library.module.TransportError):
            await client.get(f"{server.origin}/reset-half")
        statistics = client._transport.statistics()[server.origin]
        assert (1, 1.0, 0) == (statistics.calls, statistics.failure_rate, statistics.taken)

    talking(library, new_transport, check, retry=None, breaker=CircuitBreaker(), bulkhead=Bulkhead(1))


def test_an_answer_that_nobody_closes_holds_nothing_once_it_is_collected(library: Library) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        async def forget() -> None:
            await client.send(client.build_request("GET", f"{server.origin}/half"), stream=True)

        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            await forget()
            gc.collect()
            await server.until(lambda: server.open == 0)
        assert {ResourceWarning} == {warning.category for warning in warned}
        assert 0 == client._transport.statistics()[server.origin].taken

    talking(library, library.layered, check)


def test_an_upgrade_that_was_asked_for_is_handed_on(library: Library) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        headers = {"connection": "upgrade", "upgrade": "x"}
        async with client.stream("GET", f"{server.origin}/upgrade", headers=headers) as response:
            assert (101, "x") == (response.status_code, response.headers["upgrade"])
            assert response.extensions["network_stream"].get_extra_info("server_addr") is not None

    talking(library, library.around_own, check)


def test_what_fails_in_the_clients_own_body_comes_out_as_it_was(
    library: Library, new_transport: Callable[..., Any]
) -> None:
    async def failing() -> AsyncGenerator[bytes]:
        yield b"one"
        raise OSError("our file")

    async def check(server: FaultServer, client: Any) -> None:
        with pytest.raises(OSError, match="our file"):
            await client.put(f"{server.origin}/ok", content=failing())
        assert 0 == client._transport.statistics()[server.origin].calls

    talking(library, new_transport, check)


def test_an_auth_flow_of_the_client_asks_twice(library: Library, new_transport: Callable[..., Any]) -> None:
    class Asking(library.module.Auth):  # type: ignore[misc, name-defined]
        requires_response_body = True

        def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            response = yield request
            request.headers["x-seen"] = response.text
            yield request

    async def check(server: FaultServer, client: Any) -> None:
        assert 200 == (await client.get(f"{server.origin}/ok", auth=Asking())).status_code
        assert [[], ['{"ok":true}']] == [seen.header("x-seen") for seen in server.requests]

    talking(library, new_transport, check)


# Where it cannot be used.


@pytest.mark.parametrize("inner", [None, httpx.MockTransport(lambda _: httpx.Response(200))])
def test_without_asyncio_it_refuses_rather_than_do_without_its_layers(inner: httpx.MockTransport | None) -> None:
    """As under trio, where a coroutine is driven by another loop."""
    call = AmbassadorTransport(inner).handle_async_request(httpx.Request("GET", "http://test/"))
    with pytest.raises(RuntimeError, match="asyncio"):
        call.send(None)


def test_without_httpx2_its_door_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def importing(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "httpx2":
            raise ImportError(name)
        return original(name, *arguments, **named)

    monkeypatch.delitem(sys.modules, "bff.ambassador.httpx2")
    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(ImportError, match=r"bff-framework\[httpx2\]"):
        importlib.import_module("bff.ambassador.httpx2")


def test_an_ambassador_takes_auth_and_transport_of_httpx2() -> None:
    async def main() -> None:
        async with FaultServer() as server:
            transport: Any = httpx2.AsyncHTTPTransport(verify=False)
            auth: Any = httpx2.BasicAuth("user", "secret")
            async with Ambassador(server.origin, transport=transport, auth=auth) as ambassador:
                assert {"ok": True} == (await ambassador.get("/gzip")).json()
                with pytest.raises(UpstreamUnreachable):
                    await ambassador.post("/reset")
            assert ["Basic dXNlcjpzZWNyZXQ="] == server.requests[0].header("authorization")

    asyncio.run(main())


def test_a_small_answer_that_is_tried_again_leaves_its_connection_usable(library: Library) -> None:
    async def check(server: FaultServer, client: Any) -> None:
        assert b"busy" == (await client.get(f"{server.origin}/503")).content
        assert (3, 1) == (len(server.requests), server.accepts)

    talking(library, library.layered, check, retry=AGAIN)
