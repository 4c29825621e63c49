"""Find joins that nothing bounds: a call for every item of a list whose length nobody has declared."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Union, get_args

from pydantic import BaseModel

from bff.declare import _graph as graph
from bff.declare._batch import batch_for
from bff.declare._graph import Node
from bff.declare._tracing import Traced
from bff.declare._types import Type, origin_of, without_none


def unbounded_joins(traced: Traced) -> Iterator[tuple[graph.Call, graph.Each]]:
    """
    Yield every call that is made once for each item of a list without a declared bound, with the `each` around it.

    A list is bounded where it is written out, sliced with a stop, or has a `max_length` in its contract; calls that
    a batch operation stands in for are few however long it is.
    """
    loops = [node for node in traced.nodes if isinstance(node, graph.Each)]
    for call in traced.nodes:
        if isinstance(call, graph.Call) and call.scope and batch_for(call.operation) is None:
            around = (loop for loop in loops if loop.item.id in call.scope and not is_bounded(loop.items))
            loop = next(around, None)
            if loop is not None:
                yield call, loop


def is_bounded(items: Node) -> bool:
    """Say whether the length of a list is known to have a limit."""
    match items:
        case graph.Listing() | graph.Constant():
            return True
        case graph.Slice():
            return is_bounded(items.base) or _bounds(items)
        case graph.Optional() | graph.OrElse():
            return is_bounded(items.value) and is_bounded(items.default)
        case graph.When() | graph.Fallback():
            return all(map(is_bounded, items.branches))
        case graph.Each():
            return is_bounded(items.items)
        case graph.Attribute():
            return has_max_length(items.type) or _is_limited_field(items.base.type, items.name)
        case graph.Call():
            return has_max_length(items.operation.returns)
        case _:
            return has_max_length(items.type)


def _bounds(part: graph.Slice) -> bool:
    """Say whether a slice is short whatever it is taken of: its two ends lie on one side."""
    start, stop = part.start or 0, part.stop
    return (stop is not None and start >= 0 and stop >= 0) or (start < 0 and (stop is None or stop < 0))


def has_max_length(tp: Type) -> bool:
    """Say whether a type limits its length: `Annotated[list[Review], Field(max_length=20)]`."""
    if origin_of(tp) is Annotated:
        inner, *notes = get_args(tp)
        return any(_limits(note) for note in notes) or has_max_length(inner)
    parts = [part for part in get_args(tp) if part is not type(None)]
    return origin_of(tp) in (Union, UnionType) and all(has_max_length(part) for part in parts)


def _is_limited_field(model: Type, name: str) -> bool:
    cls = without_none(model)
    if not (isinstance(cls, type) and issubclass(cls, BaseModel) and name in cls.model_fields):
        return False
    return any(_limits(note) for note in cls.model_fields[name].metadata)


def _limits(note: object) -> bool:
    is_limit = getattr(note, "max_length", None) is not None
    return is_limit or any(_limits(inner) for inner in getattr(note, "metadata", ()))
