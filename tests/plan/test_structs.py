"""Of a contract msgspec reads what it reads as pydantic does; a plan says what is left to pydantic, and why."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Protocol, TypeVar

import pytest
from msgspec import Struct
from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
)
from typing_extensions import TypeAliasType, TypedDict

from bff import BFF, ClientProfile, Shape, Upstream, call, derived, each, endpoint, present
from bff.plan._codecs import Decoder, build_decoder
from bff.plan._demand import WHOLE, WRITTEN, Demand
from bff.plan._plan import Plan

READ = Demand(fields={"id": WHOLE})
Left = tuple[tuple[str, str], ...]

Sku = NewType("Sku", str)
Alias = TypeAliasType("Alias", int)


class Colour(Enum):
    RED = "red"


class Money(BaseModel):
    amount: Decimal
    currency: str


def model(tp: Any, default: Any = ..., **config: Any) -> Any:
    """Return a contract with one field."""
    declared: dict[str, Any] = {"id": (tp, default), "__config__": config}
    return create_model("Made", **declared)


@pytest.mark.parametrize(
    "tp",
    [
        *(str, int, float, bool, None, int | None, Colour, Literal["a", 1], Sku, Annotated[int, "metres"]),
        *(list[int], Sequence[str], tuple[int, str], tuple[int, ...], dict[str, list[float | None]]),
    ],
)
def test_what_msgspec_reads_alike_is_read_by_it(tp: Any) -> None:
    found = build_decoder(model(tp), READ)
    assert ("msgspec", ()) == (found.engine, found.left)


@pytest.mark.parametrize(
    ("tp", "why"),
    [
        (Decimal, "Decimal"),
        (datetime | None, "datetime | None"),
        (bytes, "bytes"),
        (int | str, "int | str"),
        (set[int], "set[int]"),
        (dict[int, str], "dict[int, str]"),
        (Literal[True], "Literal[True]"),
        (Any, "Any"),
        (Alias, "int"),
        (AwareDatetime, "datetime"),
        (Annotated[list[int], Field(max_length=3)], "list[int] with constraints"),
        (Money, "Money: all of it is handed on"),
        (list[Money], "Money: all of it is handed on"),
    ],
)
def test_what_it_would_read_in_another_way_is_left_to_pydantic_part_by_part(tp: Any, why: str) -> None:
    found = build_decoder(model(tp), READ)
    assert ("msgspec", (("id", why),)) == (found.engine, found.left)


class Checked(BaseModel):
    id: int

    @field_validator("id")
    @classmethod
    def is_positive(cls, value: int) -> int:
        return abs(value)


class Tree(BaseModel):
    id: int
    children: "list[Tree]"


class Mixed(Enum):
    """Msgspec takes an enum of texts, or of numbers."""

    ONE = 1
    TEXT = "text"


class Several(BaseModel):
    id: int = Field(validation_alias=AliasChoices("id", "no"))


class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    id: int = Field(alias="no")


class Keyed(TypedDict):
    id: int


class Root(RootModel[int]):
    pass


@dataclass
class Parcel:
    id: int


@pytest.mark.parametrize(
    ("contract", "demand", "why"),
    [
        (Money, WHOLE, "Money: all of it is handed on"),
        (Checked, READ, "Checked: it has validators"),
        (Tree, WRITTEN, ""),
        (Several, READ, "Several: `id` is read from under several names"),
        (Named, READ, "Named: `id` is read from under several names"),
        (Keyed, READ, "Keyed: it is a TypedDict"),
        (Root, Demand(fields={"root": WHOLE}), "Root: it is a RootModel"),
        (Parcel, READ, ""),
        (Parcel, WRITTEN, "Parcel: it is a dataclass"),
        (model(int, strict=True), READ, "Made: its model_config sets `strict`"),
        (model(int, [1]), READ, "Made: `id` has a default that could be changed"),
        (model(int, extra="allow"), READ, ""),
        (model(int, extra="allow"), WRITTEN, "Made: it keeps fields that it does not know"),
        (model(bytes), WRITTEN, "Made: msgspec would write `id` in another way"),
    ],
)
def test_a_contract_as_a_whole_may_be_pydantics(contract: Any, demand: Demand, why: str) -> None:
    found = build_decoder(contract, demand)
    expected = ("pydantic", (("*", why),)) if why else "msgspec"
    assert expected == ((found.engine, found.left) if why else found.engine)


def test_what_contains_itself_is_left_to_pydantic_from_there_on() -> None:
    found = build_decoder(Tree, WRITTEN)
    assert (("children", "Tree: it is made of itself"),) == found.left
    tree = found.decode(b'{"id":1,"children":[{"id":2,"children":[]}]}')
    assert [Tree(id=2, children=[])] == tree.children


@pytest.mark.parametrize(("tp", "engine"), [(Mixed, "msgspec"), (list[Mixed], "msgspec"), (Literal[2**70], "pydantic")])
def test_what_msgspec_knows_nothing_of_is_pydantics(tp: Any, engine: str) -> None:
    found = build_decoder(model(tp), READ)
    assert (engine, 1) == (found.engine, len(found.left))
    for value in (1, "text", 2**70, [1, "text"]):
        expected = outcome(TypeAdapter[Any](tp).validate_json, json.dumps(value).encode())
        assert expected == outcome(lambda content: found.decode(content).id, json.dumps({"id": value}).encode())


def outcome(decode: Callable[[bytes], Any], content: bytes) -> Any:
    try:
        return decode(content)
    except ValidationError as error:
        return [mistake["type"] for mistake in error.errors()]


def test_an_answer_that_is_nothing_is_read_by_nobody() -> None:
    assert "" == build_decoder(None, WHOLE).engine


def test_defaults_are_those_of_the_contract_and_never_shared() -> None:
    class Card(BaseModel):
        model_config = ConfigDict(frozen=True)
        name: str = "none"
        tags: list[str] = []
        labels: dict[str, str] = Field(default_factory=dict[str, str])
        price: Decimal | None = None
        paid: Decimal = Field(alias="Paid")

    found = build_decoder(Card, WRITTEN)
    one, other = found.decode(b'{"Paid":"1.5"}'), found.decode(b'{"Paid":2,"name":"a"}')
    assert ("none", [], {}, None, Decimal("1.5")) == (one.name, one.tags, one.labels, one.price, one.paid)
    assert issubclass(type(one), Struct)
    assert one.tags is not found.decode(b'{"Paid":"1.5"}').tags
    assert Card(name="a", Paid=Decimal(2)) == other  # a number is no text: pydantic has the last word


def test_pydantic_is_asked_at_once_where_msgspec_accepts_nothing() -> None:
    found = build_decoder(Money, WRITTEN)
    lax, well = b'{"amount":1,"currency":"EUR"}', b'{"amount":"1","currency":"EUR"}'
    assert isinstance(found.decode(well), Struct)
    for _ in range(8):
        assert isinstance(found.decode(lax), Money)
    kinds: list[type] = [type(found.decode(well)) for _ in range(60)]
    assert Money is kinds[0]
    assert Money is not kinds[-1]  # it is tried again after a while


# What a function lets through


class Image(BaseModel):
    url: str
    width: int
    alt: str


class Album(BaseModel):
    id: int
    cover: Image | None
    images: list[Image]


class Photos(Upstream):
    base_url = "http://photos.test"

    @call.get("/album")
    def album(self) -> Album: ...


class Sized(Protocol):
    @property
    def width(self) -> int: ...


T = TypeVar("T")
S = TypeVar("S", bound=Sized)
M = TypeVar("M", bound=Image)


@derived
def wide(images: Sequence[S]) -> list[S]:
    return [image for image in images if image.width > 1]


@derived
def either(one: S | None, others: Sequence[S]) -> S | None:
    return one or next(iter(others), None)


@derived
def by_width(images: Sequence[S]) -> dict[str, S]:
    return {str(image.width): image for image in images}


@derived
def backwards(images: Sequence[T]) -> list[T]:
    return [*reversed(images)]


@derived
def checked(images: Sequence[M]) -> list[M]:
    return [*images]


class Picture(Shape):
    url: str


class Gallery(Shape):
    images: list[Image]


def planned(body: Callable[[], Any]) -> Plan:
    class Page(ClientProfile):
        @endpoint.get("/page")
        def page(self) -> object:
            return body()

    return BFF(Page, observers=()).plans[0]


EITHER = {"cover.url", "cover.width", "images[].url", "images[].width"}


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (lambda: each(wide(Photos.album().images), Picture.of), {"images[].url", "images[].width"}),
        (lambda: wide(wide(Photos.album().images))[0].alt, {"images[].alt", "images[].width"}),
        (lambda: present(either(Photos.album().cover, Photos.album().images)).url, EITHER),
        (lambda: wide(Photos.album().images), {"images[]"}),
        (lambda: by_width(Photos.album().images)["7"].url, {"images[]"}),
        (lambda: backwards(Photos.album().images)[0].url, {"images[]"}),
        (lambda: checked(Photos.album().images)[0].url, {"images[]"}),
    ],
)
def test_a_function_that_lets_through_whatever_has_some_fields_asks_for_these(
    body: Callable[[], Any], decoded: set[str]
) -> None:
    assert decoded == {*planned(body).calls[0].decoder.fields}


CONTENT = b'{"id":1,"cover":null,"images":[{"url":"a","width":7,"alt":"b"}]}'


def read_from(body: Callable[[], Any]) -> Any:
    return planned(body).calls[0].decoder.decode(CONTENT).images[0]


@pytest.mark.parametrize(
    "body",
    [
        lambda: backwards(Photos.album().images)[0].url,
        lambda: checked(Photos.album().images)[0].url,
        lambda: by_width(Photos.album().images)["7"].url,
        lambda: [Photos.album().images, checked(Photos.album().images)],
    ],
)
def test_a_function_that_may_look_at_all_of_it_gets_the_contracts_own(body: Callable[[], Any]) -> None:
    assert Image(url="a", width=7, alt="b") == read_from(body)


def test_what_the_encoder_alone_gets_is_no_model_and_written_like_one() -> None:
    plan = planned(lambda: Gallery.of(Photos.album()))
    assert isinstance(plan.calls[0].decoder.decode(CONTENT).images[0], Struct)
    album = plan.calls[0].decoder.decode(CONTENT)
    answer = plan.answer([album], [None], {}, None, [])
    assert b'{"images":[{"url":"a","width":7,"alt":"b"}]}' == plan.encoder.encode(answer)


def test_a_client_with_another_spelling_has_its_models_written_by_pydantic() -> None:
    class Camel(ClientProfile):
        naming = "camel"

        @endpoint.get("/page")
        def page(self) -> Gallery:
            return Gallery.of(Photos.album())

    decoder: Decoder = BFF(Camel, observers=()).plans[0].calls[0].decoder
    assert Image(url="a", width=7, alt="b") == decoder.decode(CONTENT).images[0]
