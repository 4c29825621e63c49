"""Every kind of type goes end to end: an upstream's JSON, a contract, a page, the client's JSON and its schema."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Protocol, TypeVar
from uuid import UUID

import httpx
import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    PositiveInt,
    RootModel,
    Tag,
    computed_field,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypeAliasType, TypedDict
from typing_extensions import TypeVar as TypeVarWithDefault

from bff import BFF, ClientProfile, DeclarationError, Shape, Upstream, call, derived, each, endpoint
from bff.plan._codecs import build_decoder
from bff.plan._demand import WHOLE, Demand
from bff.plan._plan import Plan
from tests.support.shop import Reply, get
from tests.support.virtual import run

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
D = TypeVarWithDefault("D", default=int)
Sku = NewType("Sku", str)
Price = TypeAliasType("Price", Annotated[Decimal, Field(gt=0)])
Listed = TypeAliasType("Listed", Annotated[list[P], Field(min_length=1)], type_params=(P,))


class Color(Enum):
    RED = "red"


class Product(BaseModel):
    id: int
    name: str


class Page(BaseModel, Generic[P]):
    items: list[P]
    total: int
    next: "Page[P] | None" = None


class Counted(BaseModel, Generic[D]):
    count: D


class Book(BaseModel):
    kind: Literal["book"] = Field(alias="type")
    title: str
    pages: int


class Film(BaseModel):
    kind: Literal["film"] = Field(alias="type")
    title: str
    minutes: int


class Song(BaseModel):
    title: str


Media = TypeAliasType("Media", Annotated[Book | Film, Field(discriminator="kind")])


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = Field(default_factory=list["Tree"])
    parent: "Tree | None" = None


class Ids(RootModel[list[Product]]):
    pass


@dataclass
class Stock:
    sku: Sku
    available: int


@pydantic_dataclass
class Parcel:
    weight: Annotated[float, Field(gt=0)]
    label: str = Field(alias="Label")


@dataclass
class Box(Generic[P]):
    content: P
    size: int


class Extra(TypedDict):
    color: str
    made: NotRequired[int]


class Author(BaseModel):
    """Knows a model that is written below it."""

    name: str
    shelf: "Shelf | None" = None


class Shelf(BaseModel):
    authors: list[Author]


class HasId(Protocol):
    @property
    def id(self) -> int: ...


class Holding(Protocol[P_co]):
    @property
    def items(self) -> Sequence[P_co]: ...


class Facts(BaseModel):
    color: Color
    size: Literal["s", "m"]
    price: Price
    at: datetime
    aware: AwareDatetime
    day: date
    took: timedelta
    key: UUID
    count: PositiveInt
    parsed: Json[list[int]]
    pair: tuple[int, str]
    tags: set[str]


class Named(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    first_name: str
    last_name: str = Field(validation_alias=AliasChoices("surname", "family"))
    town: str = Field(validation_alias=AliasPath("home", "places", 0))


class Area(BaseModel):
    width: int
    height: int

    @computed_field
    def size(self) -> int:
        return self.width * self.height


ANSWERS: Mapping[str, Any] = {
    "/page": {
        "items": [{"id": 1, "name": "Lamp"}],
        "total": "1",
        "next": {"items": [{"id": 2, "name": 2}], "total": 1},
    },
    "/counted": {"count": "3"},
    "/media": [
        {"type": "book", "title": "Ulysses", "pages": 700},
        {"type": "film", "title": "Metropolis", "minutes": "long"},
    ],
    "/books": [{"type": "book", "title": "Ulysses", "pages": 700}],
    "/song": {"title": "Lili", "minutes": 3, "type": "film"},
    "/tree": {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]},
    "/ids": [{"id": 1, "name": None}],
    "/stock": {"sku": "s", "available": "none"},
    "/parcel": {"weight": -1, "Label": "top"},
    "/box": {"content": {"id": 1, "name": 7}, "size": 3},
    "/extra": {"color": "red", "made": "long ago"},
    "/facts": {
        "color": "red",
        "size": "s",
        "price": "1.50",
        "at": "2024-01-31T12:00:00",
        "aware": "2024-01-31T12:00:00Z",
        "day": "2024-01-31",
        "took": "PT90S",
        "key": "12345678-1234-5678-1234-567812345678",
        "count": 2,
        "parsed": "[1, 2]",
        "pair": [1, "one"],
        "tags": ["new"],
    },
    "/named": {"firstName": "Ada", "family": "Byron", "home": {"places": ["London"]}},
    "/area": {"width": 2, "height": 3},
    "/best": {"type": "film", "title": "Metropolis", "minutes": "long"},
    "/either": [{"type": "film", "title": "Metropolis", "minutes": 153}],
    "/both": [{"id": 1, "name": "Lamp"}, {"type": "book", "title": "Ulysses", "pages": "many"}],
    "/pages": {"new": {"items": [{"id": 1, "name": "Lamp"}]}},
    "/author": {"name": 1, "shelf": {"authors": [{"name": "Ada"}]}},
    "/listed": [{"id": 1, "name": "Lamp"}],
}


class Store(Upstream):
    base_url = "http://store.test"

    @call.get("/page")
    def page(self) -> Page[Product]: ...

    @call.get("/counted")
    def counted(self) -> Counted: ...

    @call.get("/media")
    def media(self) -> list[Media]: ...

    @call.get("/books")
    def books(self) -> list[Book]: ...

    @call.get("/song")
    def song(self) -> Film | Song: ...

    @call.get("/tree")
    def tree(self) -> Tree: ...

    @call.get("/ids")
    def ids(self) -> Ids: ...

    @call.get("/stock")
    def stock(self) -> Stock: ...

    @call.get("/parcel")
    def parcel(self) -> Parcel: ...

    @call.get("/box")
    def box(self) -> Box[Product]: ...

    @call.get("/extra")
    def extra(self) -> Extra: ...

    @call.get("/facts")
    def facts(self) -> Facts: ...

    @call.get("/named")
    def named(self) -> Named: ...

    @call.get("/area")
    def area(self) -> Area: ...

    @call.get("/best")
    def best(self) -> Media | None: ...

    @call.get("/either")
    def either(self) -> list[Book] | list[Film]: ...

    @call.get("/both")
    def both(self) -> tuple[Product, Book]: ...

    @call.get("/pages")
    def pages(self) -> dict[str, Page[Product]]: ...

    @call.get("/author")
    def author(self) -> Author: ...

    @call.get("/listed")
    def listed(self) -> Listed[Product]: ...


def asked(body: Callable[[], Any], returns: Any = object, answers: Mapping[str, Any] = ANSWERS) -> Reply:
    """Serve a page, and ask for it once."""
    profile = type("Phone", (ClientProfile,), {"page": endpoint.get("/page")(returning(returns, body))})
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answers[request.url.path]))
    app = BFF(profile, upstreams={Store: {"transport": transport, "retry": None}}, observers=())
    reply = run(get(app, "/page"))
    assert reply is not None
    return reply


def returning(returns: Any, body: Callable[[], Any]) -> Callable[..., Any]:
    def page(self: ClientProfile) -> object:
        return body()

    page.__annotations__["return"] = returns
    return page


class Line(Shape):
    name: str


class Lines(Shape, Generic[P]):
    items: list[P]
    total: int = 0


class Heading(Shape):
    title: str


class FactsLine(Shape):
    color: Color
    size: str
    price: Decimal
    at: datetime
    aware: datetime
    day: date
    took: timedelta
    key: UUID
    count: int
    parsed: list[int]
    pair: tuple[int, str]
    tags: set[str]


class NamedLine(Shape):
    model_config = ConfigDict(alias_generator=to_camel)
    first_name: str
    last_name: str = Field(serialization_alias="surname")
    town: str = Field(validation_alias=AliasPath("home", 0))


class Shown(Shape):
    media: list[Media]


class Level(Shape):
    name: str
    children: "list[Level]"


class Root(RootModel[list[Line]], Shape):  # type: ignore[metaclass,no-untyped-call]
    """Type checkers see a clash of metaclasses that there is none of at run time."""


@derived
def levels(tree: Tree) -> Level:
    return Level(name=tree.name, children=[levels(child) for child in tree.children])


@derived
def size(area: Area) -> int:
    return area.size  # type: ignore[return-value]


@derived
def boxed(product: Product | None) -> Box[Product]:
    return Box(product or Product(id=0, name=""), 3)


@derived
def summed(page: Holding[HasId]) -> int:
    return sum(item.id for item in page.items)


@derived
def first(items: Sequence[P], default: P) -> P:
    return items[0] if items else default


CASES: list[tuple[Any, Any, Callable[[], Any]]] = [
    (list[Line], [{"name": "Lamp"}], lambda: each(Store.page().items, Line.of)),
    (list[int] | None, [2], lambda: each(Store.page().next.items, lambda item: item.id)),  # type: ignore[union-attr]
    (
        Lines[Line],
        {"items": [{"name": "Lamp"}], "total": 1},
        lambda: Lines[Line](items=each(Store.page().items, Line.of), total=Store.page().total),
    ),
    (int, 3, lambda: Store.counted().count),
    (list[str], ["book", "film"], lambda: each(Store.media(), lambda media: media.kind)),
    (list[Heading], [{"title": "Ulysses"}, {"title": "Metropolis"}], lambda: each(Store.media(), Heading.of)),
    (str, "Lili", lambda: Store.song().title),
    (str | None, "b", lambda: Store.tree().children[0].name),
    (
        Level,
        {"name": "b", "children": [{"name": "c", "children": []}]},
        lambda: levels(Store.tree().children[0]),
    ),
    (list[int], [1], lambda: each(Store.ids().root, lambda item: item.id)),
    (str, "s", lambda: Store.stock().sku),
    (str, "top", lambda: Store.parcel().label),
    (int, 1, lambda: Store.box().content.id),
    (str, "red", lambda: Store.extra()["color"]),
    (
        FactsLine,
        {**ANSWERS["/facts"], "took": "PT1M30S", "parsed": [1, 2]},
        lambda: FactsLine.of(Store.facts()),
    ),
    (int, 1, lambda: Store.facts().pair[0]),
    (
        NamedLine,
        {"firstName": "Ada", "surname": "Byron", "town": "London"},
        lambda: NamedLine.of(Store.named()),
    ),
    (int, 6, lambda: size(Store.area())),
    (list[str], ["Lamp"], lambda: each(Store.listed(), lambda item: item.name)),
    (Root, [{"name": "Lamp"}], lambda: Root(each(Store.listed(), Line.of))),
    (Root, [{"name": "Lamp"}], lambda: Root(root=each(Store.listed(), Line.of))),
    (str | None, "Metropolis", lambda: Store.best().title),  # type: ignore[union-attr]
    (str | None, "Metropolis", lambda: Store.either()[0].title),
    (list[str], ["Lamp", "Ulysses"], lambda: [Store.both()[0].name, Store.both()[1].title]),
    (str | None, "Lamp", lambda: Store.pages()["new"].items[0].name),
    (str | None, "Ada", lambda: Store.author().shelf.authors[0].name),  # type: ignore[union-attr]
    (int, 1, lambda: summed(Store.page())),
    (Shown, {"media": [ANSWERS["/media"][0]]}, lambda: Shown(media=Store.books())),
    (Box[Product], {"content": {"id": 1, "name": "Lamp"}, "size": 3}, lambda: boxed(Store.page().items[0])),
    (list[bool], [True, True], lambda: [Store.facts().color == Color.RED, Store.facts().size == "s"]),
    (str, "Lamp", lambda: first(Store.page().items, Store.page().items[0]).name),
]


@pytest.mark.parametrize(("returns", "answer", "body"), CASES)
def test_every_kind(returns: Any, answer: Any, body: Callable[[], Any]) -> None:
    reply = asked(body, returns)
    assert (200, answer) == (reply.status, reply.json())


# What is needed is checked, and nothing else


def answering(path: str, **changed: Any) -> dict[str, Any]:
    return {**ANSWERS, path: {**ANSWERS[path], **changed}}


@pytest.mark.parametrize(
    ("body", "changed", "status"),
    [
        (lambda: Store.facts().color, {"price": "-1", "count": 0}, 200),
        (lambda: Store.facts().price, {"price": "-1"}, 502),
        (lambda: Store.facts().count, {"count": 0}, 502),
        (lambda: Store.facts().aware, {"aware": "2024-01-31T12:00:00"}, 502),
        (lambda: Store.facts().color, {"color": "green"}, 502),
        (lambda: Store.facts().key, {"key": "none"}, 502),
        (lambda: Store.facts().parsed, {"parsed": "[1"}, 502),
        (Store.facts, {"count": 0}, 502),
    ],
)
def test_a_constraint_is_checked_where_its_field_is_needed(
    body: Callable[[], Any], changed: Mapping[str, Any], status: int
) -> None:
    assert status == asked(body, answers=answering("/facts", **changed)).status


class Weighed(Shape):
    weight: float = Field(lt=100)


@pytest.mark.parametrize(("weight", "status"), [(1, 200), (0, 502), (100, 502)])
def test_a_contract_and_a_shape_each_keep_their_own_constraint(weight: float, status: int) -> None:
    answers = answering("/parcel", weight=weight)
    assert status == asked(lambda: Weighed.of(Store.parcel()), Weighed, answers).status


@pytest.mark.parametrize(
    ("body", "decoded", "reasons"),
    [
        (lambda: each(Store.media(), lambda media: media.title), {"[].title"}, ()),
        (
            lambda: Store.song().title,
            {"title"},
            ("Store.song: Film | Song is decoded in full: all of its fields tell which it is",),
        ),
        (lambda: Store.page().items[0].name, {"items[].name"}, ()),
        (lambda: Store.tree().children[0].children[0].name, {"children[].children[].name"}, ()),
        (lambda: Store.box().content.id, {"content.id"}, ()),
        (lambda: Store.extra()["color"], {"color"}, ()),
        (lambda: each(Store.ids().root, lambda item: item.id), {"root[].id"}, ()),
        (lambda: Store.stock().sku, {"sku"}, ()),
        (lambda: first(Store.page().items, Store.page().items[0]).name, {"items[]"}, ()),
    ],
)
def test_what_is_decoded(body: Callable[[], Any], decoded: set[str], reasons: Sequence[str]) -> None:
    plan = planned(body)
    assert (decoded, tuple(reasons)) == ({*plan.calls[0].decoder.fields}, plan.notes)


def planned(body: Callable[[], Any]) -> Plan:
    class Phone(ClientProfile):
        @endpoint.get("/page")
        def page(self) -> object:
            return body()

    return BFF(Phone).plans[0]


class Tagged(BaseModel):
    item: Annotated[
        Annotated[Film, Tag("f")] | Annotated[Song, Tag("s")],
        Discriminator(lambda value: "f" if "minutes" in value else "s"),
    ]


class Checked(BaseModel):
    items: Annotated[list[Product], AfterValidator(list)]


NAMED = Demand(fields={"title": WHOLE, "id": WHOLE})


@pytest.mark.parametrize(
    ("contract", "wanted", "reason"),
    [
        (Tagged, Demand(fields={"item": NAMED}), "Film | Song is decoded in full: it has validators"),
        (
            Checked,
            Demand(fields={"items": Demand(items=NAMED)}),
            "list[Product] is decoded in full: it has validators",
        ),
    ],
)
def test_what_runs_code_of_its_own_is_decoded_in_full(contract: Any, wanted: Demand, reason: str) -> None:
    assert (reason,) == build_decoder(contract, wanted).reasons


def test_a_key_that_need_not_be_there_is_missing_at_run_time_alone() -> None:
    def made() -> int:
        return Store.extra()["made"]  # pyright: ignore[reportTypedDictNotRequiredAccess]

    without = {**ANSWERS, "/extra": {"color": "red"}}
    assert 502 == asked(made, int, without).status
    assert 200 == asked(made, int | None, without).status


def test_what_a_union_has_in_common_has_the_types_of_all() -> None:
    page = endpoint.get("/page")(returning(int, lambda: Store.media()[0].kind))
    with pytest.raises(DeclarationError, match=r"and is `Literal\['book'\] \| Literal\['film'\]`"):
        BFF(type("Phone", (ClientProfile,), {"page": page}))


# The schema of the answer


@pytest.mark.parametrize(
    ("returns", "body", "schema"),
    [
        (
            Lines[Line],
            lambda: Lines[Line](items=each(Store.page().items, Line.of)),
            {
                "items": {"items": {"$ref": "#/components/schemas/Line"}, "title": "Items", "type": "array"},
                "total": {"default": 0, "title": "Total", "type": "integer"},
            },
        ),
        (
            NamedLine,
            lambda: NamedLine.of(Store.named()),
            {
                "firstName": {"title": "Firstname", "type": "string"},
                "surname": {"title": "Surname", "type": "string"},
                "town": {"title": "Town", "type": "string"},
            },
        ),
        (
            Level,
            lambda: levels(Store.tree()),
            {
                "name": {"title": "Name", "type": "string"},
                "children": {"items": {"$ref": "#/components/schemas/Level"}, "title": "Children", "type": "array"},
            },
        ),
    ],
)
def test_openapi_shows_the_answer_as_it_is_sent(returns: Any, body: Callable[[], Any], schema: Any) -> None:
    app = BFF(type("Phone", (ClientProfile,), {"page": endpoint.get("/page")(returning(returns, body))}))
    document = app.openapi()
    shown = document["paths"]["/page"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == document["components"]["schemas"][shown["$ref"].rpartition("/")[2]]["properties"]
