"""The symbolic value: stands in for a real one while an endpoint is traced, and writes down what is done to it."""

from collections.abc import Callable, Iterable, Sequence
from functools import partialmethod
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

from bff._frames import user_frame
from bff.declare import _graph as graph
from bff.declare._arithmetic import result_of
from bff.declare._fitting import DERIVED
from bff.declare._graph import Node
from bff.declare._reading import type_of_attribute, type_of_item
from bff.declare._trace import Trace, current_trace
from bff.declare._types import (
    element,
    is_nullable,
    listed,
    nullable_if,
    spell,
    type_of_constant,
    union,
    without_none,
)
from bff.declare._unwatched import unwatched
from bff.errors import DeclarationError, Problem

_Binary: TypeAlias = Callable[["Symbol", object], Any]

_BRANCH = f"{DERIVED}; where the page itself has to branch, make the endpoint `async def`"
_SIMPLE = (str, int, bool, type(None))
_UNKNOWN = "a symbolic value is not known before a request runs:"


class Symbol:
    """A value that is not known yet. Everything that would need the real one raises `DeclarationError`."""

    __slots__ = ("__held",)

    def __init__(self, node: Node | None) -> None:
        object.__setattr__(self, "_Symbol__held", (node, current_trace()))

    if not TYPE_CHECKING:

        @property
        def __class__(self) -> type:
            # `isinstance` asks for it where the real type says no, in libraries too. Outside of a trace there is
            # nothing to decide: there are only the words that modules import.
            if current_trace() is None:
                return Symbol
            what = "`isinstance` and `__class__` look at the symbolic value, not at the real one"
            raise trace_now().fail(what, _BRANCH)

    @unwatched
    def __getattr__(self, name: str) -> "Symbol":
        if name.startswith("__"):
            raise AttributeError(name)
        return Symbol(attribute(self, name))

    def __getitem__(self, key: object) -> "Symbol":
        return Symbol(_item(self, key))


_held: Final[Callable[[Symbol], tuple[Node | None, Trace | None]]] = vars(Symbol)["_Symbol__held"].__get__
"""Return the node that a symbol was made with, and in which trace: two may have it. Asking itself would be traced."""


def node_of(symbol: Symbol) -> Node:
    """
    Return the node that a symbol stands for; `caller` stands for another one in every trace.

    Raises `DeclarationError` where it may not be used.
    """
    node, owner = _held(symbol)
    if node is None:
        return trace_now().caller_node()
    trace = current_trace()
    if trace is not None and (node.scope or trace is not owner or not trace.is_own(node)):
        trace.check_use(node, owner)
    return node


def trace_now() -> Trace:
    """Return the current trace; raises `DeclarationError` outside of one, where there is nothing to write to."""
    trace = current_trace()
    if trace is None:
        what = "this is a word of traced endpoints, and none is being traced"
        mend = "use it in a plain `def` endpoint; elsewhere use plain Python, and await calls on a connected upstream"
        file, line = user_frame()
        raise DeclarationError(Problem(what, mend, file=file, line=line))
    return trace


def lift(value: object) -> Node:
    """Return the node for anything an endpoint may hold: a symbol, a list with symbols in it, a real value."""
    trace = trace_now()
    if type(value) is Symbol:
        return node_of(value)
    if not _has_symbols(value):
        return trace.add(graph.Constant, type_of_constant(value), value=value)
    if isinstance(value, dict):
        raise trace.fail("a plain dict with symbolic values in it has no declared shape", "declare a Shape for it")
    parts = tuple(lift(part) for part in cast("Sequence[object]", value))
    return trace.add(graph.Listing, listed(union(part.type for part in parts)), entries=parts)


lifted = unwatched(lift)  # for where what is done is watched


def _has_symbols(value: object) -> bool:
    """Say whether a value is symbolic, or a list, a tuple or a dict that holds one at any depth."""
    if type(value) is Symbol:
        return True
    if isinstance(value, dict):
        return any(map(_has_symbols, cast("dict[object, object]", value).values()))
    return isinstance(value, (list, tuple)) and any(map(_has_symbols, cast("Sequence[object]", value)))


def told_apart(values: Iterable[object]) -> tuple[object, ...] | None:
    """Return what makes symbolic and simple values equal to others; `None` where any is of another kind."""
    found: list[object] = []
    for value in values:
        if type(value) is Symbol:
            found.append(node_of(value).id)
        elif type(value) in _SIMPLE:
            found.append((type(value), value))
        else:
            return None
    return tuple(found)


def attribute(symbol: Symbol, name: str) -> Node:
    base, trace = node_of(symbol), trace_now()
    tp = type_of_attribute(trace, base.type, name)
    return trace.add(graph.Attribute, tp, is_absent=base.is_absent, base=base, name=name)


@unwatched
def _item(symbol: Symbol, key: object) -> Node:
    base, trace = node_of(symbol), trace_now()
    tp = without_none(base.type)
    if type(key) is Symbol:
        what = f"`{spell(tp)}` cannot be indexed with a symbolic value"
        raise trace.fail(what, f"use a plain index, or {DERIVED}")
    if isinstance(key, slice):
        return _slice(base, cast("slice[object, object, object]", key))
    value, is_there = type_of_item(trace, tp, key)
    nullable, is_absent = nullable_if(is_nullable(base.type), value), base.is_absent or not is_there
    return trace.add(graph.Index, nullable, is_absent=is_absent, base=base, key=key)


def _slice(base: Node, key: "slice[object, object, object]") -> Node:
    trace, tp = trace_now(), without_none(base.type)
    item = element(tp)
    if item is None:
        raise trace.fail(f"`{spell(tp)}` cannot be sliced", f"slice a list, or {DERIVED}")
    bounds = (key.start, key.stop, key.step)
    if not all(bound is None or type(bound) is int for bound in bounds):
        raise trace.fail("the bounds of a slice are not plain integers", f"write them out, or {DERIVED}")
    start, stop, step = bounds
    part = nullable_if(is_nullable(base.type), listed(item))
    return trace.add(graph.Slice, part, is_absent=base.is_absent, base=base, start=start, stop=stop, step=step)


@unwatched
def binary(operator: str, left: object, right: object) -> Symbol:
    """Return the symbol for `left operator right`; raises `DeclarationError` where the types do not allow it."""
    trace, given = trace_now(), told_apart((left, right))
    if given is None:
        return Symbol(_binary(trace, operator, left, right))
    return Symbol(trace.step((operator, *given), lambda: _binary(trace, operator, left, right)))


def _binary(trace: Trace, operator: str, left: object, right: object) -> Node:
    a, b = lift(left), lift(right)
    if type(None) in (a.type, b.type):
        raise trace.fail(f"`{operator} None` would always be None: it passes through", "ask is_none(value)")
    tp = result_of(operator, without_none(a.type), without_none(b.type))
    if tp is None:
        what = f"`{spell(a.type)} {operator} {spell(b.type)}` is not defined"
        raise trace.fail(what, f"use values that have it, or {DERIVED}")
    tp = nullable_if(is_nullable(a.type) or is_nullable(b.type), tp)
    is_absent = a.is_absent or b.is_absent
    return trace.add(graph.Binary, tp, is_absent=is_absent, operator=operator, left=a, right=b)


def _define_operators() -> None:
    forward = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "and": "&", "or": "|"}
    compared = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}

    def method(operator: str, *, is_reflected: bool = False) -> _Binary:
        def operate(self: Symbol, other: object) -> Symbol:
            return binary(operator, other, self) if is_reflected else binary(operator, self, other)

        return operate

    for name, operator in {**forward, **compared}.items():
        setattr(Symbol, f"__{name}__", method(operator))
    for name, operator in forward.items():
        setattr(Symbol, f"__r{name}__", method(operator, is_reflected=True))
    for name, operator in {"neg": "-", "pos": "+"}.items():
        setattr(Symbol, f"__{name}__", partialmethod(method(operator, is_reflected=True), 0))


def _define_refusals() -> None:
    refusals = {
        "__bool__": (
            f"{_UNKNOWN} nothing is decided on it here (if, while, and, or, not, assert, in, a < b < c)",
            f"write &, | and not_() for and, or and not; for anything else {_BRANCH}",
        ),
        "__len__": (f"{_UNKNOWN} it has no len() here", DERIVED),
        "__iter__": (
            f"{_UNKNOWN} it cannot be gone through here (for, a comprehension, unpacking)",
            f"use each(items, fn), or an index, or {DERIVED}",
        ),
        "__contains__": (f"{_UNKNOWN} `in` cannot be decided here", DERIVED),
        "__repr__": (f"{_UNKNOWN} it has no text that repr(), print() or `!r` could show", DERIVED),
        "__str__": (f"{_UNKNOWN} it has no text that str(), print() or `%s` could show", DERIVED),
        "__format__": (f"{_UNKNOWN} it has no text for an f-string", f"add strings with +, or {DERIVED}"),
        "__hash__": (f"{_UNKNOWN} it cannot be a key or stand in a set", DERIVED),
        "__call__": ("a symbolic value cannot be called: methods are not traced", DERIVED),
        "__await__": ("a traced endpoint does not await", "drop the await, or make the endpoint `async def`"),
        "__index__": (f"{_UNKNOWN} it is no index or bound here", DERIVED),
        "__invert__": ("`~` of a symbolic value is not traced", "use not_() on a bool"),
    }
    changes = ("a symbolic value cannot be changed", "build a Shape with the value you want")
    refusals |= dict.fromkeys(("__setattr__", "__delattr__", "__setitem__", "__delitem__"), changes)
    blocks = (f"{_UNKNOWN} it cannot be entered here (with)", DERIVED)
    refusals |= dict.fromkeys(("__enter__", "__exit__", "__aenter__", "__aexit__"), blocks)
    for name in ("int", "float", "complex", "bytes", "abs", "round", "divmod", "pow", "reversed"):
        refusals[f"__{name}__"] = (f"{_UNKNOWN} {name}() needs the real one", DERIVED)
    for name, sign in {"matmul": "@", "xor": "^", "lshift": "<<", "rshift": ">>", "pow": "**"}.items():
        both = (f"`{sign}` on a symbolic value is not traced", DERIVED)
        refusals |= {f"__{name}__": both, f"__r{name}__": both}

    def method(what: str, mend: str) -> Callable[..., NoReturn]:
        def refuse(*_: object) -> NoReturn:
            raise trace_now().fail(what, mend)

        return refuse

    for name, (what, mend) in refusals.items():
        setattr(Symbol, name, method(what, mend))


_define_operators()
_define_refusals()

caller: Any = Symbol(None)
"""Who is calling, in a traced endpoint: what the profile's `identify` returned, and typed as its annotation says."""
