"""Run a plan for one request: every call starts the moment its inputs exist, and none outlives the answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bff._unset import UNSET
from bff.declare._exchange import Binding, exchange
from bff.declare._operation import Operation
from bff.declare._scope import RequestScope
from bff.errors import ContractViolation, RejectedError, UpstreamError
from bff.plan._plan import Plan, PlannedCall

RESERVE_SHARE = 0.1
RESERVE_LEAST = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan: the answer as data ready to be encoded, and `(path, cause)` for every default in it."""

    value: Any
    missing: tuple[tuple[str, str], ...]


class RequestFailed(Exception):
    """
    Something that the answer cannot do without failed.

    `operation` is the one at fault, `None` where the answer breaks a promise of its own or time ran out; `is_own`
    says that its inputs were this endpoint's own parameters alone, `is_credentialed` that it carried the client's
    credential.
    """

    def __init__(
        self,
        error: UpstreamError | RejectedError,
        operation: Operation[..., Any] | None = None,
        *,
        is_own: bool = False,
        is_credentialed: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.operation = operation
        self.is_own = is_own
        self.is_credentialed = is_credentialed


async def run(plan: Plan, bindings: Sequence[Binding], params: Mapping[str, Any], scope: RequestScope) -> Outcome:
    """
    Answer one request.

    `bindings` are one for each call of the plan. Raises `RequestFailed`; when it is cancelled, or fails, it cancels and
    awaits every call that is still under way.
    """
    return await _Run(plan, bindings, params, scope).outcome()


class _Run:
    """The state of one request: what is settled, what waits for what, which tasks are under way."""

    __slots__ = (
        "_bindings",
        "_done",
        "_failures",
        "_left",
        "_params",
        "_plan",
        "_results",
        "_scope",
        "_slots",
        "_soft_deadline",
        "_tasks",
        "_waiting",
    )

    def __init__(self, plan: Plan, bindings: Sequence[Binding], params: Mapping[str, Any], scope: RequestScope) -> None:
        count = len(plan.calls)
        self._plan = plan
        self._bindings = bindings
        self._params = params
        self._scope = scope
        self._results: list[Any] = [None] * count
        self._failures: list[UpstreamError | RejectedError | None] = [None] * count
        self._slots: list[Any] = [UNSET] * plan.slots
        self._waiting = [len(call.needs.settled) for call in plan.calls]
        self._left = count
        self._tasks: dict[int, asyncio.Task[None]] = {}
        reserve = max(RESERVE_LEAST, RESERVE_SHARE * (scope.deadline - scope.started))
        self._soft_deadline = scope.deadline - reserve

    async def outcome(self) -> Outcome:
        if self._left:
            await self._calls()
        plan = self._plan
        try:
            value = plan.answer(self._results, self._failures, self._params, self._scope, self._slots)
        except ContractViolation as error:
            raise RequestFailed(error) from error
        return Outcome(value, self._missing() if plan.optionals else ())

    async def _calls(self) -> None:
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            for call in self._plan.calls:
                if not call.needs.settled:
                    self._start(call)
            await self._done
        finally:
            if self._tasks:
                await _abandon([*self._tasks.values()])
            if self._done.done() and not self._done.cancelled():
                # Nobody else asks for it where the request was cancelled in the same moment.
                self._done.exception()

    def _start(self, call: PlannedCall) -> None:
        self._tasks[call.number] = asyncio.create_task(self._make(call))

    async def _make(self, call: PlannedCall) -> None:
        """Make one call and settle it; what nobody foresaw ends the request."""
        number = call.number
        try:
            self._results[number] = await self._value(call)
        except (UpstreamError, RejectedError) as error:
            self._failures[number] = error
        except Exception as error:  # noqa: BLE001 - handed to the request, which raises it
            self._finish(error)
        del self._tasks[number]
        self._settled(call)

    async def _value(self, call: PlannedCall) -> Any:
        """Return the decoded answer to a call; what the answer can do without has to come before the reserve."""
        inputs = call.inputs(self._results, self._failures, self._params, self._scope, self._slots)
        deadline = self._scope.deadline if call.is_required else self._soft_deadline
        decode = call.decoder.decode
        return await exchange(self._bindings[call.number], inputs, decode, scope=self._scope, deadline=deadline)

    def _settled(self, call: PlannedCall) -> None:
        """Take a verdict into account: start what waited for it, or pass the failure on."""
        self._left -= 1
        failure = self._failures[call.number]
        if failure is not None and call.is_required:
            is_credentialed = self._bindings[call.number].carries_credential(self._scope)
            failed = RequestFailed(failure, call.operation, is_own=call.is_own, is_credentialed=is_credentialed)
            self._finish(failed)
            return
        for number in self._plan.dependents[call.number]:
            self._waiting[number] -= 1
            if self._waiting[number] == 0 and not self._done.done():
                self._start_or_pass_on(self._plan.calls[number])
        if self._left == 0:
            self._finish()

    def _start_or_pass_on(self, call: PlannedCall) -> None:
        failures = (self._failures[number] for number in sorted(call.needs.hard))
        self._failures[call.number] = next((failure for failure in failures if failure), None)
        if self._failures[call.number] is None:
            self._start(call)
        else:
            self._settled(call)

    def _finish(self, error: Exception | None = None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)

    def _missing(self) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for part in self._plan.optionals:
            failures = (self._failures[number] for number in part.calls)
            failure = next((failure for failure in failures if failure), None) or self._scope.broken.get(part.node)
            if failure is not None:
                for path in part.paths:
                    found.setdefault(path, failure.cause)
        return tuple(found.items())


async def _abandon(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what is under way, and wait until it has given back what it held."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
