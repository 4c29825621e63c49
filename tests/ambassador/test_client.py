"""The ambassador alone: a client of one upstream for any application."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any

import httpx
import pytest

from bff import (
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    DeclarationError,
    Retry,
    Timeout,
    UnsafePath,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.ambassador import Ambassador, Request, Response
from bff.events import CallFinished
from tests.support.events import Told
from tests.support.faults import FaultServer, no_leaks
from tests.support.scripted import FOR_EVER, ScriptedWire, unreachable
from tests.support.virtual import run

Auth = httpx.Auth | Callable[[Request], Any]


def asked(method: str, path: str, base_url: str = "http://catalog:8000", **options: Any) -> Request:
    """Return the request that a call of the ambassador comes to."""
    settings = {name: options.pop(name) for name in ("headers_of_all", "auth") if name in options}

    async def main() -> Request:
        wire = ScriptedWire()
        headers = settings.get("headers_of_all")
        async with Ambassador(base_url, wire=wire, headers=headers, auth=settings.get("auth")) as ambassador:
            await getattr(ambassador, method)(path, **options)
        return wire.requests[-1]

    return run(main())


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete"])
def test_each_verb_has_its_method(method: str) -> None:
    assert method.upper() == asked(method, "/products").method


@pytest.mark.parametrize(
    ("base_url", "path", "params", "expected"),
    [
        ("http://catalog", "/products/7", None, "/products/7"),
        ("http://catalog/", "products/7", None, "/products/7"),
        ("http://catalog/api/", "/products/7", None, "/api/products/7"),
        ("http://catalog", "/p", {"ids": [1, 2], "none": None, "on": True}, "/p?ids=1&ids=2&on=true"),
        ("http://catalog", "/p", {"q": "a b&c"}, "/p?q=a+b%26c"),
        ("http://catalog", "/p?a=1", {"b": 2}, "/p?a=1&b=2"),
        ("http://catalog", "/a b/ü/%2F", None, "/a%20b/%C3%BC/%2F"),
        ("http://catalog", "/a\r\nx: y", None, "/a%0D%0Ax:%20y"),
    ],
)  # fmt: skip
def test_path_and_query_are_encoded(
    base_url: str, path: str, params: Mapping[str, object] | None, expected: str
) -> None:
    assert expected == asked("get", path, base_url, params=params).target


def test_a_body_is_json_or_content() -> None:
    request = asked("post", "/", json={"name": "Tee", "größe": None})
    assert isinstance(request.content, bytes)
    assert {"name": "Tee", "größe": None} == json.loads(request.content)
    assert ("content-type", "application/json") in request.headers
    assert b"null" == asked("post", "/", json=None).content
    assert b"text" == asked("post", "/", content="text").content
    assert b"\0\1" == asked("post", "/", content=b"\0\1").content
    assert b"" == asked("post", "/").content


def test_headers_of_a_call_go_over_those_of_all_calls() -> None:
    request = asked("get", "/", headers_of_all={"X-One": "1", "x-two": "2"}, headers={"X-TWO": "3"})
    told = {("x-envoy-attempt-count", "1"), ("x-envoy-expected-rq-timeout-ms", "2495")}
    assert {("user-agent", "bff"), ("x-one", "1"), ("x-two", "3")} == set(request.headers) - told


class Bearer(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = yield httpx.Request("POST", "http://login:81/token?x=1", json={"user": "u"})
        request.headers["authorization"] = f"Bearer {token.status_code}"
        yield request


def key(_: Request) -> Mapping[str, str]:
    return {"Authorization": "Key k"}


async def later(request: Request) -> Mapping[str, str]:
    await asyncio.sleep(0.1)
    return {"X-Signed": request.target}


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (key, ("authorization", "Key k")),
        (later, ("x-signed", "/a%2Fb?c=1")),
        (httpx.BasicAuth("user", "secret"), ("authorization", "Basic dXNlcjpzZWNyZXQ=")),
        (Bearer(), ("authorization", "Bearer 200")),
    ],
)
def test_auth_is_httpx_own_or_a_function(auth: Auth, expected: tuple[str, str]) -> None:
    request = asked("get", "/a%2Fb", auth=auth, params={"c": 1})
    assert expected in request.headers
    assert ("http://catalog:8000", "/a%2Fb?c=1") == (request.origin, request.target)


def test_auth_may_send_requests_of_its_own_and_is_asked_at_each_try() -> None:
    async def main() -> None:
        wire = ScriptedWire([200, 503, 200, 200])
        async with Ambassador("http://catalog", wire=wire, auth=Bearer()) as ambassador:
            assert 200 == (await ambassador.get("/x")).status
        assert ["/token?x=1", "/x", "/token?x=1", "/x"] == [request.target for request in wire.requests]
        assert "http://login:81" == wire.requests[0].origin
        assert b'{"user":"u"}' == wire.requests[0].content

    run(main())


def test_a_credential_in_the_address_goes_into_a_header_and_nowhere_else() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable()])
        ambassador = Ambassador("https://us%40er:s3cret@catalog/api", wire=wire, retry=None)
        with pytest.raises(UpstreamUnreachable) as caught:
            await ambassador.get("/x")
        assert ("authorization", "Basic dXNAZXI6czNjcmV0") in wire.requests[0].headers
        assert "s3cret" not in repr(ambassador) + str(caught.value) + wire.requests[0].origin
        assert "https://catalog" == wire.requests[0].origin

    run(main())


@pytest.mark.parametrize(
    "base_url", ["catalog", "ftp://catalog", "http://", "http://x:y:z", "http://catalog?x=1", "http://c#d", ""]
)
def test_an_address_that_is_none_is_a_declaration_error_that_shows_no_credential(base_url: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Ambassador(base_url.replace("http://", "http://user:s3cret@"))
    assert __file__ == caught.value.problems[0].file
    assert "s3cret" not in str(caught.value)


def test_repr_is_one_line_that_shows_the_layers_in_their_order() -> None:
    full = Ambassador("http://catalog:8000/api", wire=ScriptedWire())
    assert (
        "<Ambassador to http://catalog:8000/api: deadline > retry > breaker > bulkhead > per-try timeout > wire>"
        == repr(full)
    )
    bare = Ambassador("http://[::1]:80", timeout=None, retry=None, breaker=None, bulkhead=None, wire=ScriptedWire())
    assert "<Ambassador to http://[::1]:80: deadline > wire>" == repr(bare)


def test_a_failing_answer_is_returned_once_the_policies_have_done_what_they_can() -> None:
    async def main() -> None:
        wire = ScriptedWire([503, 503, 500])
        async with Ambassador("http://catalog", wire=wire, retry=Retry(3)) as ambassador:
            assert 500 == (await ambassador.get("/")).status
            assert (3, 1.0) == (ambassador.statistics().calls, ambassador.statistics().failure_rate)

    run(main())


@pytest.mark.parametrize(("timeout", "expected"), [(0.4, 0.2), (4, 2.0), (Timeout(total=9.0, per_try=0.1), 0.1)])
def test_a_call_may_have_a_timeout_of_its_own(timeout: float | Timeout, expected: float) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with Ambassador("http://catalog", wire=ScriptedWire(delay=FOR_EVER), retry=None) as ambassador:
            with pytest.raises(UpstreamTimeout):
                await ambassador.get("/", timeout=timeout)
            assert (expected, 1) == (round(loop.time() - start, 6), ambassador.statistics().calls)

    run(main())


def test_a_call_may_have_no_timeout() -> None:
    async def main() -> None:
        async with Ambassador("http://catalog", wire=ScriptedWire(delay=3600.0), retry=None) as ambassador:
            assert 200 == (await ambassador.get("/", timeout=None)).status

    run(main())


def test_observers_are_told_of_its_calls_by_its_name() -> None:
    async def main() -> None:
        told = Told(CallFinished)
        async with Ambassador("http://catalog:80", wire=ScriptedWire(), observers=[told]) as ambassador:
            await ambassador.get("/")
        (call,) = told.of(CallFinished)
        assert CallFinished("catalog:80", "", 200, 0.0, 1, "", call=call.call) == call

    run(main())


def test_it_speaks_through_an_httpx_transport_when_it_is_given_one() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"url": str(request.url)})

    async def main() -> None:
        async with Ambassador("http://catalog", transport=httpx.MockTransport(answer)) as ambassador:
            response = await ambassador.get("/products/7", params={"x": 1})
            assert {"url": "http://catalog/products/7?x=1"} == response.json()
            assert "application/json" == response.headers["Content-Type"]

    run(main())


def test_end_to_end_it_survives_what_an_upstream_does() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            policies: dict[str, Any] = {
                "retry": Retry(2, wait=lambda _: 0.0, budget=None),
                "breaker": CircuitBreaker(min_calls=4, cooldown=60.0),
                "bulkhead": Bulkhead(4),
            }
            async with Ambassador(server.origin, timeout=Timeout(total=20.0), **policies) as ambassador:
                assert {"ok": True} == (await ambassador.get("/ok")).json()
                with pytest.raises(UnsafePath):
                    await ambassador.get("/../admin")
                with pytest.raises(UpstreamUnreachable):
                    await ambassador.get("/reset")
                # The first reset hits a connection that had idled: that one is repeated at once, for free.
                assert ["/ok", *["/reset"] * 3] == [seen.target for seen in server.requests]
                with pytest.raises((CircuitOpen, UpstreamUnreachable)):
                    await ambassador.get("/reset")
                with pytest.raises(CircuitOpen):
                    await ambassador.get("/ok")
                assert "open" == ambassador.statistics().state
            await server.until(lambda: server.open == 0)

    asyncio.run(main())


@pytest.mark.parametrize("target", ["/drip", "/hang", "/half"])
def test_the_deadline_holds_against_an_upstream_that_drips_or_hangs(target: str) -> None:
    async def main() -> None:
        async with FaultServer() as server:
            timeout = Timeout(total=0.2, per_try=None)
            async with Ambassador(server.origin, timeout=timeout, retry=None) as ambassador:
                with pytest.raises(UpstreamTimeout):
                    await ambassador.get(target)
                await server.until(lambda: server.open == 0)

    asyncio.run(main())


def test_one_that_is_not_used_anymore_holds_nothing() -> None:
    async def main() -> AsyncGenerator[Response, None]:
        async with Ambassador("http://127.0.0.1:1", retry=None) as ambassador:
            with pytest.raises(UpstreamUnreachable):
                yield await ambassador.get("/")

    async def drive() -> None:
        async with no_leaks():
            assert [] == [response async for response in main()]

    asyncio.run(drive())
