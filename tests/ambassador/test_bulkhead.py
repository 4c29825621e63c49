"""The bulkhead under random arrivals, cancellations and deadlines: first come, first served, and no slot is lost."""

import asyncio
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bff import Bulkhead, DeadlineExceeded, Overloaded, Timeout, UpstreamTimeout
from bff.ambassador import Context, Policies, Request, Response, build_onion
from tests.support.racing import after_turns
from tests.support.virtual import run

OFF = Policies(timeout=None, retry=None, breaker=None, bulkhead=None)
GET = Request("GET", "http://test", "/")
MOMENTS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 2.5])  # a coarse grid: many things happen in the same moment
CHECKED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)


@dataclass(frozen=True)
class Arrival:
    """A caller: when it comes, how long its try takes, and what ends it before (some turns of the loop later)."""

    at: float
    takes: float
    cancelled_at: float | None
    turns: int
    within: float | None


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        at=MOMENTS,
        takes=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
        cancelled_at=st.none() | MOMENTS,
        turns=st.integers(0, 4),
        within=st.none() | MOMENTS,
    ),
    min_size=1,
    max_size=12,
)

# The first leaves the slot and the second, whose it is now, is cancelled before it knows.
HANDED_OVER = [Arrival(0.0, 1.0, None, 0, None), Arrival(0.0, 1.0, 1.0, 1, None)]


@CHECKED
@given(ARRIVALS, st.integers(1, 3), st.integers(0, 6))
@example(HANDED_OVER, 1, 1)
def test_no_slot_is_lost_nobody_overtakes_and_there_are_never_more_than_the_limit(
    arrivals: list[Arrival], limit: int, queue: int
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        came: list[int] = []
        served: dict[int, float] = {}
        running = most = 0

        async def wire(request: Request, _context: Context) -> Response:
            nonlocal running, most
            number = int(request.target[1:])
            served.setdefault(number, loop.time())
            running += 1
            most = max(most, running)
            try:
                await asyncio.sleep(arrivals[number].takes)
            finally:
                running -= 1
            return Response(200, {}, b"")

        policies = replace(OFF, timeout=Timeout(2.0, per_try=None), bulkhead=Bulkhead(limit, queue=queue))
        onion = build_onion(policies, send=wire, name="test")

        async def caller(number: int) -> int:
            arrival = arrivals[number]
            await asyncio.sleep(arrival.at)
            came.append(number)
            assert (onion.statistics().queued or 0) <= queue
            deadline = None if arrival.within is None else loop.time() + arrival.within
            return (await onion.send(replace(GET, target=f"/{number}"), Context("test", deadline=deadline))).status

        calls = [asyncio.create_task(caller(number)) for number in range(len(arrivals))]
        for call, arrival in zip(calls, arrivals, strict=True):
            if arrival.cancelled_at is not None:
                after_turns(arrival.cancelled_at, arrival.turns, call.cancel)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        statistics = onion.statistics()
        assert (0, 0, 0) == (statistics.taken, statistics.queued, running)
        assert most <= limit
        # Nobody jumps the queue: who came later is served no sooner.
        times = [served[number] for number in came if number in served]
        assert sorted(times) == times
        ends = (asyncio.CancelledError, Overloaded, DeadlineExceeded, UpstreamTimeout)
        assert all(outcome == 200 or isinstance(outcome, ends) for outcome in outcomes)
        # Nobody is refused for whom there is room.
        if len(arrivals) <= limit:
            assert not any(isinstance(outcome, Overloaded) for outcome in outcomes)
        # And the slots work: as many calls as there are slots pass at once.
        after = [onion.send(replace(GET, target="/0"), Context("test")) for _ in range(limit)]
        answers = await asyncio.gather(*after, return_exceptions=True)
        assert not any(isinstance(answer, Overloaded) for answer in answers)

    run(main())
