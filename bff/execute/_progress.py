"""Keep track of the steps of one request: what is settled, what waits for what, what may begin."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from bff._unset import UNSET
from bff.declare._scope import RequestScope
from bff.errors import ContractViolation, RejectedError, UpstreamError
from bff.execute._frame import SETTLED, Failure, Frame, Gate
from bff.execute._rows import Column, Rows
from bff.plan._plan import Plan
from bff.plan._schedule import Needs
from bff.plan._steps import Alternatives, Decision, Loop, PlannedCall, PlannedStep


class Caller(Protocol):
    """Makes the calls that a request comes to, and does what cannot be done at once."""

    def call(self, call: PlannedCall, frame: Frame, values: tuple[Any, ...], /) -> None:
        """Make a call, and settle it when it is answered."""
        ...

    def join(self, rows: Rows, /) -> None:
        """Make the calls of a loop for all of its items, and let it land once they are answered."""
        ...

    def later(self, action: Callable[[], None], /) -> None:
        """Do something soon, but not now."""
        ...

    def over(self, error: "Failure | Exception | None", /) -> None:
        """The answer can be given, or why there will be none."""
        ...


class Progress:
    """
    The steps of one request.

    Synchronous: it waits for nothing itself; whoever makes the calls tells it how they went. `busy` counts, by number
    of a step, how often it is under way, loops that write among them.
    """

    __slots__ = (
        "_arguments",
        "_caller",
        "_left",
        "_outer",
        "_plan",
        "_rows",
        "_unsettled",
        "busy",
        "has_failures",
        "is_over",
        "root",
    )

    def __init__(self, plan: Plan, params: Mapping[str, Any], scope: RequestScope, caller: Caller) -> None:
        self._plan = plan
        self._caller = caller
        self.root = root = Frame(plan.size)
        slots: list[Any] = [UNSET] * plan.slots
        self._arguments = (root.v, root.f, params, scope, slots)
        self._outer: list[Frame] = []
        self._rows: list[Rows] = []
        self._left = [*plan.flow.waits]
        self._unsettled = plan.flow.size
        self.busy = [0] * len(plan.steps)
        self.is_over = False
        self.has_failures = False

    def begin(self) -> None:
        """Begin everything that the answer needs."""
        for number in self._plan.flow.first:
            self._ready(self._plan.steps[number], self.root)

    def await_writes(self) -> None:
        """Have done with the request once every write is over."""
        self._await(self._plan.writes, self.root, self.finish)

    def answer(self) -> Any:
        """Return the answer; raises `ContractViolation` where it breaks a promise of its own."""
        return self._plan.answer(*self._arguments)

    def unfold(self) -> None:
        """Give every item of a list a frame, for whoever looks for what is missing."""
        for rows in self._rows:
            self._outer.append(rows.frame)
            rows.frame.v[rows.loop.index] = rows.framed()

    def settle(self, step: PlannedStep, frame: Frame, value: Any, failure: Failure | None = None) -> None:
        """Take the outcome of a step into account: whatever waits for it may go on."""
        if self.is_over:
            return
        index = step.index
        frame.v[index] = value
        # A gate that were kept would refer to its frame, which refers to it.
        waiting, frame.waiting[index] = frame.waiting[index], SETTLED
        if failure is not None:
            frame.f[index], self.has_failures = failure, True
            if step.is_required:
                self.finish(failure)
                return
        if step.is_at_once:
            self._follow(step)
        if waiting is not None:
            for gate in waiting:
                gate.release()

    def _follow(self, step: PlannedStep) -> None:
        """Go on with what needed a step that every request takes; once all of them are settled there is an answer."""
        left = self._left
        for number in step.followers:
            left[number] -= 1
            if not left[number]:
                self._ready(self._plan.steps[number], self.root)
        self._unsettled -= 1
        if not self._unsettled:
            self.finish()

    def finish(self, error: Failure | Exception | None = None) -> None:
        """End the request: what is still under way does not matter any more."""
        if not self.is_over:
            self.is_over = True
            self._caller.over(error)

    def close(self) -> None:
        """
        Let go of outcomes and of whoever makes the calls: the request is over.

        They hold what refers to them, which would be left to the collector.
        """
        for frame in self._outer:
            frame.v.clear()
        del self._caller

    def _await(self, numbers: Iterable[int], frame: Frame, then: Callable[[], None]) -> None:
        """Begin these steps, unless they have begun, and do something once they are settled."""
        gate = Gate(then)
        self._require(numbers, frame, gate)
        gate.release()

    def _require(self, numbers: Iterable[int], frame: Frame, gate: Gate) -> None:
        steps = self._plan.steps
        for number in numbers:
            step = steps[number]
            at = frame if frame.depth == step.depth else frame.at(step.depth)
            waiting = at.waiting[step.index]
            if waiting is SETTLED:
                continue
            gate.left += 1
            if waiting is not None:
                waiting.append(gate)
                continue
            at.waiting[step.index] = [gate]
            if step.is_at_once:
                continue
            if step.needs.settled:
                self._await(step.needs.settled, at, partial(self._ready, step, at))
            else:
                self._ready(step, at)

    def _ready(self, step: PlannedStep, frame: Frame) -> None:
        """Take a step whose inputs are there; what nobody foresaw ends the request."""
        if self.is_over:
            return
        failure = self._failure(step.needs, frame) if self.has_failures else None
        if failure is not None:
            self.settle(step, frame, None, failure)
            return
        call = step if isinstance(step, PlannedCall) else None
        try:
            if call is not None:
                self._caller.call(call, frame, self._apply(call.inputs, frame))
            elif isinstance(step, Decision):
                self._decide(step, frame)
            elif isinstance(step, Alternatives):
                self._try(step, frame, 0)
            elif isinstance(step, Loop):
                self._loop(step, frame)
        except (UpstreamError, RejectedError) as error:
            self.settle(step, frame, None, Failure(error, call))
        except Exception as error:  # noqa: BLE001 - handed to the request, which raises it
            self.finish(error)

    def _failure(self, needs: Needs, frame: Frame) -> Failure | None:
        """Return the first failure among the steps that have to have succeeded."""
        if not self.has_failures:
            return None
        for number in needs.in_order:
            step = self._plan.steps[number]
            failure = frame.at(step.depth).f[step.index]
            if failure is not None:
                return failure
        return None

    def _apply(self, function: Callable[..., Any], frame: Frame) -> Any:
        return function(*self._arguments) if frame.outer is None else function(frame, *self._arguments)

    def _decide(self, step: Decision, frame: Frame) -> None:
        is_first = bool(self._apply(step.test, frame))
        needs = step.branches[0 if is_first else 1]
        self._await(needs.settled, frame, lambda: self.settle(step, frame, is_first, self._failure(needs, frame)))

    def _try(self, step: Alternatives, frame: Frame, number: int) -> None:
        """Take one alternative, and the next where it fails."""
        self._await(step.branches[number].settled, frame, partial(self._tried, step, frame, number))

    def _tried(self, step: Alternatives, frame: Frame, number: int) -> None:
        failure, check = self._failure(step.branches[number], frame), step.checks[number]
        if failure is None and check is not None:
            try:
                self._apply(check, frame)
            except ContractViolation as error:
                failure = Failure(error, None)
            except Exception as error:  # noqa: BLE001 - handed to the request, which raises it
                self.finish(error)
        if failure is not None and number + 1 < len(step.branches):
            self._try(step, frame, number + 1)
        else:
            self.settle(step, frame, number, failure)

    def _loop(self, step: Loop, frame: Frame) -> None:
        items = self._apply(step.items, frame)
        if items is None:
            self.settle(step, frame, None)
            return
        columns = self._columns(step, items)
        if columns:
            self._caller.join(Rows(step, frame, items, columns))
            return
        self._outer.append(frame)
        frames = [Frame(step.size, item, index, frame) for index, item in enumerate(items)]
        if step.is_sequential:
            self.busy[step.number] += 1
            self._next(step, frame, frames, 0)
            return
        gate = Gate(lambda: self._looped(step, frame, frames))
        for inner in frames:
            self._require(step.body.settled, inner, gate)
        gate.release()

    def _columns(self, step: Loop, items: Sequence[Any]) -> Sequence[Column]:
        """Return what is asked for the items of a loop, where that can be said of all of them at once."""
        if self.has_failures:
            return ()
        try:
            return [Column(call, column(items, *self._arguments)) for call, column in step.columns]
        except Exception:  # noqa: BLE001 - it happens once more to the item that it is about
            return ()

    def land(self, rows: Rows) -> None:
        """Settle a loop of which every call is answered."""
        if self.has_failures:
            self._outer.append(rows.frame)
            self._looped(rows.loop, rows.frame, rows.framed())
        else:
            self._rows.append(rows)
            self.settle(rows.loop, rows.frame, rows.made())

    def blame(self, failure: Failure) -> None:
        """Take it into account that a call for an item of a list failed."""
        self.has_failures = True
        if failure.call is not None and failure.call.is_required:
            self.finish(failure)

    def _next(self, step: Loop, frame: Frame, frames: Sequence[Frame], at: int) -> None:
        """Take one item after another; the first that fails is the last."""
        if at == len(frames) or (at > 0 and self._failure(step.body, frames[at - 1]) is not None):
            self.busy[step.number] -= 1
            self._looped(step, frame, frames[:at])
            return
        # Not at once: a long list of items without calls would nest as deep.
        following = partial(self._next, step, frame, frames, at + 1)
        self._await(step.body.settled, frames[at], lambda: self._caller.later(following))

    def _looped(self, step: Loop, frame: Frame, frames: Sequence[Frame]) -> None:
        failures = (self._failure(step.body, inner) for inner in (frames if self.has_failures else ()))
        self.settle(step, frame, frames, next((failure for failure in failures if failure), None))
