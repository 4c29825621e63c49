"""Say of a plan what it will do: what waits for what, what is read, what may be missing, what it costs at worst."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import starmap
from typing import Any

from bff.ambassador._policies import Policies
from bff.declare._operation import Operation
from bff.plan._plan import Plan
from bff.plan._steps import Alternatives, Decision, Loop, PlannedCall, PlannedStep


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to pydantic, by its path (`*` is all of it), and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class ExplainedCall:
    """
    One call of a plan.

    It starts once the calls `after` have succeeded, and those in `after_settled`, which may fail, are over; both are
    numbers. `decodes` are paths of its answer, `read_by` is what reads it, and `left` what of it pydantic reads all the
    same. `attempts` says how often it is tried at the most, `seconds` how long that may take, `None` where only the
    deadline ends it; one that is `managed_by_mesh` is tried again by the mesh alone.
    `hedged_after` is when it is sent once more beside the first, in seconds or as a quantile; `None` for never.
    One that `is_joined` is made for every item of a list, through `batch` where that names an operation, `batch_size`
    items at once; one that `is_conditional` only where a decision asks for it.
    """

    number: int
    name: str
    upstream: str
    request: str
    step: int
    after: tuple[int, ...]
    after_settled: tuple[int, ...]
    is_required: bool
    is_write: bool
    is_conditional: bool
    is_joined: bool
    batch: str
    batch_size: int
    decodes: tuple[str, ...]
    read_by: str
    left: tuple[Left, ...]
    attempts: int
    seconds: float | None
    hedged_after: float | str | None
    managed_by_mesh: bool


@dataclass(frozen=True, slots=True)
class MaybeMissing:
    """Paths of the answer that take a default where one of the calls, by number, fails."""

    paths: tuple[str, ...]
    calls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    What a plan will do.

    `worst_calls` counts every attempt of every call, of which a join makes as many as `max_calls` lets it, and one with
    a batch one for every `batch_size` items; here it counts once.
    `worst_seconds` is the longest chain of calls that wait for one
    another, each as long as its timeout lets it be, and never more than the `deadline`. `written_by` is what writes the
    answer; where that is pydantic, `left` says because of what.
    """

    endpoint: str
    title: str
    profile: str
    deadline: float
    calls: tuple[ExplainedCall, ...]
    optional: tuple[MaybeMissing, ...]
    worst_calls: int
    worst_seconds: float
    headers: tuple[str, ...]
    written_by: str
    left: tuple[Left, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON, with the names of the fields as keys."""
        return asdict(self)


def explain(plan: Plan, policies_of: Callable[[Operation[..., Any]], Policies]) -> Explanation:
    """Explain a plan; `policies_of` says how an operation is called."""
    profile, order = plan.endpoint.profile, _CallOrder(plan)
    calls: list[ExplainedCall] = []
    ends: dict[int, float] = {}
    for call in plan.calls:
        explained = _call(call, policies_of(call.operation), order)
        calls.append(explained)
        begin = max((ends[number] for number in order.before(call)), default=0.0)
        ends[call.number] = begin + (profile.deadline if explained.seconds is None else explained.seconds)
    return Explanation(
        endpoint=plan.endpoint.where,
        title=plan.endpoint.title,
        profile=profile.name,
        deadline=profile.deadline,
        calls=tuple(calls),
        optional=tuple(MaybeMissing(part.paths, order.calls_of(part.steps)) for part in plan.optionals),
        worst_calls=_worst_calls(calls, profile.max_calls),
        worst_seconds=min(profile.deadline, max(ends.values(), default=0.0)),
        headers=plan.headers,
        written_by=plan.encoder.engine,
        left=tuple(starmap(Left, plan.encoder.left)),
        notes=plan.notes,
    )


def _worst_calls(calls: Sequence[ExplainedCall], most: int) -> int:
    single = [call.attempts for call in calls if call.batch or not call.is_joined]
    joined = max((call.attempts for call in calls if call.is_joined and not call.batch), default=0)
    return sum(single[:most]) + joined * max(most - len(single), 0)


class _CallOrder:
    """Which calls come before which, where decisions and loops stand between them."""

    def __init__(self, plan: Plan) -> None:
        self._steps = plan.steps
        self._places: dict[int, int] = {}

    def before(self, call: PlannedCall) -> frozenset[int]:
        """Return the calls that are over before this one starts."""
        earlier = (n for number in call.within for n in self._earlier(self._steps[number], call))
        return frozenset({*self.needed(call), *self.calls_of(call.needs.soft), *earlier})

    def _earlier(self, step: PlannedStep, call: PlannedCall) -> Iterator[int]:
        """Yield the calls of the alternatives that have failed before the one that a call is in."""
        passed: list[int] = []
        for branch in step.branches if isinstance(step, Alternatives) else ():
            calls = self.calls_of(branch.settled)
            if call.number in calls:
                yield from passed
            passed += (number for number in calls if number < call.number)

    def needed(self, call: PlannedCall) -> tuple[int, ...]:
        """Return the calls that have succeeded before this one starts."""
        outer = (self._steps[number].needs.settled for number in call.within)
        return tuple(n for n in self.calls_of(call.needs.hard.union(*outer)) if n < call.number)

    def calls_of(self, steps: Iterable[int]) -> tuple[int, ...]:
        """Return the calls among steps, and those inside of decisions and loops among them."""
        found: set[int] = set()
        for step in map(self._steps.__getitem__, steps):
            match step:
                case Loop():
                    found.update(self.calls_of(step.body.settled))
                case Decision() | Alternatives():
                    inner = (branch.settled for branch in step.branches)
                    found.update(self.calls_of(step.needs.settled.union(*inner)))
                case _:
                    found.add(step.number)
        return tuple(sorted(found))

    def place(self, call: PlannedCall) -> int:
        """Return how many calls at least, with this one, come one after another; calls are asked about in order."""
        self._places[call.number] = 1 + max((self._places[number] for number in self.before(call)), default=0)
        return self._places[call.number]

    def is_conditional(self, call: PlannedCall) -> bool:
        """Say whether it depends on a decision that a call is made."""
        return any(not isinstance(self._steps[number], Loop) for number in call.within)


def _call(call: PlannedCall, policies: Policies, order: _CallOrder) -> ExplainedCall:
    operation, after = call.operation, order.needed(call)
    batch = call.batch.operation if call.batch else None
    return ExplainedCall(
        number=call.number,
        name=operation.full_name,
        upstream=operation.owner.name if operation.owner else "",
        request=f"{(batch or operation).method} {(batch or operation).path}",
        step=order.place(call),
        after=after,
        after_settled=tuple(sorted(order.before(call) - {*after})),
        is_required=call.is_required,
        is_write=not operation.is_read,
        is_conditional=order.is_conditional(call),
        is_joined=call.depth > 0,
        batch=batch.full_name if batch else "",
        batch_size=call.batch.max_size if call.batch else 1,
        decodes=call.decoder.fields,
        read_by=call.decoder.engine,
        left=tuple(starmap(Left, call.decoder.left)),
        # A write is sent with an `Idempotency-Key`, and may be tried again as a read may.
        attempts=policies.attempts,
        seconds=policies.timeout.total if policies.timeout else None,
        hedged_after=policies.hedging.after if policies.hedging else None,
        managed_by_mesh=policies.managed_by_mesh,
    )


def mermaid(explanation: Explanation) -> str:
    """Return a Mermaid flowchart: what is optional has dotted lines."""
    lines = ["flowchart LR", f"    request([{_label(explanation.title)}])"]
    names: Mapping[int, str] = {call.number: f"c{call.number}" for call in explanation.calls}
    for call in explanation.calls:
        name = names[call.number]
        lines.append(f"    {name}[{_label(call.name, call.request)}]")
        arrows = [(number, "-->") for number in call.after] + [(number, "-.->") for number in call.after_settled]
        lines += [f"    {names[number]} {arrow} {name}" for number, arrow in arrows]
        if not arrows:
            lines.append(f"    request --> {name}")
    lines.append(f"    answer([{_label(explanation.endpoint)}])")
    for call in explanation.calls:
        lines.append(f"    {names[call.number]} {'-->' if call.is_required else '-.->'} answer")
    return "\n".join(lines) + "\n"


def _label(*lines: str) -> str:
    escaped = (line.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") for line in lines)
    return f'"{"<br/>".join(escaped)}"'
