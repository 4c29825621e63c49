"""Equal reads share one flight; two visitors share nothing that is only one's."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from bff import (
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    Coalescing,
    DeadlineExceeded,
    Retry,
    Timeout,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.ambassador import Ambassador, Context, Onion, Policies, Request, Response, build_onion
from bff.events import CallCoalesced, CallFailed, CallFinished, Emitter, Event
from tests.support.events import Told
from tests.support.flights import under_way
from tests.support.scripted import FOR_EVER, ScriptedWire, unreachable
from tests.support.virtual import run

BARE = Policies(timeout=None, retry=None, breaker=None, bulkhead=None, coalescing=Coalescing())
GET = Request("GET", "http://test", "/products/7", (("accept", "application/json"),))


def onion_of(wire: ScriptedWire, policies: Policies = BARE, *observers: Callable[[Event], None]) -> Onion:
    return build_onion(policies, send=wire.send, name="test", emitter=Emitter(observers))


def call(
    onion: Onion, request: Request = GET, *, within: float | None = None, name: str = "", as_: Context | None = None
) -> asyncio.Task[Response]:
    """Start a call; what it raises is read where it is awaited."""
    deadline = None if within is None else asyncio.get_running_loop().time() + within
    return asyncio.ensure_future(onion.send(request, as_ or Context("test", "op", deadline, name)))


async def outcomes(calls: Sequence[Awaitable[Response]]) -> list[object]:
    """Return the status or the class of the error of each."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    return [each.status if isinstance(each, Response) else type(each) for each in found]


def with_headers(*added: tuple[str, str]) -> Request:
    return replace(GET, headers=[*GET.headers, *added])


def answer(*, content: bytes = b"{}", **headers: str) -> Response:
    return Response(200, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def test_fifty_equal_reads_are_sent_once() -> None:
    async def main() -> None:
        wire = ScriptedWire([answer(content=b"[7]")], delay=1.0)
        onion = onion_of(wire)
        answers = await asyncio.gather(*(call(onion) for _ in range(50)))
        assert (1, {b"[7]"}) == (len(wire.sent), {each.content for each in answers})
        statistics = onion.statistics()
        assert (1, 49) == (statistics.flights, statistics.shared)
        await call(onion)
        assert 2 == len(wire.sent)

    run(main())


@pytest.mark.parametrize(
    "other",
    [
        replace(GET, method="HEAD"),
        replace(GET, origin="http://other"),
        replace(GET, host="other"),
        replace(GET, target="/products/8"),
        replace(GET, target="/products/7?page=1"),
        with_headers(("authorization", "Bearer of-another")),
        with_headers(("cookie", "session=of-another")),
        with_headers(("accept-language", "de")),
        with_headers(("baggage", "tenant=other")),
        with_headers(("x-custom", "1")),
        replace(GET, headers=()),
    ],
)
def test_reads_that_differ_in_anything_are_sent_each(other: Request) -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        await asyncio.gather(*(call(onion, request) for request in (GET, other, GET, other)))
        assert (2, 2) == (len(wire.sent), onion.statistics().shared)

    run(main())


@pytest.mark.parametrize("name", ["x-request-id", "traceparent", "tracestate", "b3", "x-b3-traceid"])
def test_what_names_a_request_and_nothing_else_is_no_difference(name: str) -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        await asyncio.gather(*(call(onion, with_headers((name, str(number)))) for number in range(3)))
        assert 1 == len(wire.sent)

    run(main())


@pytest.mark.parametrize(
    "request_", [replace(GET, method="POST"), replace(GET, method="DELETE"), replace(GET, content=b"{}")]
)
def test_writes_and_reads_with_a_body_are_sent_each(request_: Request) -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        await asyncio.gather(*(call(onion_of(wire), request_) for _ in range(3)))
        assert 3 == len(wire.sent)

    run(main())


def test_reads_of_one_target_by_many_visitors_find_their_own_flight_also_after_the_first_has_landed() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        calls = [call(onion, with_headers(("authorization", "a")))]
        await asyncio.sleep(0.5)
        calls += [call(onion, with_headers(("authorization", name))) for name in "bcab"]
        await asyncio.sleep(0.75)
        calls += [call(onion, with_headers(("authorization", name))) for name in "bca"]
        await asyncio.gather(*calls)
        assert [*"abca"] == [dict(request.headers)["authorization"] for request in wire.requests]

    run(main())


def test_a_leader_that_leaves_does_not_take_those_that_wait_along() -> None:
    """The first of them asks again, and the others wait on."""

    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        leader, *waiting = [call(onion) for _ in range(10)]
        await asyncio.sleep(0.5)
        leader.cancel()
        assert [200] * 9 == await outcomes(waiting)
        assert leader.cancelled()
        assert ([0.5], 1, 1) == (wire.gaps(), wire.cancelled, wire.most)

    run(main())


def test_whoever_is_to_ask_again_and_leaves_in_the_same_moment_lets_the_next_one_ask() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        calls = [call(onion) for _ in range(5)]
        await asyncio.sleep(0.5)
        for each in calls[:3]:
            each.cancel()
        assert [200, 200] == await outcomes(calls[3:])
        assert 2 == len(wire.sent)
        assert 200 == (await call(onion)).status

    run(main())


def test_where_all_leave_nothing_is_left() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=FOR_EVER)
        onion = onion_of(wire)
        calls = [call(onion) for _ in range(5)]
        await asyncio.sleep(0.5)
        for each in reversed(calls):
            each.cancel()
        await asyncio.wait(calls)
        assert (0, True) == (wire.running, all(each.cancelled() for each in calls))
        wire.delay = 0.0
        assert 200 == (await call(onion)).status

    run(main())


def test_a_waiter_that_leaves_is_the_only_one_to_notice() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        calls = [call(onion) for _ in range(3)]
        await asyncio.sleep(0.5)
        calls[1].cancel()
        assert [200, 200] == await outcomes([calls[0], calls[2]])
        assert (1, 0) == (len(wire.sent), wire.cancelled)

    run(main())


def test_everyone_keeps_a_deadline_of_its_own() -> None:
    """The leader's passes first, then that of one which waits."""

    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire, replace(BARE, timeout=Timeout(total=5.0)))
        calls = [call(onion, within=seconds) for seconds in (0.5, 3.0, 0.75)]
        assert [DeadlineExceeded, 200, DeadlineExceeded] == await outcomes(calls)
        assert [0.5] == wire.gaps()

    run(main())


@pytest.mark.parametrize("per_try", [None, 9.0])
def test_the_total_timeout_of_a_leader_is_its_own(per_try: float | None) -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.5)
        onion = onion_of(wire, replace(BARE, timeout=Timeout(total=5.0, per_try=per_try)))
        shorter = onion.retimed(Timeout(total=1.0, per_try=per_try))
        leader = call(shorter)
        await asyncio.sleep(0)
        assert [UpstreamTimeout, 200] == await outcomes([leader, call(onion)])
        assert [1.0] == wire.gaps()

    run(main())


def test_calls_that_give_a_try_less_time_are_no_measure_for_others() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire, replace(BARE, timeout=Timeout(total=4.0)))
        calls = [call(onion.retimed(Timeout(total=4.0, per_try=0.5))), call(onion)]
        assert [UpstreamTimeout, 200] == await outcomes(calls)

    run(main())


def test_a_gateway_that_gives_up_since_the_leader_has_no_more_time_says_nothing_to_those_that_have() -> None:
    """A mesh that is told how long a leader waits answers 504 just before."""

    async def main() -> None:
        wire = ScriptedWire([504, 200], delay=0.495)
        onion = onion_of(wire, replace(BARE, timeout=Timeout(total=5.0)))
        assert [504, 200] == await outcomes([call(onion, within=0.5), call(onion, within=3.0)])

    run(main())


def test_a_failure_of_the_upstream_is_that_of_all_who_waited_and_of_nobody_later() -> None:
    async def main() -> None:
        failure = unreachable()
        failure.__cause__ = OSError("reset")
        wire = ScriptedWire([failure, 200], delay=1.0)
        onion = onion_of(wire)
        calls = [call(onion) for _ in range(3)]
        errors: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
        assert [UpstreamUnreachable] * 3 == [type(error) for error in errors]
        assert 3 == len({id(error) for error in errors})
        assert {(failure.__cause__, "test: it broke", True)} == {
            (error.__cause__, str(error), error.sent) for error in errors
        }
        assert 200 == (await call(onion)).status
        assert 2 == len(wire.sent)

    run(main())


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_answer_that_is_no_success_is_shared_too(status: int) -> None:
    async def main() -> None:
        wire = ScriptedWire([status], delay=1.0)
        onion = onion_of(wire)
        assert [status] * 3 == await outcomes([call(onion) for _ in range(3)])
        assert 1 == len(wire.sent)

    run(main())


def test_one_flight_tries_again_for_all_who_wait_and_holds_one_slot() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable(), 200], delay=1.0)
        onion = onion_of(wire, replace(BARE, retry=Retry(2, wait=lambda _: 0.5), bulkhead=Bulkhead(1)))
        assert [200] * 5 == await outcomes([call(onion) for _ in range(5)])
        assert 2 == len(wire.sent)

    run(main())


def test_those_that_ask_again_themselves_do_not_share_their_only_try() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable(), unreachable(), 200], delay=1.0)
        onion = onion_of(wire, replace(BARE, retry=Retry(2, wait=lambda _: 0.0)))
        calls = [
            call(onion, as_=Context("test", is_retry=True)),
            call(onion),
            call(onion, as_=Context("test", is_retry=True)),
        ]
        assert [UpstreamUnreachable, 200, UpstreamUnreachable] == await outcomes(calls)

    run(main())


def test_a_bug_is_nobody_elses() -> None:
    async def main() -> None:
        wire = ScriptedWire([ZeroDivisionError("ours"), 200], delay=1.0)
        onion = onion_of(wire)
        assert [ZeroDivisionError, 200, 200] == await outcomes([call(onion) for _ in range(3)])

    run(main())


@pytest.mark.parametrize(
    "unshareable",
    [
        answer(set_cookie="session=1"),
        answer(cache_control="private"),
        answer(cache_control='max-age=60, PRIVATE="x-name"'),
        answer(cache_control="no-store"),
        answer(cache_control='ext="a, b", no-store'),
        answer(cache_control='ext="never ends'),
        answer(vary="*"),
        answer(vary="accept, *"),
        answer(vary="X-Request-Id"),
        answer(content=b"x" * 11),
    ],
)
def test_an_answer_for_one_alone_reaches_no_other_and_the_others_ask_at_the_same_time(unshareable: Response) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wire = ScriptedWire([unshareable], delay=1.0)
        onion = onion_of(wire, replace(BARE, coalescing=Coalescing(max_size=10)))
        start = loop.time()
        await asyncio.gather(*(call(onion) for _ in range(10)))
        assert (10, 9, 2.0, 0) == (len(wire.sent), wire.most, loop.time() - start, onion.statistics().shared)

    run(main())


def test_where_answers_are_for_one_alone_nobody_waits_again_until_one_is_for_everyone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wire = ScriptedWire([answer(cache_control="no-store")], delay=1.0)
        onion = onion_of(wire)

        async def fifty() -> tuple[int, float]:
            sent, start = len(wire.sent), loop.time()
            await asyncio.gather(*(call(onion) for _ in range(50)))
            return len(wire.sent) - sent, loop.time() - start

        assert [(50, 2.0), (50, 1.0)] == [await fifty(), await fifty()]
        wire.outcomes = [200]
        assert [(50, 1.0), (1, 1.0)] == [await fifty(), await fifty()]
        assert (151, 49) == (onion.statistics().flights, onion.statistics().shared)

    run(main())


def test_of_the_targets_whose_answers_are_for_one_alone_a_thousand_are_remembered() -> None:
    async def main() -> list[int]:
        wire = ScriptedWire([answer(cache_control="no-store")], delay=1.0)
        onion = onion_of(wire)

        async def both(number: int) -> int:
            start = asyncio.get_running_loop().time()
            request = replace(GET, target=f"/{number}")
            await asyncio.gather(*(call(onion, request) for _ in range(2)))
            return round(asyncio.get_running_loop().time() - start)

        for number in range(1001):
            await both(number)
        return [await both(number) for number in (1000, 1, 0)]

    assert [1, 1, 2] == run(main())


@pytest.mark.parametrize(
    "shareable",
    [
        answer(cache_control='ext="private, no-store", max-age=5'),
        answer(cache_control="no-cache"),
        answer(cache_control="x-private=1"),
        answer(vary="accept-language"),
        answer(content=b"x" * 10),
    ],
)
def test_an_answer_for_everyone_is_shared(shareable: Response) -> None:
    async def main() -> None:
        wire = ScriptedWire([shareable], delay=1.0)
        onion = onion_of(wire, replace(BARE, coalescing=Coalescing(max_size=10)))
        await asyncio.gather(*(call(onion) for _ in range(3)))
        assert 1 == len(wire.sent)

    run(main())


def test_every_line_of_a_field_counts() -> None:
    async def main() -> None:
        lines = CIMultiDictProxy(CIMultiDict([("Cache-Control", "max-age=5"), ("cache-control", "private")]))
        wire = ScriptedWire([Response(200, lines, b"")], delay=1.0)
        onion = onion_of(wire)
        await asyncio.gather(*(call(onion) for _ in range(2)))
        assert 2 == len(wire.sent)

    run(main())


@pytest.mark.parametrize("headers", [{"x-name": "1"}, httpx.Headers({"x-name": "1"}), CIMultiDict({"x-name": "1"})])
def test_a_reader_that_changes_its_answer_changes_nobody_elses(headers: Any) -> None:
    async def main() -> None:
        onion = onion_of(ScriptedWire([Response(200, headers, b"[]")], delay=1.0))

        async def spoil(number: int) -> bool:
            mine: Any = await onion.send(GET, Context("test"))
            is_whole = (200, "1", b"[]") == (mine.status, mine.headers["x-name"], mine.content)
            mine.status, mine.content, mine.headers["x-name"] = number, b"spoilt", "spoilt"
            return is_whole

        assert [True] * 3 == await asyncio.gather(*(spoil(number) for number in range(3)))

    run(main())


@pytest.mark.parametrize("is_cut", [False, True])
def test_what_is_asked_after_a_write_is_no_answer_from_before_it(*, is_cut: bool) -> None:
    """Also where nobody knows whether it was written: it may have been."""

    async def main() -> None:
        wire = ScriptedWire(delay=5.0)
        onion = onion_of(wire)
        before = call(onion)
        await asyncio.sleep(0)
        wire.delay = 1.0
        write = call(onion, replace(GET, method="POST", target="/orders"))
        await asyncio.sleep(0.5)
        during = call(onion)
        if is_cut:
            write.cancel()
        await asyncio.wait([write])
        await asyncio.gather(call(onion), call(onion), before, during)
        assert ["GET", "POST", "GET"] == [request.method for request in wire.requests]

    run(main())


def test_whoever_has_written_elsewhere_joins_nobody() -> None:
    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        after_write = Context("test")
        after_write.after_write = True
        await asyncio.gather(call(onion), call(onion, as_=after_write), call(onion))
        assert 2 == len(wire.sent)

    run(main())


def test_events_say_whose_answer_it_was_and_that_a_waiter_tried_nothing() -> None:
    async def main() -> None:
        told = Told(CallFinished, CallCoalesced, CallFailed)
        onion = onion_of(ScriptedWire([200, unreachable()], delay=1.0), BARE, told)
        for _ in range(2):
            await outcomes([call(onion, name=name) for name in ("a", "b")])
        assert [
            CallFinished("test", "op", 200, 1.0, 1, "a"),
            CallCoalesced("test", "op", "b", leader="a"),
            CallFinished("test", "op", 200, 1.0, 0, "b"),
            CallFailed("test", "op", "unreachable", "test.op: it broke", 1.0, 1, "a"),
            CallCoalesced("test", "op", "b", leader="a"),
            CallFailed("test", "op", "unreachable", "test.op: it broke", 1.0, 0, "b"),
        ] == [replace(each, detail="test.op: it broke") if isinstance(each, CallFailed) else each for each in told.seen]
        numbers = {event.request_id: event.call for event in told.of(CallFailed)}
        *_, last = told.of(CallCoalesced)
        assert (numbers["b"], numbers["a"]) == (last.call, last.leader_call)

    run(main())


def test_the_leader_that_events_name_is_the_one_that_got_the_answer() -> None:
    async def main() -> None:
        seen: list[Event] = []
        onion = onion_of(ScriptedWire(delay=1.0), BARE, seen.append)
        calls = [call(onion, name=name) for name in ("a", "b", "c")]
        await asyncio.sleep(0.5)
        calls[0].cancel()
        await asyncio.wait(calls)
        assert [CallCoalesced("test", "op", "c", leader="b")] == [e for e in seen if isinstance(e, CallCoalesced)]

    run(main())


def test_coalescing_stands_between_deadline_and_retry_and_is_off_for_an_ambassador_unless_asked_for() -> None:
    layers = build_onion(Policies(coalescing=Coalescing()), send=ScriptedWire().send, name="test").layers
    assert ("deadline", "coalesce", "retry", "breaker") == layers[:4]
    assert "coalesce" not in repr(Ambassador("http://test"))
    assert "coalesce" in repr(Ambassador("http://test", coalescing=Coalescing()))


def test_an_open_breaker_is_shared_by_those_that_wait_for_the_try_that_it_refuses() -> None:
    async def main() -> None:
        wire = ScriptedWire([unreachable()], delay=1.0)
        policies = replace(BARE, retry=Retry(3, wait=lambda _: 0.5), breaker=CircuitBreaker(min_calls=1))
        onion = onion_of(wire, policies)
        assert [CircuitOpen] * 3 == await outcomes([call(onion) for _ in range(3)])
        assert 1 == len(wire.sent)

    run(main())


# Who is calling

VISITOR: ContextVar[str] = ContextVar("visitor", default="nobody")


def by_function(_request: Request) -> Mapping[str, str]:
    return {"authorization": f"Bearer {VISITOR.get()}"}


async def by_coroutine(_request: Request) -> Mapping[str, str]:
    await asyncio.sleep(0.1)
    return {"authorization": f"Bearer {VISITOR.get()}"}


class ByHttpx(httpx.BasicAuth):
    """Not httpx's own any more."""

    def __init__(self) -> None:
        super().__init__("", "")

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["authorization"] = f"Bearer {VISITOR.get()}"
        yield request


@dataclass
class EchoWire:
    """Answers with the credential that it was sent."""

    sent: list[str] = field(default_factory=list[str])

    async def send(self, request: Request, context: Context, /) -> Response:
        credential = dict(request.headers).get("authorization", "")
        self.sent.append(credential)
        await asyncio.sleep(1.0)
        return Response(200, {}, credential.encode())

    async def aclose(self) -> None:
        """Have nothing to close."""


async def visit(ambassador: Ambassador, visitor: str) -> str:
    VISITOR.set(visitor)
    return (await ambassador.get("/me")).content.decode()


@pytest.mark.parametrize(("auth", "sent"), [(by_function, 2), (by_coroutine, 2), (ByHttpx(), 6)])
def test_visitors_whom_only_auth_tells_apart_get_their_own_answers(auth: Any, sent: int) -> None:
    async def main() -> None:
        wire = EchoWire()
        ambassador = Ambassador("http://test", auth=auth, wire=wire, coalescing=Coalescing())
        visitors = ["ann", "bob"] * 3
        tasks = [asyncio.create_task(visit(ambassador, visitor)) for visitor in visitors]
        assert [f"Bearer {visitor}" for visitor in visitors] == await asyncio.gather(*tasks)
        assert sent == len(wire.sent)
        assert (sent == 2) == ("coalesce" in repr(ambassador))

    run(main())


def test_a_credential_that_is_the_same_for_all_is_no_difference() -> None:
    async def main() -> None:
        wire = EchoWire()
        ambassador = Ambassador("http://test", auth=httpx.BasicAuth("us", "x"), wire=wire, coalescing=Coalescing())
        tasks = [asyncio.create_task(visit(ambassador, visitor)) for visitor in ("ann", "bob")]
        await asyncio.gather(*tasks)
        assert 1 == len(wire.sent)

    run(main())


def test_where_nobody_can_say_who_is_calling_nothing_is_shared_and_a_try_says_why() -> None:
    async def main() -> None:
        def auth(_request: Request) -> Mapping[str, str]:
            raise LookupError("no token")

        ambassador = Ambassador("http://test", auth=auth, wire=EchoWire(), coalescing=Coalescing())
        found = await asyncio.gather(*(ambassador.get("/me") for _ in range(2)), return_exceptions=True)
        assert [LookupError, LookupError] == [type(error) for error in found]
        assert (0, 0) == (ambassador.statistics().flights, ambassador.statistics().shared)

    run(main())


# What is left


def test_a_failure_that_is_shared_leaves_nothing_for_the_collector_and_no_exception_unread() -> None:
    async def main() -> list[Any]:
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, found: complaints.append(found))

        # The scripted wire keeps its error in its own frame, which is a cycle.
        async def broken(_request: Request, _context: Context) -> Response:
            await asyncio.sleep(1.0)
            raise unreachable()

        onion = build_onion(BARE, send=broken, name="test")

        async def one(*, leaves: bool) -> None:
            try:
                async with asyncio.timeout(1.0 if leaves else None):
                    await onion.send(GET, Context("test"))
            except (UpstreamUnreachable, TimeoutError):
                pass

        async def several() -> None:
            await asyncio.gather(*(one(leaves=number % 3 == 2) for number in range(6)))

        await several()
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await several()
            await asyncio.sleep(0)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kinds: list[type] = [type(each) for each in gc.garbage]
            left = [kind for kind in kinds if kind.__module__.startswith("bff.")]
            return [*left, *complaints]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert [] == run(main())


def test_a_flight_whose_loop_ended_under_it_keeps_nobody_waiting() -> None:
    wire = ScriptedWire(delay=FOR_EVER)
    onion = onion_of(wire, replace(BARE, timeout=Timeout(total=5.0)))
    calls: list[Generator[object, None, Response]] = []

    async def begin() -> None:
        for _ in range(2):
            calls.append(onion.send(GET, Context("test")).__await__())
            calls[-1].send(None)

    async def again() -> int:
        wire.delay = 0.0
        return (await onion.send(GET, Context("test"))).status

    run(begin())
    assert 200 == run(again())
    for each in calls:
        each.close()
    assert 0 == under_way(onion)


def test_a_waiter_that_is_closed_is_not_asked_to_lead() -> None:
    """A coroutine that no task runs is not cancelled: it ends."""

    async def main() -> None:
        wire = ScriptedWire(delay=1.0)
        onion = onion_of(wire)
        leader = call(onion)
        await asyncio.sleep(0)
        closed = onion.send(GET, Context("test")).__await__()
        closed.send(None)
        last = call(onion)
        await asyncio.sleep(0.5)
        closed.close()
        leader.cancel()
        assert 200 == (await last).status
        assert 0 == under_way(onion)

    run(main())
