"""Names that DNS resolves: a real client, a real DNS server, real upstreams on several loopback addresses."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bff import DeclarationError, LoadBalancing, Timeout, Upstream, UpstreamUnreachable, call
from bff.ambassador import Ambassador, Resolver
from bff.ambassador._dns import _has_route
from bff.ambassador._refresher import Found, NotResolved
from bff.events import AddressesChanged, Event, ResolutionFailed
from tests.support.dnsmasq import Dnsmasq, needs_dnsmasq
from tests.support.faults import CERTIFICATE, PATIENCE, FaultServer, no_leaks

pytestmark = needs_dnsmasq


class Told:
    """What an ambassador told, and the means to wait for it."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, event: Event) -> None:
        self.seen.append(event)
        task = asyncio.ensure_future(self._announce())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, kind: type[Event], count: int) -> Event:
        """Wait for the event of a class that is the `count`th, and return it."""

        def found() -> list[Event]:
            return [event for event in self.seen if isinstance(event, kind)]

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def servers(*hosts: str, tls: ssl.SSLContext | None = None) -> AsyncGenerator[list[FaultServer]]:
    """Run an upstream on each of some addresses, all on one port."""
    async with AsyncExitStack() as stack:
        found: list[FaultServer] = []
        for host in hosts:
            port = found[0].port if found else 0
            found.append(await stack.enter_async_context(FaultServer(tls=tls, host=host, port=port)))
        yield found


def ambassador(dns: Dnsmasq, base_url: str, told: Told, **options: Any) -> Ambassador:
    options.setdefault("balancing", LoadBalancing("round_robin"))
    return Ambassador(base_url, resolver=resolver(dns), observers=[told], **options)


def resolver(dns: Dnsmasq, **options: Any) -> Resolver:
    return Resolver(nameservers=["127.0.0.1"], port=dns.port, hosts=None, **options)


def origins(port: int, *hosts: str) -> tuple[str, ...]:
    return tuple(f"http://{host}:{port}" for host in hosts)


def counts(upstreams: Sequence[FaultServer]) -> list[int]:
    return [len(upstream.requests) for upstream in upstreams]


def test_tries_are_spread_over_all_addresses_of_both_families_and_name_the_name(tmp_path: Path) -> None:
    async def main() -> None:
        hosts, told = ("127.0.0.1", "127.0.0.2", "::1"), Told()
        async with no_leaks(), Dnsmasq(tmp_path, {"catalog.test": hosts}) as dns, servers(*hosts) as upstreams:
            port = upstreams[0].port
            async with ambassador(dns, f"dns://catalog.test:{port}/ok", told) as there:
                answers = [(await there.get(f"/{n}")).status for n in range(9)]
            assert ([200] * 9, [3, 3, 3]) == (answers, counts(upstreams))
            seen = upstreams[1].requests[0]
            assert [f"catalog.test:{port}"] == seen.header("host")
            assert seen.target.startswith("/ok/")

    asyncio.run(main())


def test_a_changed_set_is_seen_after_its_ttl_without_a_call_that_fails_or_waits(tmp_path: Path) -> None:
    async def main() -> None:
        hosts, told = ("127.0.0.1", "127.0.0.2", "127.0.0.3"), Told()
        async with Dnsmasq(tmp_path, {"catalog.test": hosts[:2]}, ttl=1) as dns, servers(*hosts) as upstreams:
            port = upstreams[0].port
            async with ambassador(dns, f"dns://catalog.test:{port}", told, retry=None) as there:
                is_over = asyncio.Event()

                async def traffic() -> int:
                    made = 0
                    while not is_over.is_set():
                        assert 200 == (await there.get("/ok")).status
                        made += 1
                    return made

                callers = [asyncio.ensure_future(traffic()) for _ in range(3)]
                await told.until(AddressesChanged, 1)
                await dns.answer({"catalog.test": hosts[1:]})
                change = await told.until(AddressesChanged, 2)
                left = counts(upstreams)[0]
                await upstreams[2].until(lambda: len(upstreams[2].requests) > 20)
                is_over.set()
                assert sum(await asyncio.gather(*callers)) == sum(counts(upstreams))
        new, gone = origins(port, hosts[2]), origins(port, hosts[0])
        assert AddressesChanged(f"catalog.test:{port}", origins(port, *hosts[1:]), new, gone) == change
        assert counts(upstreams)[0] <= left + 3  # what was under way

    asyncio.run(main())


def test_what_the_server_no_longer_knows_or_cannot_say_stays_in_use(tmp_path: Path) -> None:
    async def main() -> None:
        told = Told()
        async with (
            Dnsmasq(tmp_path, {"catalog.test": ["127.0.0.1"]}) as dns,
            servers("127.0.0.1") as (upstream,),
            ambassador(dns, f"dns://catalog.test:{upstream.port}", told) as there,
        ):
            assert 200 == (await there.get("/ok")).status
            await dns.answer({})
            missing = await told.until(ResolutionFailed, 1)
            assert isinstance(missing, ResolutionFailed)
            assert ("catalog.test", 1) == (missing.name, missing.kept)
            assert "catalog.test has no address" == missing.detail
            assert 200 == (await there.get("/ok")).status
            await dns.stop()
            before = sum(isinstance(event, ResolutionFailed) for event in told.seen)
            unanswered = await told.until(ResolutionFailed, before + 1)
            assert isinstance(unanswered, ResolutionFailed)
            assert "has no address" not in unanswered.detail
            assert 200 == (await there.get("/ok")).status

    asyncio.run(main())


def test_a_server_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    async def main() -> None:
        told = Told()
        async with (
            Dnsmasq(tmp_path, {"catalog.test": ["127.0.0.1"]}) as dns,
            servers("127.0.0.1", "127.0.0.2") as two,
            ambassador(dns, f"dns://catalog.test:{two[0].port}", told) as there,
        ):
            await there.get("/ok")
            await dns.answer({})
            await told.until(ResolutionFailed, 1)
            await dns.answer({"catalog.test": ["127.0.0.2"]})
            await told.until(AddressesChanged, 2)
            await there.get("/ok")
            assert [1, 1] == counts(two)

    asyncio.run(main())


def test_a_name_that_was_never_there_fails_the_call_before_anything_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with Dnsmasq(tmp_path, {}) as dns, ambassador(dns, "dns://catalog.test:1", Told()) as there:
            with pytest.raises(UpstreamUnreachable, match=r"catalog\.test has no address") as error:
                await there.get("/ok")
            assert not error.value.sent

    asyncio.run(main())


@pytest.mark.parametrize("engine", ["lean", "httpx"])
def test_a_certificate_is_held_against_the_name_and_not_the_address(tmp_path: Path, engine: str) -> None:
    """It is one for `localhost`, and the upstreams are at addresses that it does not name."""
    import httpx

    async def main() -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
        names = {"localhost": ["127.0.0.2", "127.0.0.3"], "catalog.test": ["127.0.0.2"]}
        async with Dnsmasq(tmp_path, names) as dns, servers("127.0.0.2", "127.0.0.3", tls=tls) as upstreams:
            port = upstreams[0].port

            def there(name: str) -> Ambassador:
                trust = ssl.create_default_context(cafile=str(CERTIFICATE))
                transport = httpx.AsyncHTTPTransport(verify=trust) if engine == "httpx" else None
                return ambassador(
                    dns, f"dns+https://{name}:{port}", Told(), verify=trust, transport=transport, retry=None
                )

            async with there("localhost") as right:
                assert [200, 200] == [(await right.get("/ok")).status for _ in range(2)]
            assert [1, 1] == counts(upstreams)
            assert [f"localhost:{port}"] == upstreams[0].requests[0].header("host")
            async with there("catalog.test") as wrong:
                with pytest.raises(UpstreamUnreachable, match=r"(?i)hostname mismatch|certificate"):
                    await wrong.get("/ok")
            assert [1, 1] == counts(upstreams)

    asyncio.run(main())


def test_a_declared_upstream_resolves_as_an_ambassador_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with Dnsmasq(tmp_path, {"catalog.test": ["127.0.0.2"]}) as dns, servers("127.0.0.2") as (upstream,):

            class Catalog(Upstream):
                base_url = f"dns://catalog.test:{upstream.port}"
                resolver = Resolver(nameservers=["127.0.0.1"], port=dns.port)

                @call.get("/ok")
                def ok(self) -> dict[str, bool]: ...

            async with no_leaks(), Catalog() as catalog:
                assert {"ok": True} == await catalog.ok()
                assert "balance" in repr(catalog)
                assert f"dns://catalog.test:{upstream.port}" in repr(catalog)

    asyncio.run(main())


def test_a_lookup_says_for_how_long_it_holds(tmp_path: Path) -> None:
    async def main() -> None:
        async with Dnsmasq(tmp_path, {"a.test": ["127.0.0.1", "::1"]}, ttl=77) as dns:
            assert Found(("127.0.0.1", "::1"), 77.0) == await resolver(dns)("a.test")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("unrouted", "expected"),
    [
        ("fd00::", ("127.0.0.1", "::1")),
        ("fd00:: ::1", ("127.0.0.1",)),
        ("127.0.0.1 fd00:: ::1", ("127.0.0.1", "::1", "fd00::1")),
    ],
)
def test_addresses_that_nothing_leads_to_are_left_out_unless_there_are_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unrouted: str, expected: tuple[str, ...]
) -> None:
    def has_route(address: str) -> bool:
        return not address.startswith(tuple(unrouted.split()))

    monkeypatch.setattr("bff.ambassador._dns._has_route", has_route)

    async def main() -> None:
        async with Dnsmasq(tmp_path, {"a.test": ["127.0.0.1", "::1", "fd00::1"]}) as dns:
            assert set(expected) == set((await resolver(dns)("a.test")).addresses)

    asyncio.run(main())


def test_loopback_has_a_route_and_what_cannot_be_connected_to_has_none() -> None:
    assert _has_route("127.0.0.1")
    assert not _has_route("255.255.255.255")  # of a broadcast, which nobody connects to


def test_search_domains_and_nameservers_come_from_the_systems_file(tmp_path: Path) -> None:
    async def main() -> None:
        config = tmp_path / "resolv.conf"
        config.write_text("nameserver 127.0.0.1\nsearch shop.test other.test\noptions ndots:2\n")
        records = {"catalog.other.test": ["127.0.0.4"], "a.catalog.shop.test": ["127.0.0.5"]}
        async with Dnsmasq(tmp_path, records) as dns:
            lookup = Resolver(port=dns.port, config=config, hosts=None)
            assert ("127.0.0.4",) == (await lookup("catalog")).addresses
            assert ("127.0.0.5",) == (await lookup("a.catalog")).addresses
            assert ("127.0.0.5",) == (await lookup("a.catalog.shop.test.")).addresses
            with pytest.raises(NotResolved):
                await lookup("catalog.")

    asyncio.run(main())


def test_the_hosts_file_comes_first_and_addresses_and_localhost_need_nobody(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# one\n127.0.0.7 Catalog catalog.lan # main\n::7 catalog\nnonsense catalog\n127.0.0.8 other\n\n")
    config = tmp_path / "resolv.conf"
    config.write_text("")

    async def main() -> None:
        lookup = Resolver(hosts=hosts, config=config)
        assert ("127.0.0.7", "::7") == (await lookup("catalog")).addresses
        assert ("127.0.0.7",) == (await lookup("CATALOG.lan.")).addresses
        assert ("127.0.0.1", "::1") == (await lookup("localhost")).addresses
        assert ("127.0.0.1", "::1") == (await lookup("shop.localhost")).addresses
        assert ("10.1.2.3",) == (await lookup("10.1.2.3")).addresses
        assert ("fd00::1",) == (await lookup("fd00::1")).addresses
        missing = Resolver(hosts=tmp_path / "none", config=tmp_path / "none")
        assert ("127.0.0.1", "::1") == (await missing("localhost")).addresses
        with pytest.raises(NotResolved, match="no nameserver is known"):
            await missing("catalog")

    asyncio.run(main())


def test_a_missing_client_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "bff.ambassador._dns")
    monkeypatch.setitem(sys.modules, "dns", None)
    with pytest.raises(DeclarationError, match=r"pip install \"bff-framework\[dns\]\""):
        Ambassador("dns://catalog:8000", timeout=Timeout())
