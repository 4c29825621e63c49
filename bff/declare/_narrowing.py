"""Let a Shape leave as what is declared: what a subclass adds to it is not sent."""

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._trace import Trace
from bff.declare._types import Type, as_class, element, fields, is_model, listed, members, nullable_if, union

_MADE = frozenset(
    {graph.Build, graph.Listing, graph.Each, graph.When, graph.Fallback, graph.Optional, graph.OrElse},
)
"""What may have a Shape in it that was built here; most values are read from somewhere."""


def narrowed(trace: Trace, node: Node, wanted: Type) -> Node:
    """Return a value that fits `wanted`, its Shapes with the fields of the classes that are named there alone."""
    return _narrowed(trace, node, wanted) if type(node) in _MADE else node


def _narrowed(trace: Trace, node: Node, wanted: Type) -> Node:
    match node:
        case graph.Build():
            return _as_declared(trace, node, wanted)
        case graph.Listing():
            entries = tuple(narrowed(trace, entry, _item_of(wanted)) for entry in node.entries)
            tp = listed(union(entry.type for entry in entries))
            return node if entries == node.entries else trace.add(graph.Listing, tp, entries=entries)
        case graph.Each():
            body = narrowed(trace, node.body, _item_of(wanted))
            if body is node.body:
                return node
            tp = nullable_if(type(None) in members(node.type), listed(body.type))
            return trace.add(
                graph.Each,
                tp,
                is_absent=node.is_absent,
                items=node.items,
                item=node.item,
                body=body,
                block=node.block,
                is_sequential=node.is_sequential,
            )
        case graph.When() | graph.Fallback():
            return _branches(trace, node, wanted)
        case graph.Optional() | graph.OrElse():
            value, default = narrowed(trace, node.value, wanted), narrowed(trace, node.default, wanted)
            if (value, default) == node.operands:
                return node
            tp = union((value.type, default.type))
            return trace.add(type(node), tp, is_absent=node.is_absent, value=value, default=default)
        case _:  # pragma: no cover - every kind of these stands here
            return node


def _branches(trace: Trace, node: graph.When | graph.Fallback, wanted: Type) -> Node:
    branches = tuple(narrowed(trace, branch, wanted) for branch in node.branches)
    if branches == node.branches:
        return node
    tp = union(branch.type for branch in branches)
    if isinstance(node, graph.Fallback):
        return trace.add(graph.Fallback, tp, is_absent=node.is_absent, branches=branches, blocks=node.blocks)
    then, otherwise = branches
    return trace.add(
        graph.When,
        tp,
        is_absent=node.is_absent,
        condition=node.condition,
        then=then,
        otherwise=otherwise,
        blocks=node.blocks,
    )


def _item_of(wanted: Type) -> Type:
    return union(item for item in map(element, members(wanted)) if item is not None)


def _as_declared(trace: Trace, node: graph.Build, wanted: Type) -> graph.Build:
    classes = [cls for part in members(wanted) if (cls := as_class(part)) is not None and is_model(cls)]
    models = [cls for cls in classes if issubclass(node.shape, cls)]
    if not models or node.shape in models or not hasattr(models[0], "of"):
        return node
    kept = {name: value for name, value in zip(node.names, node.values, strict=True) if name in fields(models[0])}
    return trace.add(graph.Build, models[0], shape=models[0], names=tuple(kept), values=tuple(kept.values()))
