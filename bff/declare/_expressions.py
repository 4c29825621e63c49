"""The words of a traced endpoint that are not operators: `optional`, `each` and the typed helpers."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar, cast, overload

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._symbol import Symbol, lift, node_of, trace_now
from bff.declare._trace import Trace
from bff.declare._types import element, is_nullable, listed, nullable_if, spell, union, without_none

T = TypeVar("T")
R = TypeVar("R")
U = TypeVar("U")


def optional(value: T, default: T | None = None) -> T:
    """
    Use `default` where a call that `value` depends on fails, and say so in `BFF-Partial`.

    Typed as `value` is; whether the default may stand where it goes is checked at start-up.
    """
    trace = trace_now()
    node, other = lift(value), lift(default)
    if not depends_on_call(trace, node):
        what = "`optional` of a value that depends on no call: nothing about it can fail"
        raise trace.fail(what, "drop it, or put it around the call")
    tp, is_absent = union((node.type, other.type)), node.is_absent or other.is_absent
    return cast("T", Symbol(trace.add(graph.Optional, tp, is_absent=is_absent, value=node, default=other)))


def depends_on_call(trace: Trace, node: Node) -> bool:
    """Say whether any call stands behind a value, or is made in a branch or a loop that gives it."""
    is_call = isinstance(node, graph.Call) or node.id in trace.fences
    return is_call or any(depends_on_call(trace, operand) for operand in node.operands)


def each(items: Iterable[T], fn: Callable[[T], R]) -> list[R]:
    """
    Make something of every item; `fn` is traced once, on a symbolic one.

    Calls inside `fn` are a join: one request for many items where their upstream declares a `batch_of`, else one for
    each at the same time. Calls that do not use the item run once. Where `fn` writes, one item comes after another.
    """
    if not isinstance(items, Symbol):
        return [fn(item) for item in items]
    trace = trace_now()
    node = node_of(items)
    tp = element(without_none(node.type))
    if tp is None:
        raise trace.fail(f"`each` needs a list, and gets `{spell(node.type)}`", "give it a list")
    item = trace.add(graph.Item, tp, is_new=True, items=node)
    mark = trace.mark()
    body, block = _body(trace, fn, item, pinned=frozenset())
    is_sequential = bool(trace.writes[block])
    if is_sequential:
        # Now it is known that every call belongs to its item: what is equal to one before the loop is not the same.
        trace.rewind(mark)
        body, block = _body(trace, fn, item, pinned=frozenset({item.id}))
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
    return cast("list[R]", Symbol(made))


def _body(trace: Trace, fn: Callable[[T], R], item: graph.Item, *, pinned: frozenset[int]) -> tuple[Node, int]:
    with trace.block(pinned=pinned) as block:
        return lift(fn(cast("T", Symbol(item)))), block


@overload
def when(condition: bool | None, then: Callable[[], T], otherwise: Callable[[], U]) -> T | U: ...
@overload
def when(condition: bool | None, then: Callable[[], T], otherwise: U) -> T | U: ...
@overload
def when(condition: bool | None, then: T, otherwise: Callable[[], U]) -> T | U: ...
@overload
def when(condition: bool | None, then: T, otherwise: U) -> T | U: ...
def when(condition: bool | None, then: Any, otherwise: Any) -> Any:
    """
    Pick a value at run time; `None` for a condition takes `otherwise`.

    Calls that only the branch not taken uses are not made. A branch may be a function without parameters, and has to
    be one where it writes.
    """
    if not isinstance(condition, Symbol):
        return _plain(then if condition else otherwise)
    trace, node = trace_now(), node_of(condition)
    if without_none(node.type) is not bool:
        raise trace.fail(f"`when` decides on a bool, and gets `{spell(node.type)}`", "compare it first")
    branches, blocks = _branches(trace, "when", (then, otherwise), since=node.id)
    tp, is_absent = union(branch.type for branch in branches), any(branch.is_absent for branch in branches)
    made = trace.add(
        graph.When, tp, is_absent=is_absent, condition=node, then=branches[0], otherwise=branches[1], blocks=blocks
    )
    _note_writes(trace, made, blocks)
    return Symbol(made)


@overload
def fallback(first: Callable[[], T] | T, second: Callable[[], U] | U, /) -> T | U: ...
@overload
def fallback(first: Callable[[], T] | T, second: Callable[[], T] | T, /, *others: Callable[[], T] | T) -> T: ...
def fallback(*alternatives: Any) -> Any:
    """
    Take the first of several values that succeeds, in order; a later one is asked for once those before it failed.

    An alternative may be a function without parameters, and has to be one where it writes.
    """
    trace = trace_now()
    if len(alternatives) < 2:  # noqa: PLR2004 - one to fall back from, one to fall back on
        raise trace.fail("`fallback` of one value falls back on nothing", "give it what to take instead, too")
    branches, blocks = _branches(trace, "fallback", alternatives, since=-1)
    for branch, block in zip(branches[:-1], blocks, strict=False):
        if not depends_on_call(trace, branch) and not (block is not None and trace.writes[block]):
            what = "`fallback` never comes to what stands after a value that depends on no call"
            raise trace.fail(what, "put what cannot fail last")
    tp, is_absent = union(branch.type for branch in branches), any(branch.is_absent for branch in branches)
    made = trace.add(graph.Fallback, tp, is_absent=is_absent, branches=branches, blocks=blocks)
    _note_writes(trace, made, blocks)
    return Symbol(made)


def _branches(
    trace: Trace, word: str, given: tuple[object, ...], *, since: int
) -> tuple[tuple[Node, ...], tuple[int | None, ...]]:
    """Return the nodes of branches and the blocks of those that are functions; a write `since` has to be in one."""
    nodes: list[Node] = []
    blocks: list[int | None] = []
    for branch in given:
        if type(branch) is not Symbol and callable(branch):
            with trace.block() as block:
                nodes.append(lift(branch()))
            blocks.append(block)
            continue
        node = lift(branch)
        write = next((call for call in _writes_in(node) if call.id > since), None)
        if write is not None:
            what = f"`{write.operation.full_name}` is a write, and stands in a `{word}` that does not decide on it"
            raise trace.fail(what, f"make the branch a function: `lambda: {write.operation.full_name}(...)`")
        nodes.append(node)
        blocks.append(None)
    return tuple(nodes), tuple(blocks)


def _writes_in(node: Node) -> list[graph.Call]:
    """Return the writes whose answers a value is made of, as opposed to calls that these were given to."""
    if isinstance(node, graph.Call):
        return [] if node.operation.is_read else [node]
    return [call for operand in node.operands for call in _writes_in(operand)]


def _note_writes(trace: Trace, made: Node, blocks: tuple[int | None, ...]) -> None:
    if any(block is not None and trace.writes[block] for block in blocks):
        trace.note_write(made)


def _plain(branch: Any) -> Any:
    return branch() if callable(branch) and type(branch) is not Symbol else branch


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
