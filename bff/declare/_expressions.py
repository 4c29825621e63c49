"""The words of a traced endpoint that are not operators: `optional`, `each` and the typed helpers."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar, cast, overload

from bff.declare import _graph as graph
from bff.declare._behind import can_fail, depends_on_call, writes_in
from bff.declare._functions import required
from bff.declare._given import value_of
from bff.declare._graph import Node
from bff.declare._loops import begun, body, looped, made
from bff.declare._state import state_around
from bff.declare._symbol import Symbol, lifted, node_of, trace_now
from bff.declare._trace import NOWHERE, Trace, current_trace
from bff.declare._types import spell, union, without_none
from bff.declare._unwatched import unwatched
from bff.errors import DeclarationError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

T = TypeVar("T")
R = TypeVar("R")
U = TypeVar("U")


def optional(value: T, default: T | None = None) -> T:
    """
    Use `default` where a call that `value` depends on fails, and say so in `BFF-Partial`.

    A client that wants no partial answers (`on_partial = "fail"`) gets the failure instead.
    Typed as `value` is; whether the default may stand where it goes is checked at start-up.
    """
    symbol: T = _optional(value, default)
    return symbol


@unwatched
def _optional(value: object, default: object) -> Any:
    trace = trace_now()
    node, other = value_of(trace, "optional", value), value_of(trace, "optional", default)
    return Symbol(trace.step(("optional", node.id, other.id), lambda: _given_way(trace, node, other)))


def _given_way(trace: Trace, node: Node, other: Node) -> Node:
    _refuse_write(trace, "optional", other, "fallback(value, lambda: ...)")
    if not depends_on_call(trace, node):
        what = "`optional` of a value that depends on no call: nothing about it can fail"
        raise trace.fail(what, "drop it, or put it around the call")
    if trace.is_whole:
        return node
    tp, is_absent = union((node.type, other.type)), node.is_absent or other.is_absent
    return trace.add(graph.Optional, tp, is_absent=is_absent, value=node, default=other)


def each(items: Iterable[T], fn: Callable[[T], R]) -> list[R]:
    """
    Make something of every item; `fn` is traced once, on a symbolic one.

    Calls inside `fn` are a join: one request for many items where their upstream declares a `batch_of`, else one for
    each at the same time. Calls that do not use the item run once. Where `fn` writes, one item comes after another.
    """
    if not isinstance(items, Symbol):
        if callable(items):
            raise trace_now().fail("`each` gets a function where it takes a list", "give it the list first")
        return [fn(item) for item in items]
    trace, item, mark = begun(items, fn)
    inner, block = body(trace, fn, item, NOWHERE)
    is_sequential = bool(trace.writes[block])
    if is_sequential:
        # Now it is known that every call belongs to its item: what is equal to one before the loop is not the same.
        trace.rewind(mark)
        inner, block = body(trace, fn, item, frozenset({item.id}))
    made_of_all: list[R] = looped(trace, item, inner, block)
    return made_of_all


@overload
def when(condition: bool | None, then: Callable[[], T], otherwise: Callable[[], U]) -> T | U: ...
@overload
def when(condition: bool | None, then: Callable[[], T], otherwise: U) -> T | U: ...
@overload
def when(condition: bool | None, then: T, otherwise: Callable[[], U]) -> T | U: ...
@overload
def when(condition: bool | None, then: T, otherwise: U) -> T | U: ...
def when(condition: Any, then: Any, otherwise: Any) -> Any:
    """
    Pick a value at run time; `None` for a condition takes `otherwise`.

    Calls that only the branch not taken uses are not made. A branch may be a function without parameters, and has to
    be one where it writes.
    """
    node = _undecided_node(condition)
    if node is None:
        trace = current_trace()
        inside = trace.writes_in_call(since=-1) if trace else None
        if trace and inside:
            raise _undecided(trace, "when", next(iter(writes_in(inside)), None))
        return _plain(then if condition else otherwise)
    trace = trace_now()
    if without_none(node.type) is not bool:
        raise trace.fail(f"`when` decides on a bool, and gets `{spell(node.type)}`", "compare it first")
    branches, blocks = _branches(trace, "when", (then, otherwise), since=node.id)
    tp, is_absent = union(branch.type for branch in branches), any(branch.is_absent for branch in branches)
    made = trace.noted(
        graph.When, tp, is_absent=is_absent, condition=node, then=branches[0], otherwise=branches[1], blocks=blocks
    )
    _note_writes(trace, made, blocks)
    return Symbol(made)


@overload
def fallback(first: Callable[[], T], second: Callable[[], U], /) -> T | U: ...
@overload
def fallback(first: Callable[[], T], second: U, /) -> T | U: ...
@overload
def fallback(first: T, second: Callable[[], U], /) -> T | U: ...
@overload
def fallback(first: T, second: U, /) -> T | U: ...
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
    for number, branch in enumerate(branches[:-1]):
        is_writing = _does_write(trace, blocks[number])
        if not is_writing and not depends_on_call(trace, branch):
            what = "`fallback` never comes to what stands after a value that depends on no call"
            raise trace.fail(what, "put what cannot fail last")
        if not is_writing and not can_fail(branch):
            what = "`fallback` never comes to what stands after an `optional`, which has a default of its own"
            raise trace.fail(what, "drop the `optional`, or put it last")
        if branch in branches[number + 1 :]:
            what = "`fallback` gets the same value twice: equal calls are one, and it fails only once"
            raise trace.fail(what, "give it another call to fall back on")
    tp, is_absent = union(branch.type for branch in branches), any(branch.is_absent for branch in branches)
    made = trace.noted(graph.Fallback, tp, is_absent=is_absent, branches=branches, blocks=blocks)
    _note_writes(trace, made, blocks)
    return Symbol(made)


def _branches(
    trace: Trace, word: str, given: tuple[object, ...], *, since: int
) -> tuple[tuple[Node, ...], tuple[int | None, ...]]:
    """Return the nodes of branches and the blocks of those that are functions; a write `since` has to be in one."""
    inside = trace.writes_in_call(since=since)
    if inside is not None:
        raise _undecided(trace, word, next(iter(writes_in(inside)), None))
    nodes: list[Node] = []
    blocks: list[int | None] = []
    for branch in given:
        if type(branch) is not Symbol and callable(branch):
            with trace.block() as block:
                nodes.append(_branch(trace, word, branch, block))
            blocks.append(block)
            continue
        node = lifted(branch)
        write = next((call for call in writes_in(node) if call.id > since), None)
        if write is not None:
            raise _undecided(trace, word, write)
        nodes.append(node)
        blocks.append(None)
    return tuple(nodes), tuple(blocks)


def _undecided(trace: Trace, word: str, write: graph.Call | None) -> DeclarationError:
    name = write.operation.full_name if write else "what writes"
    what = f"`{name}` is a write, and stands in a `{word}` that does not decide on it"
    return trace.fail(what, f"make the branch a function: `lambda: {name}(...)`")


def _branch(trace: Trace, word: str, branch: Callable[..., object], block: int) -> Node:
    open_ = required(branch)
    if open_:
        what = f"`{word}` calls a branch without arguments, and gets one that takes `{open_[0]}`"
        raise trace.fail(what, "write `lambda: ...`, which uses the values around it")
    before = state_around(branch)
    return made(trace, word, branch, branch(), before, block)


def _refuse_write(trace: Trace, word: str, default: Node, instead: str) -> None:
    """Refuse a write among the arguments of a word as its default: it is made whether the default is used or not."""
    inside = trace.writes_in_call(since=-1)
    if inside is not None and inside in writes_in(default):
        what = "the default of `{}` is a write, and is made whether it is used or not"
        raise trace.fail(what.format(word), f"write {instead}")


def _note_writes(trace: Trace, made: Node, blocks: tuple[int | None, ...]) -> None:
    if any(_does_write(trace, block) for block in blocks):
        trace.note_write(made)


def _does_write(trace: Trace, block: int | None) -> bool:
    return block is not None and bool(trace.writes[block])


def _undecided_node(condition: object) -> Node | None:
    """Return the node of a condition, `None` for one that is a real bool already."""
    if isinstance(condition, Symbol):
        return node_of(condition)
    if not (condition is None or isinstance(condition, bool)):
        raise trace_now().fail(f"`when` decides on a bool, and gets `{spell(type(condition))}`", "compare it first")
    return None


def _plain(branch: Any) -> Any:
    return branch() if callable(branch) and type(branch) is not Symbol else branch


def present(value: T | None) -> T:
    """Strip the `None` from the type for the type checker; the value still passes it on, and the build checks it."""
    return cast("T", value)


def or_else(value: T | None, default: T) -> T:
    """Return `value`, or `default` where it is `None`."""
    if not isinstance(value, Symbol):
        return default if value is None else value
    node, other = node_of(value), value_of(trace_now(), "or_else", default)
    _refuse_write(trace_now(), "or_else", other, "when(is_none(value), lambda: ..., value)")
    tp = union((without_none(node.type), other.type))
    return cast("T", Symbol(trace_now().noted(graph.OrElse, tp, is_absent=other.is_absent, value=node, default=other)))


def is_none(value: object) -> bool:
    """Say whether a value is `None`."""
    if not isinstance(value, Symbol):
        return value is None
    return cast("bool", Symbol(trace_now().noted(graph.IsNone, bool, value=node_of(value))))


def not_(value: object) -> bool:
    """Negate a bool; `None` passes through."""
    if not isinstance(value, Symbol):
        return not value
    trace, node = trace_now(), node_of(value)
    if without_none(node.type) is not bool:
        raise trace.fail(f"`not_` negates a bool, and gets `{spell(node.type)}`", "compare it first")
    return cast("bool", Symbol(trace.noted(graph.Not, node.type, is_absent=node.is_absent, value=node)))


def header(name: str) -> str | None:
    """Return a header of the client's request; reading it adds it to `Vary`."""
    trace = trace_now()
    if type(name) is not str or not _TOKEN.fullmatch(name):
        raise trace.fail("`header` takes the name of a header", 'write it out: `header("accept-language")`')
    return cast("str | None", Symbol(trace.noted(graph.Header, str | None, name=name.lower())))


def now() -> datetime:
    """Return the time of the request, in UTC, the same all over a page."""
    return cast("datetime", Symbol(trace_now().noted(graph.Now, datetime)))
