"""Try again what failed, where that is safe and there is time and budget for it."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Final, cast

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt

from bff.ambassador._budget import Budget
from bff.ambassador._core import Context, Request, Response, Send
from bff.ambassador._repeatable import is_repeatable
from bff.ambassador._retry_after import retry_after
from bff.ambassador._verdict import SERVER_ERRORS
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

__all__ = ["FINAL", "Retrier"]

# Another try would be refused for the same reason.
FINAL: Final = (CircuitOpen, DeadlineExceeded, RateLimited)


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
        random: Callable[[], float],
        emitter: Emitter,
    ) -> None:
        self.policy = policy
        self.budget = budget
        self.statuses = frozenset(policy.statuses)
        self._random = random
        self._emitter = emitter
        self._tells_failed = emitter.wants(AttemptFailed)
        self._tells_exhausted = emitter.wants(BudgetExhausted)
        # Only what strategies may look at: it never runs.
        self._retrying = AsyncRetrying(stop=stop_after_attempt(policy.attempts), wait=policy.wait)

    def _begin(self, send: Send, request: Request, context: Context) -> RetryCallState:
        """Return tenacity's record of a call whose first try has just ended."""
        state = RetryCallState(self._retrying, cast("Callable[..., object]", send), (request, context), {})
        state.start_time = context.loop.time()
        return state

    async def again(self, send: Send, request: Request, context: Context, outcome: Response | Exception) -> Response:
        """Try again as long as that is wanted, and end as the last try did."""
        state = self._begin(send, request, context)
        try:
            while (pause := await self._pause(state, outcome)) is not None:
                if not await self._rest(state, pause, outcome):
                    break
                state.idle_for += pause
                state.prepare_for_next_attempt()
                try:
                    outcome = await send(request, context)
                except Exception as error:  # noqa: BLE001 - raised again, unless there is another try
                    outcome = error
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        finally:
            # An exception that is kept refers to this frame, which refers to it: the collector's work.
            state.outcome = None
            del outcome

    async def _pause(self, state: RetryCallState, outcome: Response | Exception) -> float | None:
        """Return the seconds to wait before the next try, or `None` where there is to be none."""
        request, context = cast("tuple[Request, Context]", state.args)
        self._set(state, outcome)
        pause = None
        try:
            refused = "caller" if context.is_retry else await self._objection(state, request, outcome)
        except BaseException:
            # What a strategy raises, or a cancellation that meets it, takes the place of the answer.
            if isinstance(outcome, Response) and outcome.stream is not None:
                await outcome.stream.aclose()
            raise
        if not refused:
            pause = self._fit(self._wait(state, outcome), context)
            if pause is None:
                refused = "time"
            elif self.budget is not None and not self.budget.has_token():
                pause, refused = None, "budget"
                self._exhausted(context)
        if self._tells_failed:
            self._report(state, outcome, pause, refused)
        return pause

    async def _rest(self, state: RetryCallState, pause: float, outcome: Response | Exception) -> bool:
        """Let the pause pass and take what a retry costs; `False` where the budget does not have it."""
        stream = outcome.stream if isinstance(outcome, Response) else None
        if stream is None:
            await asyncio.sleep(pause)
            # Whoever slept at the same time may have used the budget up meanwhile.
            return self._withdraw(state, outcome)
        # A body that has been left cannot be handed on: here the budget decides before the pause.
        if not self._withdraw(state, outcome):
            return False
        await stream.aclose()
        await asyncio.sleep(pause)
        return True

    def _withdraw(self, state: RetryCallState, outcome: Response | Exception) -> bool:
        """Take the token of a try; `False` where there is none left."""
        if self.budget is None or self.budget.withdraw():
            return True
        self._exhausted(cast("Context", state.args[1]))
        if self._tells_failed:
            self._report(state, outcome, None, "budget")
        return False

    def _exhausted(self, context: Context) -> None:
        if self._tells_exhausted:
            self._emitter.emit(BudgetExhausted(context.upstream, context.operation, "retry", context.call))

    def _report(self, state: RetryCallState, outcome: Response | Exception, pause: float | None, refused: str) -> None:
        cause = str(getattr(outcome, "cause", "error"))
        is_fine = isinstance(outcome, RejectedError)  # what we refused was not tried
        if isinstance(outcome, Response):
            cause = "status"
            is_fine = outcome.status < SERVER_ERRORS and outcome.status not in self.statuses
        if pause is None and is_fine:
            return
        context = cast("Context", state.args[1])
        self._emitter.emit(
            AttemptFailed(
                context.upstream,
                context.operation,
                attempt=_tries(state, context),
                cause=cause,
                retry_in=pause,
                refused=refused,
                call=context.call,
            )
        )

    def _set(self, state: RetryCallState, outcome: Response | Exception) -> None:
        if isinstance(outcome, Exception):
            state.set_exception((type(outcome), outcome, outcome.__traceback__))
        else:
            state.set_result(outcome)
        state.outcome_timestamp = cast("Context", state.args[1]).loop.time()

    async def _objection(self, state: RetryCallState, request: Request, outcome: Response | Exception) -> str:
        """Return why there is to be no other try, as `AttemptFailed.refused` has it, or nothing."""
        if _tries(state, cast("Context", state.args[1])) >= self.policy.attempts:
            return "attempts"
        if isinstance(outcome, FINAL):
            return "futile"
        is_unsent = isinstance(outcome, UpstreamError) and not outcome.sent
        if not (is_unsent or is_repeatable(request)):
            return "unrepeatable"
        return "" if await self._wants(state, outcome) else "futile"

    async def _wants(self, state: RetryCallState, outcome: Response | Exception) -> bool:
        if isinstance(outcome, Response) and outcome.status in self.statuses:
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
        left = context.limit.end - context.loop.time()
        if preferred < left:
            return preferred
        return (least + left) / 2 if least < min(preferred, left) else None


def _tries(state: RetryCallState, context: Context) -> int:
    """Return how many tries there have been: tenacity counts neither hedges nor, we, what was refused."""
    return max(state.attempt_number, context.attempts)
