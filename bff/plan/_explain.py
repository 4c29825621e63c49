"""Say of a plan what it will do: what waits for what, what is read, what may be missing, what it costs at worst."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bff.ambassador._onion import Policies
from bff.declare._operation import Operation
from bff.plan._plan import Plan, PlannedCall

REPEATED = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods whose calls are tried again; any other needs an `Idempotency-Key`."""


@dataclass(frozen=True, slots=True)
class ExplainedCall:
    """
    One call of a plan.

    It starts once the calls `after` have succeeded, and those in `after_settled`, which may fail, are over; both are
    numbers. `decodes` are paths of its answer, `attempts` how often it is tried at the most, `seconds` how long that
    may take, `None` where only the deadline ends it.
    """

    number: int
    name: str
    upstream: str
    request: str
    step: int
    after: tuple[int, ...]
    after_settled: tuple[int, ...]
    is_required: bool
    decodes: tuple[str, ...]
    attempts: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class MaybeMissing:
    """Paths of the answer that take a default where one of the calls, by number, fails."""

    paths: tuple[str, ...]
    calls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    What a plan will do.

    `worst_calls` counts every attempt of every call. `worst_seconds` is the longest chain of calls that wait for one
    another, each as long as its timeout lets it be, and never more than the `deadline`.
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
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON, with the names of the fields as keys."""
        return asdict(self)


def explain(plan: Plan, policies_of: Callable[[Operation[..., Any]], Policies]) -> Explanation:
    """Explain a plan; `policies_of` says how an operation is called."""
    deadline = plan.endpoint.profile.deadline
    steps: dict[int, int] = {}
    ends: dict[int, float] = {}
    calls: list[ExplainedCall] = []
    for call in plan.calls:
        explained = _call(call, policies_of(call.operation), steps)
        calls.append(explained)
        begin = max((ends[number] for number in call.needs.settled), default=0.0)
        ends[call.number] = begin + (deadline if explained.seconds is None else explained.seconds)
    return Explanation(
        endpoint=plan.endpoint.where,
        title=plan.endpoint.title,
        profile=plan.endpoint.profile.name,
        deadline=deadline,
        calls=tuple(calls),
        optional=tuple(MaybeMissing(part.paths, part.calls) for part in plan.optionals),
        worst_calls=sum(call.attempts for call in calls),
        worst_seconds=min(deadline, max(ends.values(), default=0.0)),
        headers=plan.headers,
        notes=plan.notes,
    )


def _call(call: PlannedCall, policies: Policies, steps: dict[int, int]) -> ExplainedCall:
    operation = call.operation
    steps[call.number] = 1 + max((steps[number] for number in call.needs.settled), default=0)
    is_repeated = policies.retry is not None and operation.method in REPEATED
    return ExplainedCall(
        number=call.number,
        name=operation.full_name,
        upstream=operation.owner.name if operation.owner else "",
        request=f"{operation.method} {operation.path}",
        step=steps[call.number],
        after=tuple(sorted(call.needs.hard)),
        after_settled=tuple(sorted(call.needs.soft - call.needs.hard)),
        is_required=call.is_required,
        decodes=call.decoder.fields,
        attempts=policies.retry.attempts if policies.retry and is_repeated else 1,
        seconds=policies.timeout.total if policies.timeout else None,
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
