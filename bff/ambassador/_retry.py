"""Try again what failed, where that is safe and there is time and budget for it."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Final, cast

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt

from bff.ambassador._budget import Budget
from bff.ambassador._core import Context, Layer, Request, Response, Send
from bff.ambassador._repeatable import is_repeatable
from bff.ambassador._retry_after import retry_after
from bff.errors import (
    CircuitOpen,
    DeadlineExceeded,
    RateLimited,
    RejectedError,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from bff.events import AttemptFailed, BudgetExhausted, Emitter
from bff.policy import Retry

__all__ = ["retrying"]

_SERVER_ERRORS: Final = 500  # and above
# Another try would be refused for the same reason.
_FINAL: Final = (CircuitOpen, DeadlineExceeded, RateLimited)


class Retrier:
    """
    Decide after a failed try whether there is another one, and when.

    tenacity's vocabulary without its engine: `when` and `wait` are asked in its order with its own
    `RetryCallState`, which is built only once something has failed.
    """

    def __init__(
        self,
        policy: Retry,
        *,
        budget: Budget | None,
        clock: Callable[[], float],
        random: Callable[[], float],
        emitter: Emitter,
    ) -> None:
        self.policy = policy
        self.budget = budget
        self._statuses = frozenset(policy.statuses)
        self._clock = clock
        self._random = random
        self._emitter = emitter
        self._tells_failed = emitter.wants(AttemptFailed)
        self._tells_exhausted = emitter.wants(BudgetExhausted)
        # Only what strategies may look at: it never runs.
        self._retrying = AsyncRetrying(stop=stop_after_attempt(policy.attempts), wait=policy.wait)

    def is_done(self, response: Response) -> bool:
        """Say whether this answer needs no further thought, as nearly every answer does."""
        return self.policy.when is None and response.status not in self._statuses

    def begin(self, send: Send, request: Request, context: Context) -> RetryCallState:
        """Return tenacity's record of a call whose first try has just ended."""
        state = RetryCallState(self._retrying, cast("Callable[..., object]", send), (request, context), {})
        state.start_time = self._clock()
        return state

    async def pause(self, state: RetryCallState, outcome: Response | Exception) -> float | None:
        """Return the seconds to wait before the next try, or `None` where there is to be none."""
        request, context = cast("tuple[Request, Context]", state.args)
        self._set(state, outcome)
        pause = None
        if not context.is_retry and await self._wants(state, request, outcome):
            pause = self._fit(self._wait(state, outcome), context)
            if pause is not None and self.budget is not None and not self.budget.has_token():
                pause = None
                self._exhausted(context)
        if self._tells_failed:
            self._report(state, outcome, pause)
        return pause

    def withdraw(self, context: Context) -> bool:
        """Take the token of a try whose pause is over; `False` where there is none left."""
        if self.budget is None or self.budget.withdraw():
            return True
        self._exhausted(context)
        return False

    def _exhausted(self, context: Context) -> None:
        if self._tells_exhausted:
            self._emitter.emit(BudgetExhausted(context.upstream, context.operation, "retry"))

    def _report(self, state: RetryCallState, outcome: Response | Exception, pause: float | None) -> None:
        is_fine = isinstance(outcome, Response) and outcome.status < _SERVER_ERRORS
        if pause is None and (is_fine or isinstance(outcome, RejectedError)):
            return  # what we refused was not tried
        context = cast("Context", state.args[1])
        cause = "status" if isinstance(outcome, Response) else str(getattr(outcome, "cause", "error"))
        attempt = _tries(state, context)
        self._emitter.emit(AttemptFailed(context.upstream, context.operation, attempt, cause, retry_in=pause))

    def _set(self, state: RetryCallState, outcome: Response | Exception) -> None:
        if isinstance(outcome, Exception):
            state.set_exception((type(outcome), outcome, outcome.__traceback__))
        else:
            state.set_result(outcome)
        state.outcome_timestamp = self._clock()

    async def _wants(self, state: RetryCallState, request: Request, outcome: Response | Exception) -> bool:
        if _tries(state, cast("Context", state.args[1])) >= self.policy.attempts or isinstance(outcome, _FINAL):
            return False
        is_unsent = isinstance(outcome, UpstreamError) and not outcome.sent
        if not (is_unsent or is_repeatable(request)):
            return False
        if isinstance(outcome, Response) and outcome.status in self._statuses:
            return True
        if self.policy.when is None:
            return isinstance(outcome, UpstreamTimeout | UpstreamUnreachable)
        answer = self.policy.when(state)
        return bool(await answer) if inspect.isawaitable(answer) else bool(answer)

    def _wait(self, state: RetryCallState, outcome: Response | Exception) -> tuple[float, float]:
        """Return the least and the preferred pause: an upstream's `Retry-After` is spread, never undercut."""
        pause = max(float(self.policy.wait(state)), 0.0)
        asked = retry_after(outcome.headers) if isinstance(outcome, Response) else None
        if asked is None or cast("Context", state.args[1]).can_move:
            return pause, pause
        if self.policy.max_retry_after is not None:
            asked = min(asked, self.policy.max_retry_after)
        return asked, max(pause, asked * (1 + self._random() / 2))

    def _fit(self, pauses: tuple[float, float], context: Context) -> float | None:
        """Return the preferred pause cut to what is left of the call's time, `None` where the least is too long."""
        least, preferred = pauses
        if context.limit is None:
            return preferred
        # Loops let timers fire a little early: there may seem to be time left, and nothing that would end another try.
        if context.limit.rang:
            return None
        left = context.limit.when - self._clock()
        if preferred < left:
            return preferred
        return (least + left) / 2 if least < min(preferred, left) else None


def _tries(state: RetryCallState, context: Context) -> int:
    """Return how many tries there have been: tenacity counts neither hedges nor, we, what was refused."""
    return max(state.attempt_number, context.attempts)


def retrying(retrier: Retrier) -> Layer:
    """
    Repeat what failed up to `attempts` times; the first try runs inline and costs nothing.

    Whatever cannot be repeated ends as it ended: the last answer is returned, the last error raised.
    """

    def layer(send: Send) -> Send:
        async def retried(request: Request, context: Context) -> Response:
            if retrier.budget is not None:
                retrier.budget.deposit()
            try:
                response = await send(request, context)
            except Exception as error:  # noqa: BLE001 - raised again, unless there is another try
                return await again(request, context, error)
            return response if retrier.is_done(response) else await again(request, context, response)

        async def again(request: Request, context: Context, outcome: Response | Exception) -> Response:
            state = retrier.begin(send, request, context)
            try:
                while (pause := await retrier.pause(state, outcome)) is not None:
                    await asyncio.sleep(pause)
                    # Whoever slept at the same time may have used the budget up meanwhile.
                    if not retrier.withdraw(context):
                        break
                    state.idle_for += pause
                    state.prepare_for_next_attempt()
                    try:
                        outcome = await send(request, context)
                    except Exception as error:  # noqa: BLE001 - as above
                        outcome = error
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome
            finally:
                # An exception that is kept refers to this frame, which refers to it: the collector's work.
                state.outcome = None
                del outcome

        return retried

    return layer
