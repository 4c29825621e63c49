"""Run a plan for one request: every step begins the moment its inputs exist, and none outlives the answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from bff.declare._exchange import Binding, exchange
from bff.declare._operation import Operation
from bff.declare._scope import RequestScope
from bff.errors import ContractViolation, Overloaded, RejectedError, UpstreamError
from bff.execute._frame import Failure, Frame
from bff.execute._joins import Group, Joins, chunks, shared_out
from bff.execute._missing import missing_of
from bff.execute._progress import Progress
from bff.plan._plan import Plan
from bff.plan._steps import PlannedCall

RESERVE_SHARE = 0.1
RESERVE_LEAST = 0.02

Bindings: TypeAlias = Mapping[Operation[..., Any], Binding]
_Deliver: TypeAlias = Callable[[Any, Failure | None], None]


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


async def run(
    plan: Plan, bindings: Bindings, params: Mapping[str, Any], scope: RequestScope, *, max_calls: int
) -> Outcome:
    """
    Answer one request.

    `bindings` are one for each operation of the plan; what lies past `max_calls` fails. Raises `RequestFailed`; when it
    fails or is cancelled, it cancels and awaits every call that is still under way, unless it has begun to write: then
    a cancellation waits until the sequence of writes is over.
    """
    return await _Run(plan, bindings, params, scope, max_calls).outcome()


class _Run:
    """The calls of one request: which tasks are under way, which of them stand in for others."""

    __slots__ = (
        "_bindings",
        "_done",
        "_joins",
        "_max_calls",
        "_plan",
        "_progress",
        "_scope",
        "_soft_deadline",
        "_started",
        "_tasks",
    )

    def __init__(
        self, plan: Plan, bindings: Bindings, params: Mapping[str, Any], scope: RequestScope, max_calls: int
    ) -> None:
        self._plan = plan
        self._bindings = bindings
        self._scope = scope
        self._max_calls = max_calls
        self._progress = Progress(plan, params, scope, self)
        self._joins = Joins()
        self._started = 0
        self._tasks: dict[int, asyncio.Task[None]] = {}
        reserve = max(RESERVE_LEAST, RESERVE_SHARE * (scope.deadline - scope.started))
        self._soft_deadline = scope.deadline - reserve

    async def outcome(self) -> Outcome:
        plan, progress = self._plan, self._progress
        try:
            if plan.steps:
                await self._steps()
            value = progress.answer()
            broken, has_failures = self._scope.broken, progress.has_failures
            return Outcome(value, missing_of(plan, value, progress.root, broken, has_failures=has_failures))
        except ContractViolation as error:
            raise RequestFailed(error) from error
        finally:
            progress.close()

    async def _steps(self) -> None:
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._progress.begin()
            self._send_batches()
            try:
                await self._done
            except asyncio.CancelledError:
                await self._end_of_writes()
                raise
        finally:
            self._progress.is_over = True
            if self._tasks:
                await _abandon([*self._tasks.values()])
            if self._done.done() and not self._done.cancelled():
                # Nobody else asks for it where the request was cancelled in the same moment.
                self._done.exception()

    async def _end_of_writes(self) -> None:
        """Let a sequence of writes that has begun come to its end, whoever asks to stop: it has a deadline."""
        while not self._progress.is_over and self._scope.has_written:
            self._done = asyncio.get_running_loop().create_future()
            self._progress.await_writes()
            # Asked again to stop, or failed: there is nobody left to be told.
            with suppress(asyncio.CancelledError, Exception):
                await self._done

    def over(self, error: Failure | Exception | None, /) -> None:
        """See `Caller`."""
        if self._done.done():
            return  # cancelled, and nobody asks any more
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(self._failed(error) if isinstance(error, Failure) else error)

    def later(self, action: Callable[[], None], /) -> None:
        """See `Caller`."""

        def act() -> None:
            if not self._progress.is_over:
                action()
                self._send_batches()

        asyncio.get_running_loop().call_soon(act)

    def call(self, call: PlannedCall, frame: Frame, values: tuple[Any, ...], /) -> None:
        """See `Caller`."""
        if not call.is_joined:
            self._start(call, call.operation, values, partial(self._progress.settle, call, frame))
            return
        group, is_new = self._joins.group(call, frame, values)
        if group.outcome is not None:
            self._progress.settle(call, frame, *group.outcome)
        elif is_new and call.batch is None:
            self._start(call, call.operation, values, partial(self._deliver, call, group))
        elif is_new:
            self._progress.busy[call.number] += 1
            self._joins.queue(call, group)

    def _failed(self, failure: Failure) -> RequestFailed:
        call = failure.call
        if call is None:
            return RequestFailed(failure.error)
        is_credentialed = self._bindings[call.operation].carries_credential(self._scope)
        return RequestFailed(failure.error, call.operation, is_own=call.is_own, is_credentialed=is_credentialed)

    def _start(
        self, call: PlannedCall, operation: Operation[..., Any], values: tuple[Any, ...], deliver: _Deliver
    ) -> None:
        self._started += 1
        if self._started > self._max_calls:
            what = f"this request may make {self._max_calls} calls"
            upstream = self._bindings[operation].upstream
            error = Overloaded(what, upstream=upstream, operation=operation.name, cause="fan-out")
            deliver(None, Failure(error, call))
            return
        self._progress.busy[call.number] += 1
        made = self._make(self._started, call, self._bindings[operation], values, deliver)
        self._tasks[self._started] = asyncio.create_task(made)

    async def _make(
        self, number: int, call: PlannedCall, binding: Binding, values: tuple[Any, ...], deliver: _Deliver
    ) -> None:
        """Make one call and hand on what came of it; what the answer can do without has to come before the reserve."""
        deadline = self._soft_deadline if call.is_optional else self._scope.deadline
        decoder = call.decoder if call.batch is None else call.batch.decoder
        value, failure = None, None
        try:
            value = await exchange(binding, values, decoder.decode, scope=self._scope, deadline=deadline)
        except (UpstreamError, RejectedError) as error:
            failure = Failure(error, call)
        except Exception as error:  # noqa: BLE001 - handed to the request, which raises it
            self._progress.finish(error)
        self._progress.busy[call.number] -= 1
        del self._tasks[number]
        deliver(value, failure)
        if self._joins.queued:
            self._send_batches()

    def _deliver(self, call: PlannedCall, group: Group, value: Any, failure: Failure | None) -> None:
        group.outcome = (value, failure)
        for frame in group.frames:
            self._progress.settle(call, frame, value, failure)

    def _send_batches(self) -> None:
        """Send what is queued for a batch, as soon as nothing is under way that could still ask for more of it."""
        queued, progress = self._joins.queued, self._progress
        while not progress.is_over:
            ready = [call for call in queued if not any(progress.busy[number] for number in call.influences)]
            if not ready:
                return
            for call in ready:
                assert call.batch is not None
                for chunk, values in chunks(queued.pop(call), call.batch):
                    self._start(call, call.batch.operation, values, partial(self._share_out, call, chunk))

    def _share_out(self, call: PlannedCall, chunk: Sequence[Group], value: Any, failure: Failure | None) -> None:
        self._progress.busy[call.number] -= len(chunk)
        for group, item, missing in shared_out(chunk, call, value, failure):
            self._deliver(call, group, item, missing)


async def _abandon(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what is under way, and wait until it has given back what it held."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
