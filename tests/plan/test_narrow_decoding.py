"""The law of decoding, for all kinds of contracts: where decoding in full accepts, decoding in part gives the same."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar, cast

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    ValidationError,
    create_model,
)
from typing_extensions import TypeAliasType, TypedDict

from bff.declare._types import union
from bff.plan._codecs import build_decoder
from bff.plan._demand import WHOLE, Demand

T = TypeVar("T")
_names = itertools.count()


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: "Page[T] | None" = None


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = Field(default_factory=list["Tree"])


class Book(BaseModel):
    kind: Literal["book"] = Field(alias="type")
    title: str = ""
    pages: int


class Film(BaseModel):
    kind: Literal["film"] = Field(alias="type")
    title: str = "none"


@dataclass(frozen=True)
class Kind:
    """A type, bodies for it, and what may be needed of it."""

    tp: Any
    bodies: st.SearchStrategy[Any]
    demands: st.SearchStrategy[Demand]


WHOLLY = st.just(WHOLE)
SCALARS = [
    Kind(int, st.integers(-3, 3), WHOLLY),
    Kind(Annotated[int, Field(gt=0)], st.integers(-1, 3), WHOLLY),
    Kind(str, st.text(max_size=2), WHOLLY),
    Kind(bool, st.booleans(), WHOLLY),
    Kind(Literal["a", "b"], st.sampled_from(["a", "b", "c"]), WHOLLY),
]


def tree(depth: int) -> st.SearchStrategy[Any]:
    children = st.lists(tree(depth - 1), max_size=2) if depth else st.just([])
    return st.fixed_dictionaries({"name": st.text(max_size=2)}, optional={"children": children})


def of_items(inner: Kind) -> st.SearchStrategy[Demand]:
    return inner.demands.map(lambda demand: Demand(items=demand)) | WHOLLY


def of_fields(parts: Mapping[str, Kind]) -> st.SearchStrategy[Demand]:
    chosen = st.fixed_dictionaries({}, optional={name: part.demands for name, part in parts.items()})
    return chosen.map(lambda fields: Demand(fields=fields)) | WHOLLY


TREE = Kind(Tree, tree(2), of_fields({"name": SCALARS[2], "children": Kind(None, st.none(), WHOLLY)}))


MEDIA = Kind(
    Annotated[Book | Film, Field(discriminator="kind")],
    st.fixed_dictionaries({"type": st.sampled_from(["book", "film"]), "pages": st.integers(0, 2)}),
    of_fields({"title": SCALARS[2], "kind": SCALARS[2]}),
)


def wired(draw: st.DrawFn, name: str) -> tuple[dict[str, Any], Callable[[Any], dict[str, Any]]]:
    """Return how a field is called on the wire, and the part of a body that holds a value under that name."""
    form = draw(st.sampled_from(["plain", "alias", "choices", "path"]))
    match form:
        case "alias":
            return {"alias": f"{name}_"}, lambda value: {f"{name}_": value}
        case "choices":
            chosen = draw(st.sampled_from([f"{name}1", f"{name}2"]))
            return {"validation_alias": AliasChoices(f"{name}1", f"{name}2")}, lambda value: {chosen: value}
        case "path":
            return {"validation_alias": AliasPath(f"in_{name}", 0)}, lambda value: {f"in_{name}": [value]}
        case _:
            return {}, lambda value: {name: value}


@st.composite
def models(draw: st.DrawFn, inner: st.SearchStrategy[Kind], kind: str = "") -> Kind:
    parts = draw(st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=3))
    fields: dict[str, Any] = {"kind": (Literal[kind], ...)} if kind else {}
    writers: dict[str, Callable[[Any], dict[str, Any]]] = {}
    for name, part in parts.items():
        options, writers[name] = wired(draw, name)
        fields[name] = (part.tp, Field(default=draw(st.sampled_from([..., None])), **options))
    config = ConfigDict(extra=draw(st.sampled_from(["ignore", "allow", "forbid"])))
    if draw(st.booleans()):
        config["alias_generator"] = str.upper
        writers = {name: writer_of(fields[name][1], name, writer) for name, writer in writers.items()}
    made = create_model(f"Made{next(_names)}", __config__=config, **fields)
    always = {"KIND" if "alias_generator" in config else "kind": kind} if kind else {}

    def body(values: Mapping[str, Any]) -> dict[str, Any]:
        found = {**always}
        for name, value in values.items():
            found |= writers[name](value)
        return found

    given_values = st.fixed_dictionaries({}, optional={name: part.bodies for name, part in parts.items()})
    all_values = st.fixed_dictionaries({name: part.bodies for name, part in parts.items()})
    return Kind(made, (all_values | given_values).map(body), of_fields(parts))


def writer_of(info: Any, name: str, writer: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    return writer if info.validation_alias is not None else lambda value: {name.upper(): value}


@st.composite
def dataclasses_of(draw: st.DrawFn, inner: st.SearchStrategy[Kind]) -> Kind:
    parts = draw(st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=3))
    made = dataclasses.make_dataclass(f"Made{next(_names)}", [(name, part.tp) for name, part in parts.items()])
    return Kind(made, st.fixed_dictionaries({n: p.bodies for n, p in parts.items()}), of_fields(parts))


@st.composite
def typed_dicts(draw: st.DrawFn, inner: st.SearchStrategy[Kind]) -> Kind:
    parts = draw(st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=3))
    free = draw(st.sets(st.sampled_from(sorted(parts))))
    keys = {name: NotRequired[part.tp] if name in free else part.tp for name, part in parts.items()}
    made = cast("Any", TypedDict)(f"Made{next(_names)}", keys)
    bodies = st.fixed_dictionaries(
        {name: part.bodies for name, part in parts.items() if name not in free},
        optional={name: parts[name].bodies for name in free},
    )
    return Kind(made, bodies, of_fields(parts))


@st.composite
def unions(draw: st.DrawFn, inner: st.SearchStrategy[Kind]) -> Kind:
    first, second = draw(models(inner, "a")), draw(models(inner, "b"))
    tp = union((first.tp, second.tp))
    if {"KIND"} == {str(part.tp.model_fields["kind"].validation_alias) for part in (first, second)} or (
        all(part.tp.model_fields["kind"].validation_alias is None for part in (first, second))
    ):
        tp = draw(st.sampled_from([tp, Annotated[tp, Field(discriminator="kind")]]))
    tp = draw(st.sampled_from([tp, cast("Any", TypeAliasType)(f"Made{next(_names)}", tp)]))
    common = sorted({*first.tp.model_fields} & {*second.tp.model_fields})
    return Kind(tp, first.bodies | second.bodies, of_fields({name: Kind(None, st.none(), WHOLLY) for name in common}))


def containers(inner: Kind) -> list[Kind]:
    listed, length = st.lists(inner.bodies, max_size=2), Field(min_length=1)
    items = of_items(inner)
    paged = st.fixed_dictionaries({"items": listed})
    next_page = st.fixed_dictionaries({"items": listed, "next": paged | st.none()})
    page = {"items": Kind(None, st.none(), items)}
    pages = of_fields({**page, "next": Kind(None, st.none(), of_fields(page))})
    return [
        Kind(list.__class_getitem__(inner.tp), listed, items),
        Kind(Annotated[list.__class_getitem__(inner.tp), length], listed, items),
        Kind(tuple.__class_getitem__((inner.tp, ...)), listed, items),
        Kind(tuple.__class_getitem__((inner.tp, inner.tp)), st.lists(inner.bodies, min_size=2, max_size=2), items),
        Kind(dict.__class_getitem__((str, inner.tp)), st.dictionaries(st.just("k"), inner.bodies), items),
        Kind(union((inner.tp, None)), st.none() | inner.bodies, inner.demands),
        Kind(Page.__class_getitem__(inner.tp), paged | next_page, pages),
        Kind(RootModel.__class_getitem__(inner.tp), inner.bodies, of_fields({"root": inner})),
    ]


kinds = st.recursive(
    st.sampled_from([*SCALARS, TREE, MEDIA]),
    lambda inner: st.one_of(
        inner.flatmap(lambda kind: st.sampled_from(containers(kind))),
        models(inner),
        dataclasses_of(inner),
        typed_dicts(inner),
        unions(inner),
    ),
    max_leaves=5,
)


def held_by(value: Any) -> dict[str, Any]:
    """Return the fields of an object: of a model, of a dataclass, or of a Struct, which stands in for one."""
    names: Sequence[str] = getattr(value, "__struct_fields__", ()) or list[str](value.__dict__)
    return {name: getattr(value, name) for name in names}


def needed(value: Any, demand: Demand) -> Any:
    """Return what is needed of a value, whatever class holds it."""
    if value is None or demand.is_whole:
        return value
    if demand.fields:
        held = cast("dict[str, Any]", value if isinstance(value, dict) else held_by(value))
        return {name: needed(held.get(name), part) for name, part in demand.fields.items()}
    if demand.items is None:
        return "there"
    if isinstance(value, dict):
        return {key: needed(item, demand.items) for key, item in cast("dict[str, Any]", value).items()}
    return [needed(item, demand.items) for item in value]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(kinds, st.data())
def test_where_decoding_in_full_accepts_decoding_in_part_gives_the_same(kind: Kind, data: st.DataObject) -> None:
    demand = data.draw(kind.demands)
    content = json.dumps(data.draw(kind.bodies)).encode()
    decoder = build_decoder(kind.tp, demand)
    try:
        value = TypeAdapter[Any](kind.tp).validate_json(content)
    except ValidationError:
        event("refused in full")
        return
    event("in full" if decoder.reasons else "in part")
    assert needed(value, demand) == needed(decoder.decode(content), demand)
