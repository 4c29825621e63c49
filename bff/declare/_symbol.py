"""The symbolic value: stands in for a real one while an endpoint is traced, and writes down what is done to it."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeAlias, cast

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


class Symbol:
    """A value that is not known yet. Everything that would need the real one raises `DeclarationError`."""

    __slots__ = ("__node",)

    def __init__(self, node: Node) -> None:
        object.__setattr__(self, "_Symbol__node", node)

    def __getattr__(self, name: str) -> "Symbol":
        if name.startswith("__"):
            raise AttributeError(name)
        return Symbol(_attribute(node_of(self), name))

    def __getitem__(self, key: object) -> "Symbol":
        return Symbol(_item(node_of(self), key))


def node_of(symbol: Symbol) -> Node:
    """Return the node that a symbol stands for."""
    return cast("Node", object.__getattribute__(symbol, "_Symbol__node"))


def trace_now() -> Trace:
    """Return the current trace; raises `DeclarationError` outside of one, where there is nothing to write to."""
    trace = current_trace()
    if trace is None:
        raise DeclarationError(
            Problem(
                "this builds a symbolic value, and no endpoint is being traced",
                "call it inside a traced endpoint; elsewhere await it on a connected upstream",
            )
        )
    return trace


def lift(value: object) -> Node:
    """Return the node for anything an endpoint may hold: a symbol, a list with symbols in it, a real value."""
    if isinstance(value, Symbol):
        return node_of(value)
    trace = trace_now()
    if _has_symbols(_parts(value)):
        parts = tuple(lift(part) for part in _parts(value))
        return trace.add(graph.Listing, listed(union(part.type for part in parts)), entries=parts)
    if isinstance(value, dict) and _has_symbols(cast("dict[str, object]", value).values()):
        raise trace.fail("a plain dict with symbolic values in it has no declared shape", "declare a Shape for it")
    return trace.add(graph.Constant, type_of_constant(value), value=value)


def _has_symbols(values: Iterable[object]) -> bool:
    return any(isinstance(value, Symbol) or _has_symbols(_parts(value)) for value in values)


def _parts(value: object) -> Sequence[object]:
    """Return what a plain list holds, nothing for anything else."""
    return cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else ()


def _attribute(base: Node, name: str) -> Node:
    trace = trace_now()
    types = [_field(trace, part, name) for part in members(without_none(base.type))]
    if not types:
        raise trace.fail(f"`.{name}` of a value that is always None", "read it from what may be there")
    tp = nullable_if(is_nullable(base.type), union(types))
    return trace.add(graph.Attribute, tp, is_absent=base.is_absent, base=base, name=name)


def _field(trace: Trace, tp: Type, name: str) -> Type:
    if not is_model(tp):
        raise trace.fail(f"`{spell(tp)}` has no field `{name}`: only the fields of models can be read here", DERIVED)
    known = fields(tp)
    if name not in known:
        raise trace.fail(f"`{spell(tp)}` has no field `{name}`", f"{_suggest(name, [*known])}{_member(tp, name)}")
    return known[name]


def _suggest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"its fields are {', '.join(known)}"


def _member(tp: Type, name: str) -> str:
    return f"; `{name}` is no field: {DERIVED}" if hasattr(tp, name) else ""


def _item(base: Node, key: object) -> Node:
    trace = trace_now()
    tp = without_none(base.type)
    is_maybe = is_nullable(base.type)
    if isinstance(key, slice):
        key = cast("slice[object, object, object]", key)
        if element(tp) is None:
            raise trace.fail(f"`{spell(tp)}` cannot be sliced", "slice a list")
        bounds: tuple[object, ...] = (key.start, key.stop, key.step)
        if not all(bound is None or (isinstance(bound, int) and not isinstance(bound, bool)) for bound in bounds):
            raise trace.fail("the bounds of a slice are not plain integers", f"write them out, or {DERIVED}")
        payload = dict(zip(("start", "stop", "step"), bounds, strict=True))
        part = nullable_if(is_maybe, listed(element(tp)))
        return trace.add(graph.Slice, part, is_absent=base.is_absent, base=base, **payload)
    keys = typed_keys(tp)
    value = element(tp) if isinstance(key, int) else mapping_value(tp) if isinstance(key, str) else None
    if keys is not None and isinstance(key, str):
        if key not in keys:
            raise trace.fail(f"`{spell(tp)}` has no key `{key}`", _suggest(key, [*keys]))
        value = keys[key]
    if value is None:
        what = "a symbolic value" if isinstance(key, Symbol) else f"`{key!r}`"
        raise trace.fail(f"`{spell(base.type)}` cannot be indexed with {what}", f"use a plain index, or {DERIVED}")
    return trace.add(graph.Index, nullable_if(is_maybe, value), is_absent=True, base=base, key=key)


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


def _define_refusals() -> None:
    branching = "the value is not known while the endpoint is traced, so `{}` cannot be decided here"
    refusals = {
        "__bool__": (
            branching.format("if, while, and, or, not, assert"),
            f"use & and | and not_() on bools, or {_BRANCH}",
        ),
        "__len__": (branching.format("len"), DERIVED),
        "__iter__": (branching.format("for"), f"use each(items, fn), or {DERIVED}"),
        "__contains__": (branching.format("in"), DERIVED),
        "__repr__": ("a symbolic value has no text: repr(), print() and `!r` cannot show it", DERIVED),
        "__str__": ("a symbolic value has no text: str() and print() cannot show it", DERIVED),
        "__format__": (
            "a symbolic value has no text, so an f-string cannot hold it",
            f"add strings with +, or {DERIVED}",
        ),
        "__hash__": ("a symbolic value cannot be a key or stand in a set", DERIVED),
        "__call__": ("a symbolic value cannot be called: methods are not traced", DERIVED),
        "__await__": ("a traced endpoint does not await", "drop the await, or make the endpoint `async def`"),
        "__int__": ("int() needs the real value", DERIVED),
        "__float__": ("float() needs the real value", DERIVED),
        "__index__": ("a symbolic value cannot be used as a plain integer", DERIVED),
        "__setattr__": ("a symbolic value cannot be changed", "build a Shape with the value you want"),
        "__setitem__": ("a symbolic value cannot be changed", "build a Shape with the value you want"),
        "__delattr__": ("a symbolic value cannot be changed", "build a Shape with the value you want"),
    }

    def method(what: str, mend: str) -> Callable[..., NoReturn]:
        def refuse(*_: object) -> NoReturn:
            raise trace_now().fail(what, mend)

        return refuse

    for name, (what, mend) in refusals.items():
        setattr(Symbol, name, method(what, mend))


_define_operators()
_define_refusals()
