"""Several addresses in one base URL: what may stand there, and tries that go to real servers at each of them."""

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from bff import DeclarationError, LoadBalancing, OutlierDetection, Retry, Timeout, Upstream, call
from bff.ambassador import Ambassador, AmbassadorTransport, Context, HttpxWire, LeanWire, Request
from bff.ambassador._httpx import from_httpx, to_httpx
from bff.ambassador._library import HTTPX
from bff.events import AddressEjected, Event
from tests.support.faults import FaultServer, no_leaks, refusing_port
from tests.support.scripted import ScriptedWire
from tests.support.virtual import run


class Resetting(FaultServer):
    """Sends a RST as soon as it has read a request."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        peer: socket.socket = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Catalog(Upstream):
    base_url = ("http://a.test/v1", "http://b.test/v1")

    @call.get("/ok")
    def ok(self) -> dict[str, bool]: ...

    @call.get("/ok", timeout=Timeout(total=1.0))
    def hasty(self) -> dict[str, bool]: ...


def test_an_ambassador_to_a_list_uses_all_of_it_and_prints_all_of_it() -> None:
    async def main() -> None:
        wire = ScriptedWire()
        urls = ["http://user:secret@a:1/v1/", "http://user:secret@b:1/v1"]
        async with Ambassador(urls, wire=wire, balancing=LoadBalancing("round_robin")) as ambassador:
            for _ in range(4):
                await ambassador.get("/x")
            said = repr(ambassador)
        assert "<Ambassador to http://a:1/v1, http://b:1/v1: deadline > retry > breaker > bulkhead > balance" in said
        assert "secret" not in said
        assert ["http://a:1"] * 2 + ["http://b:1"] * 2 == sorted(request.origin for request in wire.requests)
        assert {("/v1/x", "")} == {(request.target, request.host) for request in wire.requests}
        assert 1 == len({dict(request.headers)["authorization"] for request in wire.requests})
        assert "a:1,b:1" == ambassador.name

    run(main())


def test_a_list_of_one_is_one_address() -> None:
    assert "balance" not in repr(Ambassador(["http://a"], wire=ScriptedWire()))


@pytest.mark.parametrize(
    ("base_url", "policies", "expected"),
    [
        ([], {}, "base_url has no address"),
        (["http://a/x", "http://b/y"], {}, "differ in their path or credential"),
        (["http://u:p@a", "http://b"], {}, "differ in their path or credential"),
        (["http://a", "http://a/"], {}, "base_url has http://a twice"),
        (["dns://a", "http://b"], {}, "a name for DNS among several addresses"),
        (["http://a", "ftp://b"], {}, "base_url is no http or https address: 'ftp://b'"),
        ("dns://a?x=1", {}, "base_url is no http or https address"),
        (["http://a", "http://b"], {"balancing": None}, "there are several addresses, and balancing is off"),
        ("dns://a", {"balancing": None}, "there are several addresses, and balancing is off"),
        (
            ["http://a", "http://b"],
            {"balancing": LoadBalancing(weights={"http://c": 2})},
            "LoadBalancing.weights names http://c, which is no address here",
        ),
        ("http://a", {"balancing": LoadBalancing(weights={"http://c": 2})}, "names http://c, which is no address here"),
        ("dns://a", {"balancing": LoadBalancing(weights={"http://a": 2})}, "those of a name all have the same"),
    ],
)
def test_what_cannot_be_meant_is_refused(base_url: str | list[str], policies: Mapping[str, Any], expected: str) -> None:
    with pytest.raises(DeclarationError, match="Mend") as refused:
        Ambassador(base_url, **policies)
    assert expected in str(refused.value)
    assert "u:p" not in str(refused.value)


def test_weights_are_by_address_as_it_stands_in_the_base_url() -> None:
    async def main() -> dict[str, int]:
        wire = ScriptedWire()
        weights = {"http://a:1/v1": 3.0, "http://b:1": 1}
        policy = LoadBalancing("round_robin", weights=weights)
        async with Ambassador(["http://a:1/v1", "http://b:1/v1"], wire=wire, balancing=policy) as ambassador:
            for _ in range(8):
                await ambassador.get("/")
            assert {"http://a:1": 3.0, "http://b:1": 1.0} == {
                address.address: address.weight for address in ambassador.statistics().addresses
            }
        origins = [request.origin for request in wire.requests]
        return {origin: origins.count(origin) for origin in origins}

    assert {"http://a:1": 6, "http://b:1": 2} == run(main())


def test_an_upstream_has_several_addresses_by_class_environment_or_constructor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "<catalog at http://a.test/v1, http://b.test/v1: " in repr(Catalog())
    assert "http://c, http://d" in repr(Catalog(base_url=["http://c", "http://d"]))
    monkeypatch.setenv("BFF_CATALOG__BASE_URL", '["http://e", "http://f"]')
    monkeypatch.setenv("BFF_CATALOG__BALANCING__ALGORITHM", "peak_ewma")
    assert "http://e, http://f" in repr(Catalog())
    monkeypatch.setenv("BFF_CATALOG__BASE_URL", "http://g")
    assert "balance" not in repr(Catalog())


def test_what_is_wrong_with_addresses_of_an_upstream_is_told_with_its_place() -> None:
    class Wrong(Upstream):
        base_url = ("http://a/x", "http://b/y")

    with pytest.raises(DeclarationError) as refused:
        Wrong()
    (problem,) = refused.value.problems
    assert ("Wrong.base_url", __file__) == (problem.where, problem.file)

    class Unbalanced(Catalog):
        balancing = None

    with pytest.raises(DeclarationError) as refused:
        Unbalanced()
    (problem,) = refused.value.problems
    assert ("Unbalanced.balancing", __file__) == (problem.where, problem.file)
    with pytest.raises(DeclarationError) as refused:
        Catalog(balancing=LoadBalancing(weights={"http://z": 1}))
    (problem,) = refused.value.problems
    assert ("Catalog.balancing", "", 0) == (problem.where, problem.file, problem.line)


def test_operations_with_layers_of_their_own_share_the_addresses() -> None:
    catalog = Catalog()
    assert callable(catalog.hasty)  # its layers are built when it is first asked for
    statistics = catalog.statistics()
    first, second = (onion.addresses for onion in statistics.values())
    assert {"", "hasty"} == set(statistics)
    assert first == second
    assert ["http://a.test", "http://b.test"] == [address.address for address in first]


async def asked(base_url: Sequence[str], path: str, *, calls: int, **options: Any) -> tuple[list[int], list[Event]]:
    events: list[Event] = []
    options.setdefault("retry", Retry(3, wait=lambda _: 0.0, budget=None))
    async with Ambassador(base_url, observers=[events.append], **options) as ambassador:
        return [(await ambassador.get(path)).status for _ in range(calls)], events


@pytest.mark.parametrize("engine", ["lean", "httpx"])
def test_of_three_real_servers_one_resets_and_no_caller_notices(engine: str) -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as one, FaultServer() as two, Resetting() as bad:
            transport = httpx.AsyncHTTPTransport() if engine == "httpx" else None
            urls = [bad.origin, one.origin, two.origin]
            statuses, events = await asked(urls, "/ok", calls=100, transport=transport)
            assert [200] * 100 == statuses
            assert [bad.origin] == [event.address for event in events if isinstance(event, AddressEjected)]
            assert 5 == bad.accepts
            assert 100 == len(one.requests) + len(two.requests)
            assert min(len(one.requests), len(two.requests)) > 20

    asyncio.run(main())


def test_of_three_addresses_one_was_dead_from_the_start_and_no_caller_notices() -> None:
    async def main() -> None:
        async with FaultServer() as one, FaultServer() as two:
            with refusing_port() as port:
                urls = [f"http://127.0.0.1:{port}", one.origin, two.origin]
                # The request was provably not sent: even one that must not be repeated is tried elsewhere.
                events: list[Event] = []
                async with Ambassador(urls, observers=[events.append]) as ambassador:
                    assert [200] * 60 == [(await ambassador.post("/ok", json={})).status for _ in range(60)]
        assert ["local"] == [event.cause for event in events if isinstance(event, AddressEjected)]
        assert 60 == len(one.requests) + len(two.requests)

    asyncio.run(main())


def test_an_app_calls_an_upstream_at_several_addresses() -> None:
    connected = Catalog.connected(app=["http://c.test", "http://d.test"])
    assert "http://c.test, http://d.test" in repr(connected)


@pytest.mark.parametrize("engine", ["lean", "httpx"])
def test_a_wire_names_the_host_that_it_is_told_to(engine: str) -> None:
    async def main() -> None:
        async with FaultServer() as server:
            wire = LeanWire() if engine == "lean" else HttpxWire(httpx.AsyncHTTPTransport())
            for host, headers, expected in [
                ("", (), f"127.0.0.1:{server.port}"),
                ("catalog", (), "catalog"),
                ("catalog:81", (), "catalog:81"),
                ("[fd00::1]:81", (), "[fd00::1]:81"),
                ("catalog", (("host", "other"),), "other"),
            ]:
                request = Request("GET", server.origin, "/ok", headers, host=host)
                assert 200 == (await wire.send(request, Context("test"))).status
                assert [expected] == server.requests[-1].header("host")
            await wire.aclose()

    asyncio.run(main())


def test_a_request_keeps_its_host_on_the_way_through_an_httpx_auth() -> None:
    request = Request("GET", "https://10.0.0.1:8443", "/x", (("a", "b"),), host="catalog:8443")
    message = to_httpx(request, HTTPX)
    assert "catalog" == message.extensions["sni_hostname"]
    there_and_back = from_httpx(message, b"")
    assert (request.origin, request.host, request.target) == (
        there_and_back.origin, there_and_back.host, there_and_back.target
    )  # fmt: skip
    plain = to_httpx(Request("GET", "https://10.0.0.1:8443", "/x"), HTTPX)
    assert "" == from_httpx(plain, b"").host


def test_a_transport_has_one_address_for_each_origin_and_balances_nothing() -> None:
    assert "balance" not in repr(AmbassadorTransport(outliers=OutlierDetection()))
