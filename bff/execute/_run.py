"""Run a plan for one request: every step begins the moment its inputs exist, and none outlives the answer."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from bff.declare._exchange import exchange
from bff.declare._scope import RequestScope
from bff.errors import ContractViolation, Overloaded, RejectedError, UpstreamError
from bff.execute._crew import Crew
from bff.execute._frame import Failure, Frame
from bff.execute._joins import Group, Joins, Queued, Share, chunks, shared_out
from bff.execute._missing import missing_of
from bff.execute._outcome import Bindings, Outcome, RequestFailed, soft_deadline
from bff.execute._progress import Progress
from bff.execute._rows import Part, Rows
from bff.execute._straight import run_straight
from bff.plan._plan import Plan
from bff.plan._steps import PlannedCall

__all__ = ["Bindings", "Outcome", "RequestFailed", "run"]

_Target: TypeAlias = Frame | Sequence[Group] | Part
_Job: TypeAlias = tuple[PlannedCall, tuple[Any, ...], _Target]
"""A call that is ready to be made, with its arguments, and for whom: the frame that asks, or the items of a list."""


def run(
    plan: Plan, bindings: Bindings, params: Mapping[str, Any], scope: RequestScope, *, max_calls: int
) -> Coroutine[Any, Any, Outcome]:
    """
    Return what answers one request when it is awaited.

    `bindings` are one for each operation of the plan; what lies past `max_calls` fails. Raises `RequestFailed`; when it
    fails or is cancelled, it cancels and awaits every call that is still under way, unless it has begun to write: then
    a cancellation waits until the sequence of writes is over.
    """
    straight = plan.straight
    if straight is not None and len(straight.calls) <= max_calls:
        return run_straight(plan, straight, bindings, params, scope)
    return _Run(plan, bindings, params, scope, max_calls).outcome()


class _Run(Crew):
    """
    The calls of one request, and which of them are ready to be made.

    Who has made a call goes on with one that has become ready by that; a task is started for each of the others alone.
    The request's own task makes calls, too, where nothing is written: what cancels it may cancel them.
    """

    __slots__ = (
        "_bindings",
        "_joins",
        "_max_calls",
        "_plan",
        "_progress",
        "_ready",
        "_scope",
        "_soft_deadline",
        "_started",
    )

    def __init__(
        self, plan: Plan, bindings: Bindings, params: Mapping[str, Any], scope: RequestScope, max_calls: int
    ) -> None:
        super().__init__()
        self._plan = plan
        self._bindings = bindings
        self._scope = scope
        self._max_calls = max_calls
        self._progress = Progress(plan, params, scope, self)
        self._joins = Joins() if plan.has_joins else None
        self._started = 0
        self._ready: list[_Job] = []
        self._soft_deadline = soft_deadline(scope)

    async def outcome(self) -> Outcome:
        plan, progress = self._plan, self._progress
        try:
            if plan.flow.size:
                await self._steps()
            value = progress.answer()
            if not (progress.has_failures or plan.can_break):
                return Outcome(value, ())
            progress.unfold()
            broken, has_failures = self._scope.broken, progress.has_failures
            return Outcome(value, missing_of(plan, value, progress.root, broken, has_failures=has_failures))
        except ContractViolation as error:
            raise RequestFailed(error) from error
        finally:
            progress.close()

    async def _steps(self) -> None:
        progress = self._progress
        try:
            progress.begin()
            job = self._next()
            if job is not None and self._plan.is_read:
                await self.work(self._make(job))
            elif job is not None:
                self.start(self._make(job))
            if not progress.is_over:
                try:
                    await self.rest()
                except asyncio.CancelledError:
                    await self._end_of_writes()
                    raise
        finally:
            progress.is_over = True
            await self.dismiss()
        self.check()

    async def _end_of_writes(self) -> None:
        """Let a sequence of writes that has begun come to its end, whoever asks to stop: it has a deadline."""
        progress = self._progress
        while not progress.is_over and self._scope.has_written:
            progress.await_writes()
            if not progress.is_over:
                # Asked again to stop: there is nobody left to be told.
                with suppress(asyncio.CancelledError):
                    await self.rest()

    def over(self, error: Failure | Exception | None, /) -> None:
        """See `Caller`."""
        self.end(RequestFailed.of(error, self._bindings, self._scope) if isinstance(error, Failure) else error)

    def later(self, action: Callable[[], None], /) -> None:
        """See `Caller`."""

        def act() -> None:
            if not self._progress.is_over:
                action()
                job = self._next()
                if job is not None:
                    self.start(self._make(job))

        asyncio.get_running_loop().call_soon(act)

    def call(self, call: PlannedCall, frame: Frame, values: tuple[Any, ...], /) -> None:
        """See `Caller`."""
        if self._joins is None or not call.is_joined:
            self._prepare(call, values, frame)
            return
        group, is_new = self._joins.group(call, frame, values)
        if group.outcome is not None:
            self._progress.settle(call, frame, *group.outcome)
        elif is_new and call.batch is None:
            self._prepare(call, values, [group])
        elif is_new:
            self._progress.busy[call.number] += 1
            self._joins.queue(call, group)

    def join(self, rows: Rows, /) -> None:
        """See `Caller`."""
        assert self._joins is not None
        if not rows.left:
            self._progress.land(rows)
            return
        for part in rows.batched():
            self._progress.busy[part.column.call.number] += len(part.asked)
            self._joins.queued[part.column.call] = part
        for part in rows.lone():
            self._prepare(part.column.call, part.asked[0], part)

    def _prepare(self, call: PlannedCall, values: tuple[Any, ...], target: _Target) -> None:
        """Have a call made; among those that become ready together, what begins the longest row stands first."""
        self._started += 1
        if self._started > self._max_calls:
            self._deliver(call, target, None, self._one_too_many(call))
            return
        self._progress.busy[call.number] += 1
        ready = self._ready
        if ready and call.rank > ready[0][0].rank:
            ready.insert(0, (call, values, target))
        else:
            ready.append((call, values, target))

    def _one_too_many(self, call: PlannedCall) -> Failure:
        operation = (call.batch or call).operation
        what = f"this request may make {self._max_calls} calls"
        upstream = self._bindings[operation].upstream
        return Failure(Overloaded(what, upstream=upstream, operation=operation.name, cause="fan-out"), call)

    def _next(self) -> _Job | None:
        """Return a call to go on with, and start tasks for others that are ready."""
        if self._joins is not None and self._joins.queued:
            self._send_batches(self._joins.queued)
        ready = self._ready
        if self._progress.is_over or not ready:
            return None
        if len(ready) == 1:
            return ready.pop()
        job, *others = ready
        ready.clear()
        for other in others:
            self.start(self._make(other))
        return job

    async def _make(self, job: _Job | None) -> None:
        """Make a call, hand on what came of it, and go on with what has become ready by that."""
        while job is not None:
            call, values, target = job
            # What the answer can do without has to come before the reserve.
            deadline = self._soft_deadline if call.is_optional else self._scope.deadline
            sent = call.batch or call
            binding, decode = self._bindings[sent.operation], sent.decoder.decode
            value, failure = None, None
            try:
                value = await exchange(binding, values, decode, scope=self._scope, deadline=deadline)
            except (UpstreamError, RejectedError) as error:
                failure = Failure(error, call)
            except Exception as error:  # noqa: BLE001 - handed to the request, which raises it
                self._progress.finish(error)
            self._progress.busy[call.number] -= 1
            self._deliver(call, target, value, failure)
            job = self._next()

    def _deliver(self, call: PlannedCall, target: _Target, value: Any, failure: Failure | None) -> None:
        if isinstance(target, Frame):
            self._progress.settle(call, target, value, failure)
            return
        if call.batch is not None:
            self._progress.busy[call.number] -= len(target.asked if isinstance(target, Part) else target)
        if isinstance(target, Part):
            self._share_out(target, value, failure)
            return
        if call.batch is None:
            shares: Iterable[Share] = [(group, value, failure) for group in target]
        else:
            shares = shared_out(target, call, call.batch, value, failure)
        for group, item, missing in shares:
            group.outcome = (item, missing)
            for frame in group.frames:
                self._progress.settle(call, frame, item, missing)

    def _share_out(self, part: Part, value: Any, failure: Failure | None) -> None:
        rows = part.rows
        failure = rows.take(part, value, failure)
        if failure is not None:
            self._progress.blame(failure)
        if not rows.left:
            self._progress.land(rows)

    def _send_batches(self, queued: dict[PlannedCall, Queued]) -> None:
        """Send what is queued for a batch, as soon as nothing is under way that could still ask for more of it."""
        progress = self._progress
        while not progress.is_over:
            complete = [call for call in queued if not any(progress.busy[number] for number in call.influences)]
            if not complete:
                return
            for call in complete:
                assert call.batch is not None
                waiting = queued.pop(call)
                parts = waiting.chunks(call.batch) if isinstance(waiting, Part) else chunks(waiting, call.batch)
                for chunk, values in parts:
                    self._prepare(call, values, chunk)
