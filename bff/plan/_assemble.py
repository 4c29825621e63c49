"""Put the steps of a schedule together with the functions that were written for them."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from bff.declare import _graph as graph
from bff.declare._batch import batch_for
from bff.declare._graph import Node
from bff.plan._demand import WHOLE, Demand
from bff.plan._flow import Flow
from bff.plan._schedule import Schedule, Step
from bff.plan._sharing import decoder_of
from bff.plan._steps import Alternatives, Batch, Decision, Loop, PlannedCall, PlannedStep

_Functions = Mapping[str, Callable[..., Any]]


def planned_steps(
    scheduled: Schedule, flow: Flow, needed: Mapping[int, Demand], functions: _Functions
) -> tuple[PlannedStep, ...]:
    """Return the steps of a plan; `functions` are those that were written for it, by name."""
    required, strict, at_once = scheduled.required, scheduled.strict, scheduled.at_once
    steps: list[PlannedStep] = []

    def planned(step: Step) -> PlannedStep:
        common: dict[str, Any] = {
            "number": step.number,
            "index": step.index,
            "depth": len([*scheduled.around(step.region)]),
            "needs": step.needs,
            "is_required": step.number in required,
            "within": () if step.number in at_once else scheduled.containers(step.number),
            "is_at_once": step.number in at_once,
            "followers": flow.followers[step.number],
            "rank": flow.ranks[step.number],
        }
        match step.node:
            case graph.Call():
                is_optional = step.number not in strict
                return _call(step, step.node, scheduled, needed, functions, {**common, "is_optional": is_optional})
            case graph.When():
                return Decision(**common, test=functions[f"decide_{step.number}"], branches=step.inner)
            case graph.Fallback():
                checks = tuple(functions.get(f"try_{step.number}_{n}") for n in range(len(step.inner)))
                return Alternatives(**common, branches=step.inner, checks=checks)
            case graph.Each():
                return _loop(step, step.node, scheduled, functions, steps, common)
            case _:  # pragma: no cover - every kind of step stands here
                raise AssertionError(step)

    for step in scheduled.steps:
        steps.append(planned(step))  # noqa: PERF401 - a loop looks at the calls in it, which stand before it
    return tuple(steps)


def _call(
    step: Step,
    call: graph.Call,
    scheduled: Schedule,
    needed: Mapping[int, Demand],
    functions: _Functions,
    common: dict[str, Any],
) -> PlannedCall:
    is_joined = step.region is not None and call.operation.is_read and not scheduled.is_sequential(step.region)
    batch = _batch(call, needed[call.id]) if is_joined else None
    return PlannedCall(
        **common,
        operation=call.operation,
        decoder=decoder_of(call.operation, needed[call.id]),
        inputs=functions[f"inputs_{step.number}"],
        is_own=not any(map(_is_learnt, call.arguments)),
        is_joined=is_joined,
        batch=batch,
        influences=tuple(sorted(scheduled.influences(step.number))) if batch else (),
    )


def _loop(
    step: Step,
    each: graph.Each,
    scheduled: Schedule,
    functions: _Functions,
    steps: Sequence[PlannedStep],
    common: dict[str, Any],
) -> Loop:
    inside = [steps[inner.number] for inner in scheduled.steps if inner.region == each.item.id]
    calls = [call for call in inside if isinstance(call, PlannedCall) and f"column_{call.number}" in functions]
    return Loop(
        **common,
        items=functions[f"items_{step.number}"],
        body=step.inner[0],
        size=scheduled.size(each.item.id),
        is_sequential=each.is_sequential,
        columns=tuple((call, functions[f"column_{call.number}"]) for call in calls),
    )


def _batch(call: graph.Call, wanted: Demand) -> Batch | None:
    found = batch_for(call.operation)
    if found is None:
        return None
    item = wanted.merged(Demand(fields={found.key: WHOLE}))
    return Batch(
        operation=found.operation,
        at=found.at,
        rest=found.rest,
        key=attrgetter(found.key),
        max_size=found.operation.options.max_size,
        decoder=decoder_of(found.operation, Demand(items=item)),
    )


def _is_learnt(node: Node) -> bool:
    """Say whether a value, or the list that it is an item of, comes from elsewhere than from the client."""
    if isinstance(node, graph.Item):
        return _is_learnt(node.items)
    return isinstance(node, graph.Call | graph.Caller) or any(map(_is_learnt, node.operands))
