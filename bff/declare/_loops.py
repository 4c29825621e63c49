"""Trace the functions that words of an endpoint are given; of what is done here, only they are watched."""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from bff.declare import _graph as graph
from bff.declare._functions import forgets_return, required
from bff.declare._given import refuse_changes, value_of
from bff.declare._graph import Node
from bff.declare._state import State, state_around
from bff.declare._symbol import Symbol, node_of, trace_now
from bff.declare._trace import Mark, Trace
from bff.declare._types import element, is_nullable, listed, nullable_if, spell, without_none
from bff.declare._unwatched import unwatched


@unwatched
def begun(items: Symbol, fn: Callable[..., object]) -> tuple[Trace, graph.Item, Mark]:
    """Return the trace, the item that a loop goes through, and where its body begins."""
    trace = trace_now()
    node = node_of(items)
    tp = element(without_none(node.type))
    if tp is None:
        raise trace.fail(f"`each` needs a list, and gets `{spell(node.type)}`", "give it a list")
    open_ = required(fn) if isinstance(fn, (FunctionType, MethodType)) else []
    if len(open_) > 1:
        what = (
            f"`each` gives the function one item, and gets one that takes {' and '.join(f'`{name}`' for name in open_)}"
        )
        raise trace.fail(what, "give it a function of the item; what else it uses may stand around it")
    item = trace.add(graph.Item, tp, is_new=True, items=node)
    return trace, item, trace.mark()


@unwatched
def looped(trace: Trace, item: graph.Item, body: Node, block: int) -> Any:
    """Return the symbol for what a loop makes."""
    node, is_sequential = item.items, bool(trace.writes[block])
    tp = nullable_if(is_nullable(node.type), listed(body.type))
    made = trace.add(
        graph.Each,
        tp,
        is_absent=node.is_absent,
        items=node,
        item=item,
        body=body,
        block=block,
        is_sequential=is_sequential,
    )
    if is_sequential:
        trace.note_write(made)
    return Symbol(made)


def body(trace: Trace, fn: Callable[[Any], object], item: graph.Item, pinned: frozenset[int]) -> tuple[Node, int]:
    """Return what the body of a loop makes of its item, and the block that it is."""
    before = state_around(fn)
    with trace.block(item, pinned=pinned) as block:
        return made(trace, "each", fn, fn(Symbol(item)), before, block), block


@unwatched
def made(trace: Trace, word: str, function: Callable[..., object], result: object, before: State, block: int) -> Node:
    """Return the node of what a function has made in a block; `before` is what was around it then."""
    refuse_changes(trace, word, function, before)
    is_lost = result is None and forgets_return(function) and not trace.writes[block]
    return value_of(trace, word, result, is_lost=is_lost)
