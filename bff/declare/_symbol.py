"""The symbolic value: stands in for a real one while an endpoint is traced, and writes down what is done to it."""

import difflib
from collections.abc import Callable, Sequence
from functools import partialmethod
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

from bff._frames import user_frame
from bff.declare import _graph as graph
from bff.declare._arithmetic import result_of
from bff.declare._graph import Node
from bff.declare._trace import Trace, current_trace
from bff.declare._types import (
    Type,
    element,
    fields,
    is_model,
    is_nullable,
    listed,
    mapping_value,
    members,
    nullable_if,
    spell,
    type_of_constant,
    typed_keys,
    union,
    without_none,
)
from bff.errors import DeclarationError, Problem

_Binary: TypeAlias = Callable[["Symbol", object], Any]

DERIVED = "lift a plain function with @derived: it runs per request on real values"
_BRANCH = f"{DERIVED}; where the page itself has to branch, make the endpoint `async def`"
_UNKNOWN = "a symbolic value is not known before a request runs:"


class Symbol:
    """A value that is not known yet. Everything that would need the real one raises `DeclarationError`."""

    __slots__ = ("__node",)

    def __init__(self, node: Node) -> None:
        object.__setattr__(self, "_Symbol__node", node)

    if not TYPE_CHECKING:

        @property
        def __class__(self) -> NoReturn:
            # `isinstance` asks for it where the real type says no, in libraries too.
            what = "`isinstance` and `__class__` look at the symbolic value, not at the real one"
            raise trace_now().fail(what, _BRANCH)

    def __getattr__(self, name: str) -> "Symbol":
        if name.startswith("__"):
            raise AttributeError(name)
        return Symbol(_attribute(node_of(self), name))

    def __getitem__(self, key: object) -> "Symbol":
        return Symbol(_item(node_of(self), key))


def node_of(symbol: Symbol) -> Node:
    """Return the node that a symbol stands for; raises `DeclarationError` where it may not be used."""
    node = cast("Node", object.__getattribute__(symbol, "_Symbol__node"))
    trace = current_trace()
    if trace is not None:
        trace.check_use(node)
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


def _has_symbols(value: object) -> bool:
    """Say whether a value is symbolic, or a list, a tuple or a dict that holds one at any depth."""
    if type(value) is Symbol:
        return True
    if isinstance(value, dict):
        return any(map(_has_symbols, cast("dict[object, object]", value).values()))
    return isinstance(value, (list, tuple)) and any(map(_has_symbols, cast("Sequence[object]", value)))


def _attribute(base: Node, name: str) -> Node:
    trace = trace_now()
    types = [_field(trace, part, name) for part in members(without_none(base.type))]
    if not types:
        raise trace.fail(f"`.{name}` of a value that is always None", "read it from what may be there")
    tp = nullable_if(is_nullable(base.type), union(types))
    return trace.add(graph.Attribute, tp, is_absent=base.is_absent, base=base, name=name)


def _field(trace: Trace, tp: Type, name: str) -> Type:
    if not is_model(tp):
        what = f"`{spell(tp)}` has no field `{name}`: only the fields of models can be read here"
        raise trace.fail(what, _instead_of_field(tp, name))
    known = fields(tp)
    if name not in known:
        if hasattr(tp, name):
            raise trace.fail(f"`{spell(tp)}.{name}` is no field: only fields can be read here", DERIVED)
        raise trace.fail(f"`{spell(tp)}` has no field `{name}`", suggest(name, [*known]))
    return known[name]


def _instead_of_field(tp: Type, name: str) -> str:
    if is_model(element(tp)):
        return "read it of one item, `[0]`, or of every item: each(items, fn)"
    if mapping_value(tp) is not None or typed_keys(tp) is not None:
        return f'read it by its key: `["{name}"]`'
    return DERIVED


def suggest(name: str, known: list[str]) -> str:
    """Return the mend for a name that is none of those that are known."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"its fields are {', '.join(known)}"


def _item(base: Node, key: object) -> Node:
    trace = trace_now()
    tp = without_none(base.type)
    is_maybe = is_nullable(base.type)
    if type(key) is Symbol:
        what = f"`{spell(tp)}` cannot be indexed with a symbolic value"
        raise trace.fail(what, f"use a plain index, or {DERIVED}")
    if isinstance(key, slice):
        return _slice(base, cast("slice[object, object, object]", key))
    keys = typed_keys(tp)
    value = element(tp) if isinstance(key, int) else mapping_value(tp) if isinstance(key, str) else None
    if keys is not None and isinstance(key, str):
        if key not in keys:
            raise trace.fail(f"`{spell(tp)}` has no key `{key}`", suggest(key, [*keys]))
        value = keys[key]
    if value is None:
        is_field = is_model(tp) and isinstance(key, str)
        mend = f"read the field: `.{key}`" if is_field else f"use a plain index, or {DERIVED}"
        raise trace.fail(f"`{spell(tp)}` cannot be indexed with `{key!r}`", mend)
    return trace.add(graph.Index, nullable_if(is_maybe, value), is_absent=True, base=base, key=key)


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


def binary(operator: str, left: object, right: object) -> Symbol:
    """Return the symbol for `left operator right`; raises `DeclarationError` where the types do not allow it."""
    trace = trace_now()
    a, b = lift(left), lift(right)
    if type(None) in (a.type, b.type):
        raise trace.fail(f"`{operator} None` would always be None: it passes through", "ask is_none(value)")
    tp = result_of(operator, without_none(a.type), without_none(b.type))
    if tp is None:
        what = f"`{spell(a.type)} {operator} {spell(b.type)}` is not defined"
        raise trace.fail(what, f"use values that have it, or {DERIVED}")
    tp = nullable_if(is_nullable(a.type) or is_nullable(b.type), tp)
    is_absent = a.is_absent or b.is_absent
    return Symbol(trace.add(graph.Binary, tp, is_absent=is_absent, operator=operator, left=a, right=b))


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
