"""The words of a traced endpoint that are not operators: `optional`, `each` and the typed helpers."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar, cast

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._symbol import Symbol, lift, node_of, trace_now
from bff.declare._types import element, is_nullable, listed, nullable_if, spell, union, without_none

T = TypeVar("T")
R = TypeVar("R")


def optional(value: T, default: T | None = None) -> T:
    """
    Use `default` where a call that `value` depends on fails, and say so in `BFF-Partial`.

    A client that wants no partial answers (`on_partial = "fail"`) gets the failure instead.
    Typed as `value` is; whether the default may stand where it goes is checked at start-up.
    """
    trace = trace_now()
    node, other = lift(value), lift(default)
    if not depends_on_call(node):
        what = "`optional` of a value that depends on no call: nothing about it can fail"
        raise trace.fail(what, "drop it, or put it around the call")
    if trace.is_whole:
        return cast("T", Symbol(node))
    tp, is_absent = union((node.type, other.type)), node.is_absent or other.is_absent
    return cast("T", Symbol(trace.add(graph.Optional, tp, is_absent=is_absent, value=node, default=other)))


def depends_on_call(node: Node) -> bool:
    """Say whether any call stands behind a value."""
    return isinstance(node, graph.Call) or any(depends_on_call(operand) for operand in node.operands)


def each(items: Iterable[T], fn: Callable[[T], R]) -> list[R]:
    """
    Make something of every item; `fn` is traced once, on a symbolic one.

    Calls inside `fn` that do not use the item run once.
    """
    if not isinstance(items, Symbol):
        return [fn(item) for item in items]
    trace = trace_now()
    node = node_of(items)
    tp = element(without_none(node.type))
    if tp is None:
        raise trace.fail(f"`each` needs a list, and gets `{spell(node.type)}`", "give it a list")
    item = trace.add(graph.Item, tp)
    body = lift(fn(cast("T", Symbol(item))))
    tp = nullable_if(is_nullable(node.type), listed(body.type))
    made = trace.add(graph.Each, tp, is_absent=node.is_absent, items=node, item=item, body=body)
    return cast("list[R]", Symbol(made))


def present(value: T | None) -> T:
    """Strip the `None` from the type for the type checker; the value still passes it on, and the build checks it."""
    return cast("T", value)


def or_else(value: T | None, default: T) -> T:
    """Return `value`, or `default` where it is `None`."""
    if not isinstance(value, Symbol):
        return default if value is None else value
    node, other = lift(value), lift(default)
    tp = union((without_none(node.type), other.type))
    return cast("T", Symbol(trace_now().add(graph.OrElse, tp, is_absent=other.is_absent, value=node, default=other)))


def is_none(value: object) -> bool:
    """Say whether a value is `None`."""
    if not isinstance(value, Symbol):
        return value is None
    return cast("bool", Symbol(trace_now().add(graph.IsNone, bool, value=node_of(value))))


def not_(value: object) -> bool:
    """Negate a bool; `None` passes through."""
    if not isinstance(value, Symbol):
        return not value
    trace, node = trace_now(), node_of(value)
    if without_none(node.type) is not bool:
        raise trace.fail(f"`not_` negates a bool, and gets `{spell(node.type)}`", "compare it first")
    return cast("bool", Symbol(trace.add(graph.Not, node.type, is_absent=node.is_absent, value=node)))


def header(name: str) -> str | None:
    """Return a header of the client's request; reading it adds it to `Vary`."""
    return cast("str | None", Symbol(trace_now().add(graph.Header, str | None, name=name.lower())))


def now() -> datetime:
    """Return the time of the request, in UTC, the same all over a page."""
    return cast("datetime", Symbol(trace_now().add(graph.Now, datetime)))
