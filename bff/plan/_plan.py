"""The frozen `Plan`: everything about an endpoint that can be known before traffic."""

import linecache
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bff.declare import _graph as graph
from bff.declare._endpoint import Endpoint
from bff.declare._graph import Node
from bff.declare._operation import Operation
from bff.declare._tracing import Traced, trace
from bff.errors import DeclarationError, Problem
from bff.plan._asking import may_break
from bff.plan._codecs import Decoder, build_decoder
from bff.plan._demand import demand
from bff.plan._schedule import Needs, Schedule, schedule
from bff.plan._shapes import shape_facts
from bff.plan._style import Style, style_of
from bff.plan._writer import Writer


@dataclass(frozen=True, slots=True, eq=False)
class PlannedCall:
    """
    One upstream call of a plan.

    It starts once every call in `needs` is settled, and fails where a `hard` one of them has. `inputs` computes its
    arguments; `is_own` says that they come from this endpoint's own parameters alone.
    """

    number: int
    operation: Operation[..., Any]
    needs: Needs
    is_required: bool
    is_own: bool
    decoder: Decoder
    inputs: Callable[..., tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class OptionalPart:
    """
    Response paths that take a default where one of the calls, by number, fails.

    So they do where the value itself, by the number of its node, is not what it has to be.
    """

    paths: tuple[str, ...]
    calls: tuple[int, ...]
    node: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """
    How an endpoint is answered.

    `answer` computes the answer from what the calls brought, as data ready to be encoded; `dependents` says which
    calls wait for a call; `headers` are those that the endpoint reads; `slots` is how many results of `@derived`
    functions are kept during a request; `notes` say where pydantic is asked more than it would have to be.
    """

    endpoint: Endpoint
    calls: tuple[PlannedCall, ...]
    dependents: tuple[tuple[int, ...], ...]
    optionals: tuple[OptionalPart, ...]
    headers: tuple[str, ...]
    slots: int
    answer: Callable[..., Any]
    source: str
    notes: tuple[str, ...]


def plan(endpoint: Endpoint) -> Plan:
    """Trace an endpoint and plan it; raises `DeclarationError`."""
    return plan_of(trace(endpoint))


def plan_of(traced: Traced) -> Plan:
    """Return the plan for a graph."""
    _refuse_one_key_for_two(traced)
    needed = demand(traced)
    scheduled = schedule(traced, needed)
    live = [node for node in traced.nodes if node.id in needed]
    shared = _shared(live)
    source, functions = _code(traced, scheduled, shared)
    calls = tuple(
        PlannedCall(
            number,
            call.operation,
            scheduled.inputs(number),
            number in scheduled.required,
            not any(_is_learnt(argument) for argument in call.arguments),
            build_decoder(call.type, needed[call.id]),
            functions[f"inputs_{number}"],
        )
        for number, call in enumerate(scheduled.calls)
    )
    return Plan(
        traced.endpoint,
        calls,
        tuple(tuple(call.number for call in calls if number in call.needs.settled) for number in range(len(calls))),
        tuple(_optionals(traced, scheduled)),
        tuple(dict.fromkeys(node.name for node in live if isinstance(node, graph.Header))),
        len(shared),
        functions["answer"],
        source,
        tuple(_notes(live, calls)),
    )


def _refuse_one_key_for_two(traced: Traced) -> None:
    style = style_of(traced.endpoint.profile)
    for node in (node for node in traced.nodes if isinstance(node, graph.Build)):
        owners: dict[str, str] = {}
        for name, key in shape_facts(node, style).keys.items():
            first = owners.setdefault(key, name)
            if first != name:
                what = f"`{first}` and `{name}` of `{node.shape.__name__}` are both written as `{key}`"
                mend = "rename one of them, or give it an alias: `Field(serialization_alias=...)`"
                raise DeclarationError(Problem(what, mend, traced.endpoint.where, node.file, node.line))


def _shared(live: Sequence[Node]) -> list[int]:
    """Return the `@derived` results that have several users: they are computed once for a request."""
    users: dict[int, int] = {}
    for operand in (operand for node in live for operand in node.operands):
        users[operand.id] = users.get(operand.id, 0) + 1
    return [node.id for node in live if isinstance(node, graph.Lifted) and not node.scope and users.get(node.id, 0) > 1]


def _code(traced: Traced, scheduled: Schedule, shared: Sequence[int]) -> tuple[str, Mapping[str, Callable[..., Any]]]:
    """Write, compile and register the functions of a plan, so that tracebacks show them."""
    writer = Writer(scheduled, shared, style_of(traced.endpoint.profile))
    parts = [writer.inputs(number) for number in range(len(scheduled.calls))]
    answer = writer.answer(traced.answer, traced.endpoint.returns)
    endpoint = traced.endpoint
    head = [f"# {endpoint.title}: {endpoint.where}"]
    head += [f"# v[{number}]: {call.operation.full_name}" for number, call in enumerate(scheduled.calls)]
    source = "\n\n\n".join(["\n".join(head), *parts, answer]) + "\n"
    file = f"<bff plan {endpoint.where}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = dict(writer.names)
    exec(compile(source, file, "exec"), names)  # noqa: S102 - the text is ours, made from the graph alone
    return source, {name: value for name, value in names.items() if callable(value)}


def _is_learnt(node: Node) -> bool:
    """Say whether a value comes from elsewhere than from what the client asks for."""
    return isinstance(node, graph.Call | graph.Caller) or any(map(_is_learnt, node.operands))


def _optionals(traced: Traced, scheduled: Schedule) -> Iterator[OptionalPart]:
    """Yield what may be missing, with the paths in the answer that then take a default, in the answer's order."""
    places: dict[int, dict[str, None]] = {}
    nodes: dict[int, graph.Optional] = {}
    style = style_of(traced.endpoint.profile)
    for node, path in _places(traced.answer, (), set(), style):
        nodes[node.id] = node
        places.setdefault(node.id, {})[".".join(path) or "*"] = None
    for number, node in nodes.items():
        doubtful = scheduled.certain(scheduled.needs[node.value.id].hard) - scheduled.required
        if doubtful or may_break(node.value):
            yield OptionalPart(tuple(places[number]), tuple(sorted(doubtful)), number)


def _places(
    node: Node, path: tuple[str, ...], seen: set[tuple[int, tuple[str, ...]]], style: Style
) -> Iterator[tuple[graph.Optional, tuple[str, ...]]]:
    """Yield every `optional` that a part of the answer is made from, with the path of that part."""
    if (node.id, path) in seen:
        return
    seen.add((node.id, path))
    match node:
        case graph.Build():
            facts = shape_facts(node, style)
            for name, value in zip(node.names, node.values, strict=True):
                yield from _places(value, (*path, facts.keys[name]), seen, style)
        case graph.Each():
            yield from _places(node.items, path, seen, style)
            yield from _places(node.body, (*path, "*"), seen, style)
        case graph.Optional():
            yield node, path
            yield from _places(node.value, path, seen, style)
            yield from _places(node.default, path, seen, style)
        case _:
            for operand in node.operands:
                yield from _places(operand, path, seen, style)


def _notes(live: Sequence[Node], calls: Sequence[PlannedCall]) -> Iterator[str]:
    for node in live:
        if isinstance(node, graph.Build):
            facts = shape_facts(node)
            if facts.reason:
                yield f"{facts.shape.__name__} is validated by pydantic for every request: {facts.reason}"
    for call in calls:
        yield from (f"{call.operation.full_name}: {reason}" for reason in call.decoder.reasons)
