"""Policies: frozen words for how an upstream is called, and what they refuse to say."""

import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import pybreaker
import pytest
from tenacity import RetryCallState, wait_fixed, wait_random_exponential

from bff import Bulkhead, CircuitBreaker, DeclarationError, Retry, RetryBudget, Timeout


def test_defaults_are_those_of_the_contract() -> None:
    assert (5.0, 2.5, 1.0) == (Timeout().total, Timeout().attempt, Timeout().connect)
    retry = Retry()
    assert (3, None, (429, 502, 503, 504), None) == (retry.attempts, retry.when, retry.statuses, retry.max_retry_after)
    assert RetryBudget(0.2, burst=10) == retry.budget
    assert CircuitBreaker() == CircuitBreaker(
        0.5, min_calls=20, window=10.0, slow_call=None, slow_rate=1.0, cooldown=2.0, probes=1
    )
    assert 10.0 == CircuitBreaker().longest_cooldown
    assert (100, 100) == (Bulkhead().limit, Bulkhead().places)


def test_the_default_wait_is_tenacitys_own_full_jitter() -> None:
    wait = Retry().wait
    assert isinstance(wait, wait_random_exponential)
    assert (0.05, 1.0) == (wait.multiplier, wait.max)
    assert Retry() == Retry()


def test_a_cooldown_grows_fivefold_unless_it_is_said() -> None:
    assert 150.0 == CircuitBreaker(cooldown=30.0).longest_cooldown
    assert 60.0 == CircuitBreaker(cooldown=30.0, max_cooldown=60.0).longest_cooldown
    assert "max_cooldown=cooldown * 5" in repr(CircuitBreaker())


def test_as_many_calls_may_wait_as_may_run_until_it_is_said() -> None:
    assert 4 == Bulkhead(4).places
    assert 8 == replace(Bulkhead(4), limit=8).places
    assert 0 == Bulkhead(4, queue=0).places
    assert "Bulkhead(limit=4, queue=limit)" == repr(Bulkhead(4))


def test_the_time_of_a_try_is_half_of_the_total_until_it_is_said_or_switched_off() -> None:
    assert 0.5 == Timeout(total=1.0).attempt
    assert 4.0 == replace(Timeout(total=1.0), total=8.0).attempt
    assert 0.3 == Timeout(total=1.0, per_try=0.3).attempt
    assert Timeout(total=1.0, per_try=None).attempt is None
    assert "Timeout(total=1.0, per_try=total / 2, connect=1.0)" == repr(Timeout(total=1.0))


def test_policies_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Timeout().total = 3  # type: ignore[misc]


NAN = float("nan")
WRONG: dict[str, Callable[[], object]] = {
    "Timeout.total is 0": lambda: Timeout(0),
    "Timeout.total is -1": lambda: Timeout(total=-1),
    "Timeout.total is nan": lambda: Timeout(total=NAN),
    "Timeout.total is True": lambda: Timeout(total=True),
    "Timeout.total is '1'": lambda: Timeout(total="1"),  # type: ignore[arg-type]
    "Timeout.per_try is 0": lambda: Timeout(per_try=0),
    "Timeout.connect is None": lambda: Timeout(connect=None),  # type: ignore[arg-type]
    "Retry.attempts is 0": lambda: Retry(0),
    "Retry.attempts is 1.5": lambda: Retry(1.5),  # type: ignore[arg-type]
    "Retry.wait is 0.5": lambda: Retry(wait=0.5),  # type: ignore[arg-type]
    "Retry.when is 503": lambda: Retry(when=503),  # type: ignore[arg-type]
    "Retry.statuses is (99,)": lambda: Retry(statuses=(99,)),
    "Retry.statuses is 503": lambda: Retry(statuses=503),  # type: ignore[arg-type]
    "Retry.budget is 0.2": lambda: Retry(budget=0.2),  # type: ignore[arg-type]
    "Retry.max_retry_after is -1": lambda: Retry(max_retry_after=-1),
    "RetryBudget.ratio is 1.1": lambda: RetryBudget(1.1),
    "RetryBudget.burst is -1": lambda: RetryBudget(burst=-1),
    "CircuitBreaker.failure_rate is 0": lambda: CircuitBreaker(0),
    "CircuitBreaker.failure_rate is 50": lambda: CircuitBreaker(50),
    "CircuitBreaker.min_calls is 0": lambda: CircuitBreaker(min_calls=0),
    "CircuitBreaker.window is 0": lambda: CircuitBreaker(window=0),
    "CircuitBreaker.slow_call is 0": lambda: CircuitBreaker(slow_call=0),
    "CircuitBreaker.slow_rate is 2": lambda: CircuitBreaker(slow_rate=2),
    "CircuitBreaker.cooldown is -5": lambda: CircuitBreaker(cooldown=-5),
    "CircuitBreaker.max_cooldown is 1.0": lambda: CircuitBreaker(max_cooldown=1.0),
    "CircuitBreaker.probes is 0": lambda: CircuitBreaker(probes=0),
    "CircuitBreaker.listeners is (1,)": lambda: CircuitBreaker(listeners=(1,)),  # type: ignore[arg-type]
    "Bulkhead.limit is 0": lambda: Bulkhead(0),
    "Bulkhead.queue is -1": lambda: Bulkhead(queue=-1),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_value_is_refused_by_its_name_where_it_is_written(what: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        WRONG[what]()
    problem = caught.value.problems[0]
    code = WRONG[what].__code__
    assert (what, __file__, code.co_firstlineno) == (problem.what, problem.file, problem.line)
    assert what.partition(" is ")[0] == problem.where
    assert problem.mend.startswith("give ")


def test_all_wrong_values_of_a_policy_are_named_at_once_also_where_it_is_changed() -> None:
    with pytest.raises(DeclarationError) as caught:
        replace(Retry(), attempts=0, statuses=(1,))
    assert ["Retry.attempts", "Retry.statuses"] == [problem.where for problem in caught.value.problems]
    frame = inspect.currentframe()
    assert frame is not None
    assert {(__file__, frame.f_lineno - 4)} == {(problem.file, problem.line) for problem in caught.value.problems}


def test_tenacitys_and_pybreakers_own_things_are_taken() -> None:
    async def when(_: RetryCallState) -> bool:
        return True

    wait = wait_fixed(1)
    retry = Retry(wait=wait, when=when, statuses={500})
    assert (wait, when) == (retry.wait, retry.when)
    listener = pybreaker.CircuitBreakerListener()
    assert [listener] == list(CircuitBreaker(listeners=[listener]).listeners)
