"""An answer is written by msgspec where that gives the bytes that pydantic gives, and the plan says where it is not."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, computed_field, field_serializer
from pydantic_core import PydanticSerializationError
from typing_extensions import TypeAliasType

from bff import BFF, ClientProfile, Shape, Upstream, call, derived, each, endpoint
from bff.plan._codecs import build_decoder
from bff.plan._demand import WRITTEN
from bff.plan._encoding import Encoder, by_msgspec, by_pydantic
from bff.plan._native import is_written_alike

offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
zones = st.none() | st.just(UTC) | offsets
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**64), 2**65),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.sampled_from('"\\/\b\f\n\r\t\x00\x1f\x7f\u2028\u00e9\U0001f600')),
    st.dates(),
    st.datetimes(timezones=zones),
    st.times(timezones=zones),
    st.decimals(),
    st.uuids(),
    st.floats(-1e16, 1e16, exclude_min=True, exclude_max=True),
)
answers = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@settings(max_examples=500)
@given(answers)
def test_what_may_be_written_by_msgspec_is_written_as_pydantic_does(value: object) -> None:
    assert by_pydantic(value) == by_msgspec(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e16, b"1e+16"),
        (b"abc", b'"abc"'),
        (timedelta(hours=1, seconds=1), b'"PT1H1S"'),
        (datetime(2024, 1, 31, tzinfo=timezone(timedelta(seconds=30))), b'"2024-01-31T00:00:00+00:00"'),
    ],
)
def test_msgspec_writes_some_things_in_another_way(value: object, written: bytes) -> None:
    assert written == by_pydantic(value)
    assert written != msgspec.json.encode(value)


class Money(BaseModel):
    amount: Decimal
    currency: str


class Colour(Enum):
    RED = "red"


class Odd(Enum):
    HALF = 0.5


class Loud(BaseModel):
    name: str

    @field_serializer("name")
    def in_capitals(self, name: str) -> str:
        return name.upper()


class Double(BaseModel):
    id: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.id


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int


class Place(BaseModel):
    latitude: float
    longitude: float | None = None
    tags: dict[str, list[float]]


class Thing(BaseModel):
    text: str
    number: int
    ratio: float
    raw: bytes
    day: date
    at: datetime
    lasts: timedelta
    id: UUID
    colour: Colour
    odd: Odd
    kind: Literal["a", 1] | None
    price: Money
    loud: Loud
    double: Double
    open: Open
    place: Place
    some: set[int]
    labels: dict[str, list[Money]]
    anything: Any


class Store(Upstream):
    base_url = "http://store.test"

    @call.get("/thing")
    def thing(self) -> Thing: ...

    @call.get("/things")
    def things(self) -> list[Thing]: ...


class Card(Shape):
    text: str
    at: datetime


@derived
def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def encoder(body: Callable[[], Any]) -> Encoder:
    class Page(ClientProfile):
        @endpoint.get("/page")
        def page(self) -> object:
            return body()

    return BFF(Page, observers=()).plans[0].encoder


WELL_KNOWN = [
    "text",
    "number",
    "day",
    "at",
    "id",
    "colour",
    "kind",
    "price",
    "loud",
    "double",
    "open",
    "place",
    "labels",
]


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_what_is_written_alike_is_written_by_msgspec(name: str) -> None:
    found = encoder(lambda: [getattr(Store.thing(), name)])
    assert ("msgspec", ()) == (found.engine, found.left)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (lambda: [Store.thing().raw], (("[]", "bytes"),)),
        (lambda: Store.thing().lasts, (("*", "timedelta"),)),
        (lambda: Store.thing().odd, (("*", "Odd"),)),
        (lambda: Store.thing().some, (("*", "set[int]"),)),
        (lambda: Store.thing().anything, (("*", "Any"),)),
        (lambda: Card.of(Store.thing(), at=moment(Store.thing().text)), (("at", "datetime"),)),
        (lambda: each(Store.things(), lambda thing: [thing.text, thing.raw]), (("[][]", "bytes"),)),
    ],
)
def test_what_is_not_is_written_by_pydantic_and_the_plan_says_because_of_what(
    body: Callable[[], Any], left: tuple[tuple[str, str], ...]
) -> None:
    found = encoder(body)
    assert ("pydantic", left) == (found.engine, found.left)


class Measured(Shape):
    ratio: float | None
    ratios: list[float] = Field(serialization_alias="all", default=[0.5])
    inner: "Measured | None" = None


@derived
def ratios(ratio: float) -> list[float]:
    return [ratio, ratio]


def measured(thing: Any) -> Any:
    return Measured(ratio=thing.ratio, ratios=ratios(thing.ratio), inner=Measured(ratio=thing.ratio, inner=None))


FLOATS = st.sampled_from([1e16, -1e16, 1.5e300, math.nan, math.inf, 9999999999999998.0, 0.5])


def body_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"ratio": FLOATS | st.none(), "all": st.lists(FLOATS), "inner": inner})


one = encoder(lambda: measured(Store.thing()))
many = encoder(lambda: each(Store.things(), measured))


@given(body_of(st.none() | body_of(st.none())))
def test_large_floats_are_written_by_pydantic_wherever_they_stand(value: dict[str, Any]) -> None:
    assert ("msgspec", "msgspec") == (one.engine, many.engine)
    assert by_pydantic(value) == one.encode(value)
    assert by_pydantic([value, value]) == many.encode([value, value])


class Where(Shape):
    place: Place


class Camel(ClientProfile):
    naming = "camel"

    @endpoint.get("/page")
    def page(self) -> Where:
        return Where(place=Store.thing().place)


def test_those_in_a_model_of_another_spelling_are_too() -> None:
    plan = BFF(Camel, observers=()).plans[0]
    thing = SimpleNamespace(place=Place(latitude=1e16, tags={"a": [1e17]}))
    answer = plan.answer([thing], [None], {}, None, [])
    assert b'{"place":{"latitude":1e+16,"longitude":null,"tags":{"a":[1e+17]}}}' == plan.encoder.encode(answer)


@pytest.mark.parametrize(
    "body",
    [
        b'{"latitude":1e16,"tags":{}}',
        b'{"latitude":-1e300,"tags":{}}',
        b'{"latitude":0.5,"longitude":1e17,"tags":{}}',
        b'{"latitude":0,"tags":{"a":[0.5,1e22]}}',
        b'{"latitude":1e400,"tags":{}}',
        b'{"latitude":9999999999999998.0,"tags":{"a":[1]}}',
    ],
)
def test_a_model_that_is_handed_through_is_written_by_pydantic_where_a_float_of_it_is_large(body: bytes) -> None:
    place = build_decoder(Place, WRITTEN).decode(body)
    assert by_pydantic(Place.model_validate_json(body)) == by_msgspec(place)


def test_a_model_that_writes_itself_is_written_by_itself() -> None:
    value = {"all": [Loud(name="a"), Double(id=1), Open(id=1, more="b")], "place": Place(latitude=1e16, tags={})}  # type: ignore[call-arg]
    expected = (
        b'{"all":[{"name":"A"},{"id":1,"twice":2},{"id":1,"more":"b"}],'
        b'"place":{"latitude":1e+16,"longitude":null,"tags":{}}}'
    )
    assert expected == by_msgspec(value) == by_pydantic(value)


@pytest.mark.parametrize("encode", [by_msgspec, by_pydantic])
def test_what_nobody_can_write_is_told_by_pydantic(encode: Callable[[Any], bytes]) -> None:
    with pytest.raises(PydanticSerializationError):
        encode({"a": object()})


def test_pydantic_writes_what_stands_in_for_a_contract() -> None:
    struct = msgspec.defstruct("Price", [("amount", Decimal, msgspec.field(name="Amount")), ("parts", list[int])])
    assert b'[{"Amount":"1.50","parts":[1]}]' == by_pydantic([struct(amount=Decimal("1.50"), parts=[1])])
    assert by_pydantic([struct(amount=Decimal("1.50"), parts=[1])]) == by_msgspec([struct(Decimal("1.50"), [1])])


Tree = TypeAliasType("Tree", "int | list[Tree]")
Shelf = TypeAliasType("Shelf", "bytes | dict[str, Shelf]")


def test_an_alias_that_is_made_of_itself_is_what_it_holds_in_the_end() -> None:
    assert is_written_alike(Tree)
    assert not is_written_alike(Shelf)
