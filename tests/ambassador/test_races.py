"""Whatever happens to a race of tries, it has one outcome and leaves nothing behind."""

import asyncio
import gc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from bff import Bulkhead, CircuitBreaker, Hedging, Retry, RetryBudget, Timeout, UpstreamUnreachable
from bff.ambassador import Context, Policies, Request, build_onion
from bff.errors import BFFError
from bff.events import Emitter, HedgeStarted, HedgeWon
from tests.support.racing import Plan, PlannedWire, after_turns
from tests.support.scripted import unreachable
from tests.support.virtual import run

AFTER = 0.1
BURST = 3
DYING = 0.05
HANG = 60.0  # seconds
GET = Request("GET", "http://test", "/")
# On a coarse grid, so that many things happen in the same moment.
MOMENTS = st.sampled_from([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, HANG])
OUTCOMES = st.sampled_from([200, 404, 429, 500, 503, "unreachable", "bug"])
CHECKED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=250)


@dataclass(frozen=True)
class Try:
    seconds: float
    outcome: int | str
    dying: float


@dataclass(frozen=True)
class Schedule:
    """What three tries do, and what else ends them; the caller's cancellation some turns of the loop after its time."""

    tries: tuple[Try, ...]
    most: int = 1
    cancel_at: float | None = None
    turns: int = 0
    within: float | None = None
    total: float | None = None
    per_try: float | None = None
    attempts: int | None = None


TRIES = st.builds(Try, MOMENTS, OUTCOMES, st.sampled_from([0.0, DYING]))
FAST_AND_LATE = (Try(HANG, 200, 0.05), Try(0.0, 200, 0.0), Try(0.0, 200, 0.0))
SCHEDULES = st.builds(
    Schedule,
    tries=st.tuples(TRIES, TRIES, TRIES) | st.just(FAST_AND_LATE),
    most=st.integers(1, 2),
    cancel_at=st.none() | st.sampled_from([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]),
    turns=st.integers(0, 5),
    within=st.none() | st.sampled_from([0.1, 0.15, 0.2, 0.3, 0.35]),
    total=st.sampled_from([0.1, 0.2, 0.25, 0.4, 5.0]),
    per_try=st.none() | st.sampled_from([0.05, 0.1, 0.15, 0.2, 0.25]),
    attempts=st.none() | st.integers(1, 4),
)


def plan_of(part: Try) -> Plan:
    failures: Mapping[int | str, Exception] = {"unreachable": unreachable(), "bug": ZeroDivisionError("ours")}
    outcome = failures.get(part.outcome, part.outcome)
    assert not isinstance(outcome, str)
    return Plan(part.seconds, outcome, part.dying)


@dataclass
class Course:
    """A schedule, played: what is still there afterwards, and what was noticed on the way."""

    outcome: int | BaseException
    took: float
    tasks: int
    cancelling: int
    complaints: list[str]
    wire: PlannedWire
    context: Context
    statistics: Any
    hedges: int
    wins: int
    was_cancelled: bool


async def play(schedule: Schedule) -> Course:
    loop = asyncio.get_running_loop()
    complaints: list[str] = []
    loop.set_exception_handler(lambda _, problem: complaints.append(problem["message"]))
    events: list[object] = []
    wire = PlannedWire(*map(plan_of, schedule.tries))
    onion = build_onion(
        Policies(
            timeout=Timeout(schedule.total, per_try=schedule.per_try) if schedule.total else None,
            retry=Retry(schedule.attempts, wait=lambda _: 0.0, budget=RetryBudget(0.0, burst=BURST))
            if schedule.attempts
            else None,
            breaker=CircuitBreaker(min_calls=100),
            bulkhead=Bulkhead(10),
            hedging=Hedging(AFTER, max=schedule.most),
        ),
        send=wire.send,
        name="test",
        emitter=Emitter([events.append]),
    )
    start = loop.time()
    context = Context("test", deadline=None if schedule.within is None else start + schedule.within)

    async def caller() -> tuple[int | BaseException, int]:
        outcome: int | BaseException
        try:
            outcome = (await onion.send(GET, context)).status
        except Exception as error:  # noqa: BLE001 - the outcome that is asked about
            outcome = error
        task = asyncio.current_task()
        assert task is not None
        return outcome, task.cancelling()

    call = asyncio.create_task(caller())
    was_cancelled: list[bool] = []
    if schedule.cancel_at is not None:
        after_turns(schedule.cancel_at, schedule.turns, lambda: was_cancelled.append(call.cancel()))
    (result,) = await asyncio.gather(call, return_exceptions=True)
    took = round(loop.time() - start, 6)
    tasks = len(asyncio.all_tasks()) - 1
    outcome, cancelling = (result, 0) if isinstance(result, BaseException) else result
    if isinstance(outcome, Exception):
        outcome.__traceback__ = outcome.__context__ = None
    await asyncio.sleep(1)
    kinds = [type(event) for event in events]
    return Course(
        outcome=outcome,
        took=took,
        tasks=tasks,
        cancelling=cancelling,
        complaints=complaints,
        wire=wire,
        context=context,
        statistics=onion.statistics(),
        hedges=kinds.count(HedgeStarted),
        wins=kinds.count(HedgeWon),
        was_cancelled=was_cancelled == [True],
    )


def played(schedule: Schedule) -> Course:
    course = run(play(schedule))
    gc.collect(0)  # a task whose exception nobody asked for says so when it goes
    return course


@CHECKED
@given(SCHEDULES)
@example(Schedule(FAST_AND_LATE, cancel_at=0.1))
@example(Schedule(FAST_AND_LATE, within=0.1))
@example(Schedule(FAST_AND_LATE, total=0.1))
@example(Schedule(FAST_AND_LATE, per_try=0.1, total=5.0))
def test_a_race_has_one_outcome_and_leaves_nothing_behind(schedule: Schedule) -> None:
    course = played(schedule)
    assert (0, 0, 0) == (course.tasks, course.wire.running, course.cancelling)
    assert [] == course.complaints
    assert (0, 0) == (course.statistics.taken, course.statistics.queued)
    if course.was_cancelled:
        assert isinstance(course.outcome, asyncio.CancelledError)
    else:
        assert isinstance(course.outcome, int | BFFError | ZeroDivisionError)
    sent = len(course.wire.sent)
    assert sent == course.context.attempts
    assert [str(number) for number in range(1, sent + 1)] == course.wire.headers("x-envoy-attempt-count")
    assert sent <= (schedule.attempts or 1 + schedule.most)
    # A hedge that begins in the moment in which the race ends has its token and is never sent.
    assert course.wins <= course.hedges <= sent
    if schedule.attempts:
        assert 0 <= BURST - course.statistics.retry_tokens - max(sent - 1, 0) <= 1
    ends = [end for end in (schedule.total, schedule.within, schedule.cancel_at) if end is not None]
    # However it ends, it waits for what it has cancelled, first the first try and then its hedges, and for no longer.
    assert course.took <= min(ends, default=HANG) + 2 * DYING + 1e-6


@CHECKED
@given(st.tuples(TRIES, TRIES))
def test_of_two_tries_the_first_good_answer_wins_and_else_the_first_try_counts(tries: tuple[Try, Try]) -> None:
    """Held against what a race is, in a few lines, where nothing else ends it."""
    first, second = tries
    finish = AFTER + second.seconds
    assume(first.seconds not in {AFTER, finish})
    good = {200, 404}
    course = played(Schedule(tries))
    outcome = course.outcome if isinstance(course.outcome, int) else type(course.outcome)
    words: Mapping[object, object] = {"bug": ZeroDivisionError, "unreachable": UpstreamUnreachable}
    firsts = words.get(first.outcome, first.outcome)
    if first.seconds < AFTER:
        expected, hedges = firsts, 0
    elif second.outcome in good and (finish < first.seconds or first.outcome not in {*good, "bug"}):
        expected, hedges = second.outcome, 1
    else:
        expected, hedges = firsts, 1
    assert (expected, hedges) == (outcome, course.hedges)
