"""Run the code of a plan that is nothing but reads: what follows what stands there as it is."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from bff._unset import UNSET
from bff.declare._exchange import Binding, exchange
from bff.declare._scope import RequestScope
from bff.errors import ContractViolation, RejectedError, UpstreamError
from bff.execute._crew import Crew
from bff.execute._frame import Failure, Frame
from bff.execute._missing import missing_of
from bff.execute._outcome import Bindings, Outcome, RequestFailed, soft_deadline
from bff.plan._plan import Plan
from bff.plan._steps import PlannedCall


class Ready(NamedTuple):
    """The calls of a plan, and what is sent for each: where it goes, how it is decoded, whether it may fail."""

    calls: tuple[PlannedCall, ...]
    bindings: Bindings
    sent: tuple[tuple[Binding, Callable[[bytes], Any], bool], ...]

    @classmethod
    def of(cls, calls: tuple[PlannedCall, ...], bindings: Bindings) -> "Ready":
        """Look all of it up once."""
        return cls(
            calls,
            bindings,
            tuple((bindings[call.operation], call.decoder.decode, call.is_optional) for call in calls),
        )


async def run_straight(
    plan: Plan,
    code: Callable[..., Coroutine[Any, Any, None]],
    ready: Ready,
    params: Mapping[str, Any],
    scope: RequestScope,
) -> Outcome:
    """Answer one request by the code of its plan; see `prepared`."""
    run = StraightRun(ready, scope)
    values: list[Any] = [None] * plan.size
    failures: list[Failure | None] = [None] * plan.size
    arguments = (values, failures, params, scope, [UNSET] * plan.slots)
    try:
        try:
            with run:
                await code(run, *arguments)
            if run.working and not run.is_over:
                await run.rest()
        finally:
            if run.working:
                await run.dismiss()
        run.check()
        value = plan.answer(*arguments)
    except ContractViolation as error:
        raise RequestFailed(error) from error
    has_failures = any(failures)
    if not (has_failures or plan.can_break):
        return Outcome(value, ())
    root = Frame(plan.size)
    root.v, root.f = values, failures
    return Outcome(value, missing_of(plan, value, root, scope.broken, has_failures=has_failures))


class StraightRun(Crew):
    """
    What the code of a plan asks of a request: its `r`.

    `working` counts the tasks that are at work beside the request's own; `_settled` counts for a call which several
    others lead to how many of these are settled.
    """

    __slots__ = ("_ready", "_scope", "_sent", "_settled", "_soft_deadline", "working")

    def __init__(self, ready: Ready, scope: RequestScope) -> None:
        super().__init__(scope.loop)
        self._ready = ready
        self._sent = ready.sent
        self._scope = scope
        self._soft_deadline = soft_deadline(scope)
        self._settled: dict[int, int] = {}
        self.working = 0

    def ask(self, number: int, values: tuple[Any, ...]) -> Awaitable[Any]:
        """Make a call; what the answer can do without has to come before the reserve."""
        binding, decode, is_optional = self._sent[number]
        scope = self._scope
        deadline = self._soft_deadline if is_optional else scope.deadline
        return exchange(binding, values, decode, scope=scope, deadline=deadline)

    def beside(self, lane: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        """Make calls in a task beside the request's own."""
        self.working += 1
        self.start(self._beside(lane, arguments))

    def is_last(self, number: int, *, of: int) -> bool:
        """Count one more of those that lead to a call as settled, and say whether it is the last."""
        self._settled[number] = count = self._settled.get(number, 0) + 1
        return count == of

    def failure(self, number: int, error: UpstreamError | RejectedError) -> Failure:
        """Return the failure of a call that the answer can do without."""
        return Failure(error, self._ready.calls[number])

    def failed(self, number: int, error: UpstreamError | RejectedError) -> RequestFailed:
        """Return the end of the request for the failure of a call that the answer cannot do without."""
        return RequestFailed.of(self.failure(number, error), self._ready.bindings, self._scope)

    async def _beside(self, lane: Callable[..., Coroutine[Any, Any, None]], arguments: tuple[Any, ...]) -> None:
        try:
            await lane(self, *arguments)
        except Exception as error:  # noqa: BLE001 - handed to the request, which raises it
            self.end(error)
        self.working -= 1
        if self.working == 0 and self.is_resting:
            self.end()
