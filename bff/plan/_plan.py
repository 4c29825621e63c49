"""The frozen `Plan`: everything about an endpoint that can be known before traffic."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bff.declare import _graph as graph
from bff.declare._endpoint import Endpoint
from bff.declare._graph import Node
from bff.declare._operation import Operation
from bff.declare._tracing import Traced, trace
from bff.errors import DeclarationError, Problem
from bff.plan._asking import may_break
from bff.plan._assemble import planned_steps
from bff.plan._columns import Columns, columns_of
from bff.plan._compiled import compiled
from bff.plan._demand import demand
from bff.plan._encoding import Encoder, encoder_of
from bff.plan._flow import Flow, flow_of
from bff.plan._missing import OptionalPart, optional_parts
from bff.plan._order import Writes
from bff.plan._schedule import Needs, Schedule, Step, schedule
from bff.plan._shapes import shape_facts
from bff.plan._steps import PlannedCall, PlannedStep, Straight
from bff.plan._straight import straight_texts
from bff.plan._style import style_of
from bff.plan._writer import Writer


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """
    How an endpoint is answered.

    `needs` are the steps that have to be over before `answer` computes the answer from their outcomes, as data ready
    to be encoded; `flow` is what follows what among those that every request takes. `writes` are those of the needs
    that write, by number, in order; `size` is how many of the steps are taken once for a request; `headers` are those
    that the endpoint reads; `slots` is how many results of `@derived` functions are kept during a request. `straight`
    makes the calls of a plan that is nothing but reads; `encoder` writes what `answer` returns. `notes` say where
    pydantic is asked more than it would have to be; `calls` are the steps that are calls, as they are declared.

    Where the plan `is_read` nothing of it ever writes; with `has_joins` some calls are made for several items at once;
    where it `can_break` a part of the answer may be missing although no step has failed.
    """

    endpoint: Endpoint
    steps: tuple[PlannedStep, ...]
    flow: Flow
    needs: Needs
    writes: tuple[int, ...]
    size: int
    optionals: tuple[OptionalPart, ...]
    headers: tuple[str, ...]
    slots: int
    answer: Callable[..., Any]
    straight: Straight | None
    encoder: Encoder
    source: str
    notes: tuple[str, ...]
    calls: tuple[PlannedCall, ...] = field(init=False)
    is_read: bool = field(init=False)
    has_joins: bool = field(init=False)
    can_break: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", tuple(step for step in self.steps if isinstance(step, PlannedCall)))
        object.__setattr__(self, "is_read", all(call.operation.is_read for call in self.calls))
        object.__setattr__(self, "has_joins", any(call.is_joined for call in self.calls))
        object.__setattr__(self, "can_break", any(part.can_break for part in self.optionals))

    @property
    def operations(self) -> tuple[Operation[..., Any], ...]:
        """What may be called: the operations of the calls, and those that stand in for many."""
        batches = (call.batch.operation for call in self.calls if call.batch)
        return tuple(dict.fromkeys([*(call.operation for call in self.calls), *batches]))


def plan(endpoint: Endpoint) -> Plan:
    """Trace an endpoint and plan it; raises `DeclarationError`."""
    return plan_of(trace(endpoint))


def plan_of(traced: Traced) -> Plan:
    """Return the plan for a graph."""
    _refuse_one_key_for_two(traced)
    writes = Writes(traced)
    needed = demand(traced, writes.roots())
    scheduled = schedule(traced, needed, writes)
    live = [node for node in traced.nodes if node.id in needed]
    shared = _shared(live)
    flow, columns = flow_of(scheduled), columns_of(scheduled, live)
    source, functions = _code(traced, scheduled, flow, columns, shared)
    steps = planned_steps(scheduled, flow, needed, functions)
    calls = tuple(step for step in steps if isinstance(step, PlannedCall))
    return Plan(
        traced.endpoint,
        steps,
        flow,
        scheduled.answer,
        tuple(scheduled.numbers[node.id] for node in writes.in_block(0)),
        scheduled.size(None),
        tuple(optional_parts(traced, scheduled, style_of(traced.endpoint.profile))),
        tuple(dict.fromkeys(node.name for node in live if isinstance(node, graph.Header))),
        len(shared),
        functions["answer"],
        Straight(calls, functions["calls"]) if "calls" in functions else None,
        encoder_of(traced.answer, style_of(traced.endpoint.profile)),
        source,
        tuple(_notes(live, steps)),
    )


def _refuse_one_key_for_two(traced: Traced) -> None:
    style = style_of(traced.endpoint.profile)
    for node in (node for node in traced.nodes if isinstance(node, graph.Build)):
        keys = shape_facts(node, style).keys
        if len({*keys.values()}) == len(keys):
            continue
        owners: dict[str, str] = {}
        for name, key in keys.items():
            first = owners.setdefault(key, name)
            if first != name:
                what = f"`{first}` and `{name}` of `{node.shape.__name__}` are both written as `{key}`"
                mend = "rename one of them, or give it an alias: `Field(serialization_alias=...)`"
                raise DeclarationError(Problem(what, mend, traced.endpoint.where, node.file, node.line))


def _shared(live: Sequence[Node]) -> list[int]:
    """Return the `@derived` results that have several users: they are computed once for a request."""
    lifted = [node.id for node in live if isinstance(node, graph.Lifted) and not node.scope]
    users = Counter[int](operand.id for node in live if lifted for operand in node.operands)
    return [number for number in lifted if users[number] > 1]


def _code(
    traced: Traced, scheduled: Schedule, flow: Flow, columns: Columns, shared: Sequence[int]
) -> tuple[str, Mapping[str, Callable[..., Any]]]:
    """Write, compile and register the functions of a plan, so that tracebacks show them."""
    writer = Writer(scheduled, shared, style_of(traced.endpoint.profile), columns)
    inputs = {step.number: writer.inputs(step) for step in scheduled.calls}
    parts = [text for step in scheduled.steps for text in _functions_of(step, writer, inputs)]
    parts += [writer.column(step) for steps in columns.values() for step in steps]
    parts += straight_texts(scheduled, flow, inputs)
    parts.append(writer.answer(traced.answer, traced.endpoint.returns))
    endpoint = traced.endpoint
    head = [f"# {endpoint.title}: {endpoint.where}"]
    head += [
        f"# {writer.expressions.outcome(step.node)}: {step.node.operation.full_name}"
        for step in scheduled.steps
        if isinstance(step.node, graph.Call)
    ]
    return compiled("\n".join(head), parts, f"<bff plan {endpoint.where}>", writer.expressions.names.known)


def _functions_of(step: Step, writer: Writer, inputs: Mapping[int, str]) -> Iterator[str]:
    """Yield the texts of the functions that a step runs."""
    match step.node:
        case graph.Call():
            yield inputs[step.number]
        case graph.When():
            yield writer.value(f"decide_{step.number}", step.node.condition, step, step.needs.hard)
        case graph.Each():
            yield writer.value(f"items_{step.number}", step.node.items, step, step.needs.hard)
        case graph.Fallback():
            for number, branch in enumerate(step.node.branches):
                if may_break(branch):
                    yield writer.value(f"try_{step.number}_{number}", branch, step, step.inner[number].hard)
        case _:  # pragma: no cover - every kind of step stands here
            raise AssertionError(step)


def _notes(live: Sequence[Node], steps: Sequence[PlannedStep]) -> Iterator[str]:
    for node in live:
        if isinstance(node, graph.Build):
            facts = shape_facts(node)
            if facts.reason:
                yield f"{facts.shape.__name__} is validated by pydantic for every request: {facts.reason}"
    for call in (step for step in steps if isinstance(step, PlannedCall)):
        yield from (f"{call.operation.full_name}: {reason}" for reason in call.decoder.reasons)
