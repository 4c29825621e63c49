"""The layers as an httpx transport: any httpx code, made resilient."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bff import (
    BFFError,
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    Coalescing,
    ContractViolation,
    DeadlineExceeded,
    Overloaded,
    RateLimit,
    RateLimited,
    Retry,
    Timeout,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.ambassador import AmbassadorTransport
from tests.support.faults import FaultServer, no_leaks, refusing_port
from tests.support.virtual import run

Handler = Callable[[httpx.Request], Any]


def client_of(handler: Handler, **settings: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=AmbassadorTransport(httpx.MockTransport(handler), **settings))


def script(*outcomes: int | Exception) -> tuple[list[httpx.Request], Handler]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        outcome = outcomes[min(len(seen), len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return httpx.Response(outcome, json={"tries": len(seen)})

    return seen, handler


async def hang(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(1e9)
    raise AssertionError


def test_a_failing_answer_is_tried_again_with_the_same_request() -> None:
    async def main() -> None:
        seen, handler = script(503, 200)
        async with client_of(handler) as client:
            response = await client.put("http://x/a%2Fb?q=1", json={"a": 1}, headers={"x-y": "z"})
        assert {"tries": 2} == response.json()
        first, second = seen
        assert (first.url, first.content, first.headers["x-y"]) == (second.url, second.content, second.headers["x-y"])
        assert (b"/a%2Fb?q=1", b'{"a":1}') == (second.url.raw_path, second.content)

    run(main())


def test_cookies_and_redirects_remain_the_clients_business() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/old":
            return httpx.Response(302, headers=[("location", "/new"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
        return httpx.Response(200, text=request.headers.get("cookie", ""))

    async def main() -> None:
        async with client_of(handler) as client:
            assert "a=1; b=2" == (await client.get("http://x/old", follow_redirects=True)).text

    run(main())


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (httpx.ConnectError("refused"), UpstreamUnreachable),
        (httpx.ConnectTimeout("slow"), UpstreamTimeout),
        (httpx.ReadTimeout("slow"), UpstreamTimeout),
        (httpx.ReadError("reset"), UpstreamUnreachable),
        (httpx.PoolTimeout("full"), Overloaded),
        (httpx.RemoteProtocolError("illegal status line"), ContractViolation),
        (httpx.RemoteProtocolError("gone without sending a response"), UpstreamUnreachable),
        (httpx.UnsupportedProtocol("gopher"), type(None)),
        (httpx.LocalProtocolError("bad header"), type(None)),
        (KeyError("a bug"), type(None)),
    ],
)  # fmt: skip
def test_an_error_of_the_transport_that_is_wrapped_comes_out_as_it_was(raised: Exception, ours: type[BFFError]) -> None:
    """What the layers saw in it is its context; what is the request's own fault they do not look at."""

    async def main() -> None:
        _, handler = script(raised)
        transport = AmbassadorTransport(httpx.MockTransport(handler), retry=None)
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(type(raised)) as caught:
                await client.get("http://x/")
        assert raised is caught.value
        assert (ours, type(None)) == (type(raised.__context__), type(raised.__cause__))
        if isinstance(raised, httpx.TransportError):
            assert "http://x/" == str(raised.request.url)

    run(main())


def test_an_error_that_a_policy_made_is_httpx_own_with_ours_as_its_cause() -> None:
    async def main() -> None:
        async with client_of(hang, retry=None, timeout=Timeout(total=1.0)) as client:
            with pytest.raises(httpx.ReadTimeout) as caught:
                await client.get("http://x/")
        assert isinstance(caught.value.__cause__, UpstreamTimeout)
        assert "http://x/" == str(caught.value.request.url)

    run(main())


def test_what_we_refuse_is_a_transport_error_too() -> None:
    async def main() -> None:
        _, handler = script(httpx.ReadError("reset"))
        async with client_of(handler, retry=None, breaker=CircuitBreaker(min_calls=1)) as client:
            with pytest.raises(httpx.ReadError):
                await client.get("http://x/")
            with pytest.raises(httpx.ConnectError) as caught:
                await client.get("http://x/")
            assert isinstance(caught.value.__cause__, CircuitOpen)
            # Another origin has a breaker of its own.
            with pytest.raises(httpx.ReadError):
                await client.get("http://y/")

    run(main())


def test_a_rate_limit_that_is_used_up_is_a_pool_timeout_too() -> None:
    async def main() -> None:
        async with client_of(script(200)[1], rate_limit=RateLimit(1.0)) as client:
            await client.get("http://x/")
            with pytest.raises(httpx.PoolTimeout) as caught:
                await client.get("http://x/")
            assert isinstance(caught.value.__cause__, RateLimited)

    run(main())


def test_a_full_bulkhead_is_a_pool_timeout() -> None:
    async def main() -> None:
        async with client_of(hang, bulkhead=Bulkhead(1, queue=0)) as client:
            first = asyncio.create_task(client.get("http://x/"))
            await asyncio.sleep(0.1)
            with pytest.raises(httpx.PoolTimeout):
                await client.get("http://x/")
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)

    run(main())


@pytest.mark.parametrize(
    ("read", "expected", "cause"),
    [(5.0, 20.0, UpstreamTimeout), (1.0, 1.0, DeadlineExceeded), (None, 20.0, UpstreamTimeout)],
)
def test_a_read_timeout_given_to_httpx_is_the_callers_deadline_and_its_default_is_none(
    read: float | None, expected: float, cause: type[BFFError]
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with client_of(hang, timeout=Timeout(total=20.0, per_try=None)) as client:
            with pytest.raises(httpx.ReadTimeout) as caught:
                await client.get("http://x/", timeout=httpx.Timeout(5.0, read=read))
        assert (expected, cause) == (round(loop.time() - start, 6), type(caught.value.__cause__))

    run(main())


def test_it_tells_of_its_layers_by_origin() -> None:
    async def main() -> None:
        _, handler = script(200)
        transport = AmbassadorTransport(httpx.MockTransport(handler), retry=None)
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get("http://x:81/")
        assert ["http://x:81"] == list(transport.statistics())
        assert 1 == transport.statistics()["http://x:81"].calls
        layers = "deadline > breaker > bulkhead > per-try timeout > wire"
        assert f"<AmbassadorTransport to 1 origins: {layers}>" == repr(transport)

    run(main())


def test_on_real_sockets_it_uses_the_default_wire_and_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            transport = AmbassadorTransport(retry=Retry(2, wait=lambda _: 0.0))
            async with httpx.AsyncClient(transport=transport) as client:
                assert {"ok": True} == (await client.get(f"{server.origin}/gzip")).json()
                with pytest.raises(httpx.ReadError):
                    await client.get(f"{server.origin}/reset")
                with refusing_port() as port, pytest.raises(httpx.ConnectError):
                    await client.post(f"http://127.0.0.1:{port}/")
            assert {"/gzip", "/reset"} == {seen.target for seen in server.requests}
            await server.until(lambda: server.open == 0)

    asyncio.run(main())


def test_equal_reads_of_a_client_share_an_answer_where_that_is_asked_for() -> None:
    """And it is decoded once: what says how it was coded does not come along."""
    served = 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal served
        served += 1
        await asyncio.sleep(1)
        return httpx.Response(200, headers={"content-encoding": "gzip", "x-one": "1"}, content=gzip.compress(b"shared"))

    async def main() -> list[tuple[bytes, str | None]]:
        transport = AmbassadorTransport(httpx.MockTransport(slow), coalescing=Coalescing())
        async with httpx.AsyncClient(transport=transport) as client:
            answers = await asyncio.gather(*(client.get("http://test/") for _ in range(5)))
            return [(answer.content, answer.headers.get("content-encoding")) for answer in answers]

    assert [(b"shared", None)] * 5 == run(main())
    assert 1 == served
