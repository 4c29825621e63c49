"""Decide when a try is late, whether another may be sent beside it, and which answer wins."""

from typing import Final

from bff.ambassador._budget import Budget
from bff.ambassador._core import Context, Response
from bff.ambassador._quantile import MovingQuantile
from bff.ambassador._verdict import SERVER_ERRORS
from bff.events import BudgetExhausted, Emitter, HedgeStarted, HedgeWon
from bff.policy import Hedging, Retry

__all__ = ["Hedger"]

_LEAST: Final = 0.001  # seconds; what comes sooner than that is not late, and a timer is no finer
_WARM_UP: Final = 50  # answers, before which their quantiles mean little


class Hedger:
    """
    What the hedges of all calls to one upstream have in common.

    `delay` is how many seconds after its beginning a try is late now, `None` while too few answers have been seen to
    know. `attempts` is how many tries a call may have, `retry` the policy whose statuses and budget hedges share;
    without one they have the default's statuses and a budget that calls fill here (`is_earning`).
    """

    __slots__ = (
        "_attempts", "_emitter", "_latencies", "_statuses", "_tells_exhausted", "_tells_started", "_tells_won",
        "budget", "delay", "is_earning", "is_learning", "max",
    )  # fmt: skip

    def __init__(
        self, policy: Hedging, *, attempts: int, retry: Retry | None, budget: Budget | None, emitter: Emitter
    ) -> None:
        quantile = policy.quantile
        self.budget = budget
        self.is_earning = retry is None
        self.is_learning = quantile is not None
        self.max = policy.max
        self.delay = None if isinstance(policy.after, str) else max(float(policy.after), _LEAST)
        self._attempts = attempts
        self._statuses = frozenset((retry or Retry()).statuses)
        self._latencies = None if quantile is None else MovingQuantile(quantile, warm_up=_WARM_UP)
        self._emitter = emitter
        self._tells_exhausted = emitter.wants(BudgetExhausted)
        self._tells_started = emitter.wants(HedgeStarted)
        self._tells_won = emitter.wants(HedgeWon)

    def accepts(self, response: Response) -> bool:
        """Say whether an answer ends the race; one that is worth another try, or a failure, does not."""
        return response.status < SERVER_ERRORS and response.status not in self._statuses

    def observe(self, response: Response, seconds: float) -> None:
        """
        Learn from how long a try took to be answered.

        Those that fail or lose are not counted: where many hang, the quantile would grow for as long as they do, and
        soon nothing would be late any more. What bounds the load is the budget.
        """
        if self._latencies is not None and response.status < SERVER_ERRORS and response.status not in self._statuses:
            late = self._latencies.add(seconds)
            if late is not None:
                self.delay = late if late > _LEAST else _LEAST  # noqa: FURB136 - of every answer, and `max` costs more

    def grants(self, context: Context) -> bool:
        """Say whether there may be another try after `context.attempts` of them, and take its token."""
        if context.attempts >= self._attempts:
            return False
        if self.budget is None or self.budget.withdraw():
            return True
        if self._tells_exhausted:
            self._emitter.emit(BudgetExhausted(context.upstream, context.operation, "hedge", context.call))
        return False

    def started(self, context: Context, late: float) -> None:
        """Tell that a hedge begins, `late` seconds after the try before it."""
        if self._tells_started:
            self._emitter.emit(
                HedgeStarted(context.upstream, context.operation, context.attempts + 1, late, context.call)
            )

    def won(self, context: Context) -> None:
        """Tell that a hedge has won."""
        if self._tells_won:
            self._emitter.emit(HedgeWon(context.upstream, context.operation, context.attempts, context.call))
