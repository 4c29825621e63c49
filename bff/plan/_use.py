"""What the endpoints of an app use of what is declared: operations, fields of contracts, fields of shapes."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel

from bff.declare import _graph as graph
from bff.declare._batch import batch_for
from bff.declare._endpoint import Endpoint
from bff.declare._operation import Operation, operations_of
from bff.declare._source import class_place
from bff.declare._tracing import Traced
from bff.declare._types import Type, as_class, element, fields, is_model, mapping_value, members, unwrap
from bff.declare._upstream import Upstream
from bff.plan._demand import NOTHING, WHOLE, Demand, demand
from bff.plan._order import Writes


@dataclass(frozen=True, slots=True)
class Use:
    """
    What an app's endpoints use.

    `demands` says of every operation that is called what is read of its answers; `filled` of every Shape which
    fields some endpoint gives a value; `opaque` are the models that code we do not see may read or fill.
    """

    demands: Mapping[Operation[..., Any], Demand]
    filled: Mapping[type[BaseModel], frozenset[str]]
    opaque: frozenset[Any]

    @property
    def upstreams(self) -> frozenset[type[Upstream]]:
        """The upstreams that some endpoint calls, or may call."""
        return frozenset(operation.owner for operation in self.demands if operation.owner)


@dataclass(slots=True)
class _Tally:
    demands: dict[Operation[..., Any], Demand] = field(default_factory=dict[Operation[..., Any], Demand])
    filled: dict[type[BaseModel], frozenset[str]] = field(default_factory=dict[type[BaseModel], frozenset[str]])
    opaque: set[Any] = field(default_factory=set[Any])


def use_of(traces: Iterable[Traced], unseen: Iterable[Endpoint]) -> Use:
    """Return what is used; `unseen` are endpoints without a graph, which may use all of what they can reach."""
    tally = _Tally()
    for traced in traces:
        _add_graph(traced, tally)
    for endpoint in unseen:
        tally.opaque |= models_in(endpoint.returns)
        for operation in (operation for cls in upstreams_of(endpoint) for operation in operations_of(cls)):
            _need(operation, WHOLE, tally)
            tally.opaque |= models_in(operation.returns)
    return Use(tally.demands, tally.filled, frozenset(tally.opaque))


def upstreams_of(endpoint: Endpoint) -> Iterator[type[Upstream]]:
    """Yield the upstreams that an `async def` endpoint takes as parameters."""
    for parameter in endpoint.parameters:
        cls = as_class(parameter.annotation)
        if cls is not None and issubclass(cls, Upstream):
            yield cls


def _need(operation: Operation[..., Any], wanted: Demand, tally: _Tally) -> None:
    tally.demands[operation] = tally.demands.get(operation, NOTHING).merged(wanted)


def _add_graph(traced: Traced, tally: _Tally) -> None:
    needed = demand(traced, Writes(traced).roots())
    for node in traced.nodes:
        match node:
            case graph.Call() if node.id in needed:
                _need(node.operation, needed[node.id], tally)
                batch = batch_for(node.operation) if node.scope else None
                if batch is not None:
                    read = Demand(fields={batch.key: WHOLE}).merged(needed[node.id])
                    _need(batch.operation, Demand(items=read), tally)
            case graph.Build():
                names = tally.filled.get(node.shape, frozenset[str]()) | frozenset(node.names)
                tally.filled[node.shape] = names
            case graph.Lifted():
                # What a function makes by itself, nobody sees being filled.
                tally.opaque |= models_in(node.type)
            case _:
                pass


def models_in(tp: Type) -> set[Any]:
    """Return the models that a type is made of, and those that they are made of."""
    found: set[Any] = set()
    waiting = [tp]
    while waiting:
        here = unwrap(waiting.pop())
        waiting += [argument for argument in get_args(here) if argument is not Ellipsis]
        if is_model(here) and here not in found:
            found.add(here)
            waiting += fields(here).values()
    return found


def declarer(model: type, name: str) -> type:
    """Return the class in the line of a model that declares a field."""
    return next((cls for cls in model.__mro__ if name in inspect.get_annotations(cls)), model)


def field_place(model: type, name: str) -> tuple[str, int]:
    """Return the file and the line where a field of a model is declared."""
    return class_place(declarer(model, name), name)


def fields_read(use: Use) -> Mapping[Any, frozenset[str]]:
    """Return, of every model in the answers of operations that are called, the fields that some endpoint reads."""
    read: dict[Any, set[str]] = {}
    for operation, wanted in use.demands.items():
        for model, name in _read(operation.returns, wanted, set()):
            found = read.setdefault(model, set())
            if name:
                found.add(name)
    return {model: frozenset(names) for model, names in read.items()}


def _read(tp: Type, wanted: Demand, seen: set[Any]) -> Iterator[tuple[Any, str]]:
    """Yield models with their fields that are read, and with the empty name once, as a sign that they are there."""
    for part in members(tp):
        item = element(part) or mapping_value(part)
        if item is not None:
            yield from _read(item, wanted.of_items(), seen)
        elif is_model(part) and not (wanted.is_whole and part in seen):
            if wanted.is_whole:
                seen = {*seen, part}
            yield part, ""
            for name, inner in fields(part).items():
                if wanted.is_whole or name in wanted.fields:
                    yield part, name
                    yield from _read(inner, WHOLE if wanted.is_whole else wanted.fields[name], seen)
