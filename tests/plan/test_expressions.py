"""Generated code computes what its graph says: held against an interpreter, on expressions made at random."""

import operator
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bff import (
    ClientProfile,
    ContractViolation,
    DeclarationError,
    Shape,
    Upstream,
    call,
    derived,
    each,
    is_none,
    not_,
    optional,
    or_else,
)
from bff._unset import UNSET
from bff.declare import _graph as graph
from bff.declare._endpoint import Endpoint, Route
from bff.declare._graph import Node
from bff.declare._symbol import Symbol, lift
from bff.declare._trace import Trace, tracing
from bff.declare._tracing import Order, Traced
from bff.declare._types import is_nullable
from bff.plan._demand import demand
from bff.plan._order import Writes
from bff.plan._plan import Plan, plan_of
from bff.plan._schedule import schedule


class Maker(BaseModel):
    name: str
    rank: int | None


class Item(BaseModel):
    size: int
    weight: float | None
    maker: Maker | None
    tags: list[str]
    is_new: bool


class Store(Upstream):
    @call.get("/one/{number}")
    def one(self, number: int) -> Item: ...

    @call.get("/many/{number}")
    def many(self, number: int) -> list[Item]: ...

    @call.get("/some")
    def some(self) -> list[Item] | None: ...


class Line(Shape):
    size: int
    name: str | None


@derived
def twice(number: int) -> int:
    return number * 2


@derived
def joined(tags: list[str]) -> str:
    return "-".join(tags)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "<": operator.lt, "<=": operator.le,
    "==": operator.eq, "!=": operator.ne, "&": lambda a, b: a & b, "|": lambda a, b: a | b,
}  # fmt: skip


class Interpreter:
    """Says what a node is worth: one answer for each call, or `None` for one that failed; one item for each `each`."""

    def __init__(self, answers: dict[int, Any], failed: set[int], params: Mapping[str, Any]) -> None:
        self.answers, self.failed, self.params = answers, failed, params

    def value(self, node: Node, items: Mapping[int, Any]) -> Any:  # noqa: C901, PLR0911, PLR0912 - a case a kind of node
        def of(inner: Node) -> Any:
            return self.value(inner, items)

        match node:
            case graph.Param():
                return self.params[node.name]
            case graph.Constant():
                return node.value
            case graph.Item():
                return items[node.id]
            case graph.Call():
                return self.answers[node.id]
            case graph.Optional():
                return of(node.default if self.fails(node.value) else node.value)
            case graph.OrElse():
                return of(node.default) if (found := of(node.value)) is None else found
            case graph.IsNone():
                return of(node.value) is None
            case graph.Not():
                return None if (found := of(node.value)) is None else not found
            case graph.Attribute():
                return None if (base := of(node.base)) is None else getattr(base, node.name)
            case graph.Index():
                base = of(node.base)
                return None if base is None or not -len(base) <= int(node.key) < len(base) else base[int(node.key)]
            case graph.Slice():
                return None if (base := of(node.base)) is None else base[node.start : node.stop : node.step]
            case graph.Binary():
                left, right = of(node.left), of(node.right)
                return None if left is None or right is None else OPERATORS[node.operator](left, right)
            case graph.Each():
                found = of(node.items)
                bodies = [] if found is None else [self.each(node, items, item) for item in found]
                return None if found is None else bodies
            case graph.Listing():
                return [of(entry) for entry in node.entries]
            case graph.Build():
                types = [node.shape.model_fields[name].annotation for name in node.names]
                values = [needed(value, of(value), tp) for value, tp in zip(node.values, types, strict=True)]
                return node.shape(**dict(zip(node.names, values, strict=True)))
            case graph.Lifted():
                types = [node.function.hints[name] for name in node.function.signature.parameters]
                pairs = zip(node.arguments, types, strict=True)
                return node.function.function(*(needed(value, of(value), tp) for value, tp in pairs))
            case _:
                raise AssertionError(node)

    def inputs(self, node: graph.Call) -> tuple[Any, ...]:
        return tuple(needed(argument, self.value(argument, {}), int) for argument in node.arguments)

    def fails(self, node: Node) -> bool:
        """Say whether a call that a value depends on has failed, be it one that this time nothing comes of."""
        if isinstance(node, graph.Optional):
            return self.fails(node.default)
        return node.id in self.failed or any(self.fails(operand) for operand in node.operands)

    def each(self, node: graph.Each, items: Mapping[int, Any], item: Any) -> Any:
        return needed(node.body, self.value(node.body, {**items, node.item.id: item}), node.body.type)


def needed(node: Node, value: Any, wanted: Any) -> Any:
    if value is None and node.is_absent and not is_nullable(wanted):
        raise ContractViolation("nothing there", upstream="")
    return value


Draw = Callable[[st.SearchStrategy[Any]], Any]


def grow(draw: Draw, pool: list[Any], steps: int) -> list[Any]:
    """Make more values of those in the pool; what the types do not allow is left out."""
    for _ in range(steps):
        pick = draw(st.sampled_from(sorted(MOVES)))
        try:
            pool.append(MOVES[pick](draw, pool))
        except DeclarationError:
            continue
    return pool


def chosen(draw: Draw, pool: Sequence[Any]) -> Any:
    return pool[draw(st.integers(0, len(pool) - 1))]


def attribute(draw: Draw, pool: list[Any]) -> Any:
    names = ["size", "weight", "maker", "tags", "is_new", "name", "rank"]
    return getattr(chosen(draw, pool), draw(st.sampled_from(names)))


def arithmetic(draw: Draw, pool: list[Any]) -> Any:
    sign = draw(st.sampled_from(sorted(OPERATORS)))
    other = chosen(draw, [*pool, 2, 0, 1.5, "x", True])
    return OPERATORS[sign](chosen(draw, pool), other)


def indexed(draw: Draw, pool: list[Any]) -> Any:
    return chosen(draw, pool)[draw(st.integers(-2, 2))]


def sliced(draw: Draw, pool: list[Any]) -> Any:
    bounds = st.one_of(st.none(), st.integers(-3, 3))
    step = draw(st.sampled_from([None, 1, 2, -1]))
    return chosen(draw, pool)[draw(bounds) : draw(bounds) : step]


def gone_through(draw: Draw, pool: list[Any]) -> Any:
    steps = draw(st.integers(0, 5))
    return each(chosen(draw, pool), lambda item: chosen(draw, grow(draw, [*pool, item, item], steps)))


def lines(draw: Draw, pool: list[Any]) -> Any:
    return each(chosen(draw, pool), lambda item: Line(size=item.size, name=chosen(draw, [None, *pool])))


MOVES: dict[str, Callable[[Draw, list[Any]], Any]] = {
    "arithmetic": arithmetic,
    "attribute": attribute,
    "attribute again": attribute,
    "each": gone_through,
    "index": indexed,
    "is_none": lambda draw, pool: is_none(chosen(draw, pool)),
    "joined": lambda draw, pool: joined(chosen(draw, pool)),
    "line": lambda draw, pool: Line(size=chosen(draw, pool), name=chosen(draw, [*pool, None])),
    "lines": lines,
    "list": lambda draw, pool: optional([chosen(draw, pool), chosen(draw, pool)]),
    "not_": lambda draw, pool: not_(chosen(draw, pool)),
    "of": lambda draw, pool: Line.of(chosen(draw, pool), name=chosen(draw, [None, *pool])),
    "optional": lambda draw, pool: optional(chosen(draw, pool), default=chosen(draw, [None, *pool, 7])),
    "or_else": lambda draw, pool: or_else(chosen(draw, pool), chosen(draw, [*pool, 3, "none"])),
    "slice": sliced,
    "store": lambda draw, pool: Store.one(chosen(draw, pool)),
    "twice": lambda draw, pool: twice(chosen(draw, pool)),
}


def a_plan(draw: Draw) -> tuple[Traced, Plan]:
    written = Trace("Page.page")
    with tracing(written):
        number: Any = Symbol(written.add(graph.Param, int, name="number"))
        pool = [number, Store.one(number), Store.many(3), Store.some(), optional(Store.one(5))]
        pool = grow(draw, pool, draw(st.integers(1, 25)))
        answer = lift([chosen(draw, pool) for _ in range(draw(st.integers(1, 3)))])
    function = a_plan
    endpoint = Endpoint(ClientProfile, "page", function, Route("GET", "/page", {}), (), list[object])
    traced = Traced(endpoint, tuple(written.nodes), answer, Order.of(written))
    return traced, plan_of(traced)


makers = st.builds(Maker, name=st.sampled_from(["", "Kestrel"]), rank=st.none() | st.integers(-3, 3))
stored = st.builds(
    Item,
    size=st.integers(-3, 3),
    weight=st.none() | st.sampled_from([0.0, 0.5, 2.0]),
    maker=st.none() | makers,
    tags=st.lists(st.sampled_from("abc"), max_size=3),
    is_new=st.booleans(),
)
ANSWERS = {"one": stored, "many": st.lists(stored, max_size=3), "some": st.none() | st.lists(stored, max_size=2)}


def outcome(compute: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return plain(compute(*arguments))
    except ContractViolation:
        return "a violation"


def plain(value: Any) -> Any:
    """Return what is encoded: a Shape may be written as the dict that it becomes."""
    if isinstance(value, list):
        return [plain(part) for part in cast("list[object]", value)]
    return value.model_dump() if isinstance(value, Line) else value


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_generated_code_computes_what_the_graph_says(data: st.DataObject) -> None:
    traced, made = a_plan(data.draw)
    params = {"number": data.draw(st.integers(0, 5))}
    values: list[Any] = [None] * len(made.calls)
    failures: list[Any] = [None] * len(made.calls)
    brought = (values, failures, params, SimpleNamespace(), [UNSET] * made.slots)
    reference = Interpreter({}, set(), params)
    steps = schedule(traced, demand(traced), Writes(traced)).calls
    for number, (planned, step) in enumerate(zip(made.calls, steps, strict=True)):
        node = cast("graph.Call", step.node)
        is_cut = any(failures[other] is not None for other in planned.needs.hard)
        if is_cut or (not planned.is_required and data.draw(st.booleans())):
            failures[number] = TimeoutError()
            reference.failed.add(node.id)
            continue
        expected = outcome(reference.inputs, node)
        assert expected == outcome(planned.inputs, *brought), made.source
        if expected == "a violation":
            return
        reference.answers[node.id] = values[number] = data.draw(ANSWERS[planned.operation.name])
    expected = outcome(reference.value, traced.answer, {})
    assert expected == outcome(made.answer, *brought), made.source
