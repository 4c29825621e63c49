"""Whatever visitors and upstreams do: nobody gets what is another's, and nobody waits for nothing."""

import asyncio
import gc
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from bff import Coalescing, DeadlineExceeded, Timeout, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from bff.ambassador import Context, Policies, Request, Response, build_onion
from bff.ambassador._auth import authenticating
from tests.support.flights import under_way
from tests.support.virtual import run

TOTAL = 4.0
VISITOR: ContextVar[str] = ContextVar("visitor")

Kind = Literal["fine", "failing", "broken", "private", "no-store", "cookie"]
HEADERS: Mapping[str, Mapping[str, str]] = {
    "private": {"cache-control": "max-age=60, private"},
    "no-store": {"cache-control": "No-Store"},
    "cookie": {"set-cookie": "session=1"},
}


@dataclass(frozen=True)
class Visitor:
    """Asks at a time; with a deadline, or leaves after a while."""

    name: str
    target: str
    at: float
    within: float | None
    leaves_after: float | None


@dataclass(frozen=True)
class Behaviour:
    kind: Kind
    delay: float


@dataclass
class Upstream:
    """Behaves in turn as a list says, and numbers its answers, which say whom they are for."""

    behaviours: list[Behaviour]
    sent: int = 0
    running: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    most: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    single: set[int] = field(default_factory=set[int])

    async def send(self, request: Request, _context: Context, /) -> Response:
        number, behaviour = self.sent, self.behaviours[self.sent % len(self.behaviours)]
        self.sent += 1
        name = dict(request.headers)["authorization"]
        key = (name, request.target)
        self.running[key] += 1
        self.most[key] = max(self.most[key], self.running[key])
        try:
            await asyncio.sleep(behaviour.delay)
        finally:
            self.running[key] -= 1
        if behaviour.kind == "broken":
            raise UpstreamUnreachable(f"{name} {number}", upstream="test")
        headers = HEADERS.get(behaviour.kind, {})
        if headers:
            self.single.add(number)
        status = 500 if behaviour.kind == "failing" else 200
        return Response(status, headers, f"{name} {request.target} {number}".encode())


@dataclass(frozen=True)
class Outcome:
    """What a visitor got, and when: `text` is empty where it got nothing of the upstream's."""

    text: str
    error: type[BaseException] | None
    after: float


TIMES = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, 2.5])
VISITORS = st.lists(
    st.builds(
        Visitor,
        name=st.sampled_from(["ann", "bob"]),
        target=st.sampled_from(["/a", "/b"]),
        at=TIMES,
        within=st.none() | st.sampled_from([0.25, 0.75, 1.0, 2.0]),
        leaves_after=st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    ),
    min_size=1,
    max_size=12,
)
KINDS = st.sampled_from(["fine", "failing", "broken", "private", "no-store", "cookie"])
BEHAVIOURS = st.lists(
    st.builds(Behaviour, kind=KINDS, delay=st.sampled_from([0.0, 0.25, 0.5, 1.0, 9.0])), min_size=1, max_size=6
)


def by_context(_request: Request) -> Mapping[str, str]:
    return {"authorization": VISITOR.get()}


async def watched(upstream: Upstream, visitors: list[Visitor], *, through_auth: bool) -> list[Outcome]:
    """Return what each visitor got; asserts that nothing is left behind."""
    send = authenticating(by_context)(upstream.send) if through_auth else upstream.send
    policies = Policies(timeout=Timeout(total=TOTAL), retry=None, breaker=None, bulkhead=None, coalescing=Coalescing())
    onion = build_onion(policies, send=send, name="test")
    loop = asyncio.get_running_loop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, found: complaints.append(found))

    async def visit(visitor: Visitor) -> Outcome:
        VISITOR.set(visitor.name)
        await asyncio.sleep(visitor.at)
        begin = loop.time()
        headers = () if through_auth else (("authorization", visitor.name),)
        request = Request("GET", "http://test", visitor.target, headers)
        context = Context("test", deadline=None if visitor.within is None else begin + visitor.within)
        try:
            async with asyncio.timeout(visitor.leaves_after):
                response = await onion.send(request, context)
                return Outcome(response.content.decode(), None, loop.time() - begin)
        except UpstreamError as error:
            text = "" if isinstance(error, UpstreamTimeout) else f"{str(error.args[0]).replace(' ', ' * ')}"
            return Outcome(text, type(error), loop.time() - begin)
        except (DeadlineExceeded, TimeoutError) as error:
            return Outcome("", type(error), loop.time() - begin)

    tasks = [asyncio.create_task(visit(visitor)) for visitor in visitors]
    found = [await task for task in tasks]
    del tasks
    await asyncio.sleep(0)
    assert {asyncio.current_task()} == asyncio.all_tasks()
    assert (0, 0) == (under_way(onion), sum(upstream.running.values()))
    gc.collect(0)
    assert [] == complaints
    return found


@settings(max_examples=150, deadline=None)
@given(visitors=VISITORS, behaviours=BEHAVIOURS, through_auth=st.booleans())
def test_nobody_gets_what_is_anothers_or_waits_too_long(
    visitors: list[Visitor], behaviours: list[Behaviour], *, through_auth: bool
) -> None:
    upstream = Upstream(behaviours)
    outcomes = run(watched(upstream, visitors, through_auth=through_auth))
    got: Counter[int] = Counter()
    for visitor, outcome in zip(visitors, outcomes, strict=True):
        limits = [TOTAL, visitor.within, visitor.leaves_after]
        assert outcome.after <= min(limit for limit in limits if limit is not None) + 1e-6
        # Asked for, and answered: whoever neither left nor ran out of time has something of the upstream's.
        if outcome.text:
            name, target, number = outcome.text.split()
            assert (visitor.name, True) == (name, target in {visitor.target, "*"})
            got[int(number)] += 1
        else:
            assert outcome.error in {DeadlineExceeded, TimeoutError, UpstreamTimeout}
    assert all(got[number] <= 1 for number in upstream.single)
    if not upstream.single:
        assert all(most == 1 for most in upstream.most.values())
    assert upstream.sent <= len(visitors) + len(upstream.single) + sum(
        outcome.error is not None for outcome in outcomes
    )


@settings(max_examples=50, deadline=None)
@given(delay=st.sampled_from([0.5, 1.0]), count=st.integers(1, 30), leaving=st.sets(st.integers(0, 29)))
def test_a_read_is_sent_once_and_once_more_for_every_leader_that_leaves(
    delay: float, count: int, leaving: set[int]
) -> None:
    """They leave one after the other, in the order in which they came."""
    visitors = [
        Visitor("ann", "/a", 0.0, None, round(0.01 * (number + 1), 2) if number in leaving else None)
        for number in range(count)
    ]
    upstream = Upstream([Behaviour("fine", delay)])
    outcomes = run(watched(upstream, visitors, through_auth=False))
    leaders = next((number for number in range(count) if number not in leaving), count)
    assert leaders + (leaders < count) == upstream.sent
    assert [number not in leaving for number in range(count)] == [bool(outcome.text) for outcome in outcomes]
