"""The proxy of faults: what it does on the wire, and what a caller gets for each of its faults."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

import httpx
import pytest

from bff import BFFError, CircuitBreaker, ContractViolation, Retry, Timeout, UpstreamTimeout, UpstreamUnreachable
from bff.ambassador import Ambassador, AmbassadorTransport
from tests.support.faults import OK, FaultServer, no_leaks
from tests.support.proxy import GARBAGE, UNAVAILABLE, Fault, FaultProxy, seeded

REQUEST = b"GET /ok HTTP/1.1\r\nhost: x\r\n\r\n"
SPOILED = b"HTTP/1.1 200 Spoiled\r\ncontent-type: application/json\r\n"
BODY = b'{"ok":true}'
PATIENT, IMPATIENT = Timeout(total=20.0, per_try=10.0), Timeout(total=20.0, per_try=0.2)


@contextlib.asynccontextmanager
async def proxied(faults: Iterable[Fault]) -> AsyncGenerator[tuple[FaultProxy, FaultServer]]:
    """Give a proxy before a server, and see that neither keeps a connection once its users are gone."""
    async with no_leaks(), FaultServer() as server, FaultProxy(server.port, faults) as proxy:
        yield proxy, server
        await proxy.until(lambda: proxy.open == proxy.upstream_open == 0)
        await server.until(lambda: server.open == 0)


@pytest.mark.parametrize(
    ("fault", "expected", "ending"),
    [
        (Fault.NONE, OK, "open"),
        (Fault.SLOW_ACCEPT, OK, "open"),
        (Fault.RESET, b"", "reset"),
        (Fault.BLACK_HOLE, b"", "open"),
        (Fault.CLOSE_UNANSWERED, b"", "closed"),
        (Fault.GARBAGE, GARBAGE, "open"),
        (Fault.SERVER_ERROR, UNAVAILABLE, "open"),
        (Fault.RESET_LATE, b"", "reset"),
        (Fault.RESET_MIDWAY, SPOILED + b'content-length: 11\r\n\r\n{"ok"', "reset"),
        (Fault.CLOSE_AFTER_HEAD, SPOILED + b"content-length: 11\r\n\r\n", "closed"),
        (Fault.CLOSE_IDLE, OK, "closed"),
        (Fault.CUT_CHUNKS, SPOILED + b'transfer-encoding: chunked\r\n\r\nb\r\n{"ok"', "closed"),
        (Fault.LONG_LENGTH, SPOILED + b"content-length: 21\r\n\r\n" + BODY, "open"),
        (Fault.SHORT_LENGTH, SPOILED + b"content-length: 5\r\n\r\n" + BODY, "open"),
        (Fault.DRIP, OK, "open"),
    ],
)
def test_each_fault_is_on_the_wire_what_it_is_called(fault: Fault, expected: bytes, ending: str) -> None:
    async def main() -> None:
        async with proxied([fault]) as (proxy, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(REQUEST)
            await proxy.until(lambda: proxy.drawn[fault] == 1)
            if expected and ending != "reset":  # a RST may overtake what was sent before it
                assert expected == await reader.readexactly(len(expected))
            if ending == "open":
                assert 1 == proxy.open
                writer.write(REQUEST)
                assert OK == await reader.readexactly(len(OK))
            elif ending == "closed":
                assert b"" == await reader.read()
            else:
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            writer.close()

    asyncio.run(main())


def test_a_seed_draws_the_same_faults_again_at_their_rates() -> None:
    rates = {Fault.RESET: 0.2, Fault.DRIP: 0.1}
    drawn = [list(itertools.islice(seeded(seed, rates), 10_000)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    counts = Counter(drawn[0])
    assert [0.2, 0.1, 0.7] == [round(counts[fault] / 10_000, 1) for fault in (*rates, Fault.NONE)]


def test_what_the_proxy_refuses_itself_never_reaches_the_upstream() -> None:
    faults = [Fault.SERVER_ERROR, Fault.NONE, Fault.RESET, Fault.CLOSE_UNANSWERED, Fault.GARBAGE]

    async def main() -> None:
        async with proxied(faults) as (proxy, server):
            for number in range(len(faults)):
                async with Ambassador(proxy.origin, retry=None) as ambassador:
                    with contextlib.suppress(BFFError):
                        await ambassador.get(f"/ok/{number}")
            assert ["/ok/1"] == [seen.target for seen in server.requests]

    asyncio.run(main())


async def by_ambassador(origin: str, patience: Timeout, retry: Retry | None) -> int:
    async with Ambassador(origin, timeout=patience, retry=retry) as ambassador:
        return (await ambassador.get("/ok")).status


async def by_transport(origin: str, patience: Timeout, retry: Retry | None) -> int:
    async with httpx.AsyncClient(transport=AmbassadorTransport(timeout=patience, retry=retry)) as client:
        try:
            return (await client.get(f"{origin}/ok")).status_code
        except httpx.TransportError as error:
            raise error.__cause__ or error from None


# A transport hands the head of an answer on as soon as it is there: what breaks afterwards is not tried again.
AFTER_THE_HEAD = {Fault.RESET_MIDWAY, Fault.CLOSE_AFTER_HEAD, Fault.CUT_CHUNKS, Fault.LONG_LENGTH}


@pytest.mark.parametrize("get", [by_ambassador, by_transport])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.NONE, 200),
        (Fault.SLOW_ACCEPT, 200),
        (Fault.RESET, UpstreamUnreachable),
        (Fault.BLACK_HOLE, UpstreamTimeout),
        (Fault.CLOSE_UNANSWERED, UpstreamUnreachable),
        (Fault.GARBAGE, ContractViolation),
        (Fault.SERVER_ERROR, 503),
        (Fault.RESET_LATE, UpstreamUnreachable),
        (Fault.RESET_MIDWAY, UpstreamUnreachable),
        (Fault.CLOSE_AFTER_HEAD, UpstreamUnreachable),
        (Fault.CLOSE_IDLE, 200),
        (Fault.CUT_CHUNKS, UpstreamUnreachable),
        (Fault.LONG_LENGTH, UpstreamTimeout),
        (Fault.SHORT_LENGTH, ContractViolation),
        (Fault.DRIP, UpstreamTimeout),
    ],
)
def test_each_fault_has_one_outcome_and_another_try_mends_what_can_be_mended(
    fault: Fault, expected: object, get: Callable[[str, Timeout, Retry | None], Awaitable[int]]
) -> None:
    # Little patience only where something is to hang: a busy machine is no fault.
    patience = IMPATIENT if expected is UpstreamTimeout else PATIENT

    async def outcome(retry: Retry | None) -> object:
        async with proxied([fault]) as (proxy, _):
            try:
                return await get(proxy.origin, patience, retry)
            except BFFError as error:
                return type(error)

    assert expected == asyncio.run(outcome(None))
    is_final = expected is ContractViolation or (get is by_transport and fault in AFTER_THE_HEAD)
    mended = expected if is_final else 200
    assert mended == asyncio.run(outcome(Retry(5, wait=lambda _: 0.0)))


@pytest.mark.parametrize(("fault", "seen"), [(Fault.RESET, 2), (Fault.CLOSE_UNANSWERED, 2), (Fault.RESET_LATE, 4)])
def test_a_connection_that_went_stale_under_our_hands_is_replaced_for_free_where_that_is_safe(
    fault: Fault, seen: int
) -> None:
    """No retry policy, one verdict for the breaker: the second try is not one. A write is never repeated so."""

    async def main() -> None:
        async with (
            proxied([Fault.NONE, fault, Fault.NONE, fault]) as (proxy, server),
            Ambassador(proxy.origin, retry=None, breaker=CircuitBreaker()) as ambassador,
        ):
            assert [200, 200] == [(await ambassador.get("/ok")).status for _ in range(2)]
            assert (2, 2) == (proxy.accepts, ambassador.statistics().calls)
            with pytest.raises(UpstreamUnreachable):
                await ambassador.post("/ok")
            assert (4, seen) == (proxy.drawn.total(), len(server.requests))

    asyncio.run(main())


@pytest.mark.parametrize("fault", [Fault.BLACK_HOLE, Fault.DRIP, Fault.LONG_LENGTH, Fault.SLOW_ACCEPT])
def test_a_caller_who_leaves_takes_both_connections_along(fault: Fault) -> None:
    async def main() -> None:
        async with proxied([fault]) as (proxy, _), Ambassador(proxy.origin) as ambassador:
            call = asyncio.ensure_future(ambassador.get("/hang" if fault is Fault.SLOW_ACCEPT else "/ok"))
            await proxy.until(lambda: proxy.drawn[fault] == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await proxy.until(lambda: proxy.open == proxy.upstream_open == 0)
            assert 200 == (await ambassador.get("/ok")).status

    asyncio.run(main())


def test_a_proxy_that_ends_leaves_nobody_connected() -> None:
    async def main() -> None:
        async with no_leaks(), FaultServer() as server:
            async with FaultProxy(server.port, [Fault.BLACK_HOLE, Fault.SLOW_ACCEPT], slow=60.0) as proxy:
                peers = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(3)]
                peers[0][1].write(REQUEST)
                await proxy.until(lambda: proxy.drawn[Fault.BLACK_HOLE] == 1)
            assert (0, 0) == (proxy.open, proxy.upstream_open)
            for reader, writer in peers:
                with contextlib.suppress(ConnectionResetError):
                    assert b"" == await reader.read()
                writer.close()
            await server.until(lambda: server.open == 0)

    asyncio.run(main())
