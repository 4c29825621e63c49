"""What a type says besides its values was once lost on the way: when it was narrowed, named, or written as data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypeAliasType, TypedDict

from bff import BFF, ClientProfile, Shape, Upstream, call, derived, endpoint
from bff.declare._types import fits, spell
from bff.plan._codecs import build_decoder
from bff.plan._demand import WHOLE, Demand
from bff.plan._plan import Plan


def wanted(path: str) -> Demand:
    """Need one field, by its path."""
    name, _, rest = path.partition(".")
    return Demand(fields={name: wanted(rest) if rest else WHOLE})


def decoded(tp: Any, path: str, body: bytes) -> Any:
    value = build_decoder(tp, wanted(path)).decode(body)
    for name in path.split("."):
        value = getattr(value, name)
    return value


class Money(BaseModel):
    amount: Decimal
    currency: str


def in_euros(money: Money) -> Money:
    assert money.currency == "EUR"
    return money


class Priced(BaseModel):
    price: Annotated[Money, AfterValidator(in_euros)]


def test_a_validator_in_a_note_gets_all_fields() -> None:
    assert Decimal(1) == decoded(Priced, "price.amount", b'{"price": {"amount": 1, "currency": "EUR"}}')
    with pytest.raises(ValidationError, match="Assertion failed"):
        decoded(Priced, "price.amount", b'{"price": {"amount": 1, "currency": "USD"}}')


class Cat(BaseModel):
    kind: Literal["cat"]
    name: str = "cat"


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = "dog"


Pet = TypeAliasType("Pet", Annotated[Cat | Dog, Field(discriminator="kind")])
Pets = TypeAliasType("Pets", Annotated[list[Cat], Field(min_length=1)])


def test_a_discriminator_behind_an_alias_tells_members_apart() -> None:
    with pytest.raises(ValidationError, match="union_tag_invalid"):
        build_decoder(Pet, wanted("name")).decode(b'{"kind": "bird"}')


def test_a_constraint_behind_an_alias_is_checked() -> None:
    with pytest.raises(ValidationError, match="too_short"):
        build_decoder(Pets, Demand(items=wanted("name"))).decode(b"[]")


class Defaulted(BaseModel):
    number: int = Field(default="7", validate_default=True)
    first: str
    greeting: str = Field(default_factory=lambda data: f"Hello {data['first']}")


def test_a_default_is_what_it_is_in_full() -> None:
    assert 7 == decoded(Defaulted, "number", b"{}")
    assert "Hello Ada" == decoded(Defaulted, "greeting", b'{"first": "Ada"}')


class Person(BaseModel):
    """It has a private attribute, which nothing of the page can read."""

    name: str
    age: int
    _seen: bool = False


def test_a_private_attribute_is_no_reason_to_decode_in_full() -> None:
    assert "Ada" == decoded(Person, "name", b'{"name": "Ada", "age": "unknown"}')


class Bag(BaseModel):
    items: Iterable[int]


def test_the_items_of_an_iterable_are_checked_at_once_and_stay() -> None:
    assert [1, 2] == decoded(Bag, "items", b'{"items": ["1", 2]}')
    with pytest.raises(ValidationError, match="int_parsing"):
        build_decoder(Iterable[int], WHOLE).decode(b'["x"]')


# What fits


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Extra(TypedDict):
    color: str


Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str")


def test_what_is_no_model_meets_no_protocol_and_no_typed_dict() -> None:
    assert not fits(str, Named)
    assert not fits(str, Extra)


def test_a_class_of_pydantic_that_checks_is_what_it_stands_for() -> None:
    assert fits(AwareDatetime, datetime)


def test_an_alias_made_of_itself_has_an_end() -> None:
    assert "dict[str, Json] | list[Json] | str" == spell(Json)
    assert fits(dict[str, Json], Json)
    assert not fits(int, Json)


# Shapes


class Store(Upstream):
    base_url = "http://store.test"

    @call.get("/number")
    def number(self) -> int: ...

    @call.get("/took")
    def took(self) -> timedelta: ...

    @call.get("/title")
    def title(self) -> str: ...


Positive = TypeAliasType("Positive", Annotated[int, Field(gt=0)])


class Sized(TypedDict):
    size: Positive


class Aliased(Shape):
    number: Positive


class Keyed(Shape):
    extra: Sized


class Timed(Shape):
    model_config = ConfigDict(ser_json_timedelta="float")
    took: timedelta


class Loud(Shape):
    model_config = ConfigDict(str_to_upper=True)
    name: str


@derived
def sized(number: int) -> Sized:
    return {"size": number}


def planned(body: Callable[[], Any], returns: Any = object) -> Plan:
    def page(self: ClientProfile) -> object:
        return body()

    page.__annotations__["return"] = returns
    return BFF(type("Phone", (ClientProfile,), {"page": endpoint.get("/page")(page)})).plans[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (lambda: Aliased(number=Store.number()), "`number` has constraints"),
        (lambda: Keyed(extra=sized(Store.number())), "`extra` has constraints"),
        (lambda: Timed(took=Store.took()), "its model_config sets `ser_json_timedelta`"),
        (lambda: Loud(name=Store.title()), "its model_config sets `str_to_upper`"),
    ],
)
def test_a_shape_with_rules_that_are_not_in_its_own_text_is_validated(body: Callable[[], Any], reason: str) -> None:
    (note,) = planned(body).notes
    assert note.endswith(f"is validated by pydantic for every request: {reason}")


# What a subclass adds


@dataclass
class Worker:
    name: str


@dataclass
class Manager(Worker):
    salary: int


class Office(Upstream):
    base_url = "http://office.test"

    @call.get("/manager")
    def manager(self) -> Manager: ...


class Desk(Shape):
    owner: Worker


@pytest.mark.parametrize(
    ("returns", "body", "expected"),
    [
        (Desk, lambda: Desk(owner=Office.manager()), {"owner": {"name": "Ada"}}),
        (Worker, Office.manager, {"name": "Ada"}),
        (list[Worker], lambda: [Office.manager()], [{"name": "Ada"}]),
    ],
)
def test_what_a_dataclass_adds_to_the_one_that_is_declared_is_not_sent(
    returns: Any, body: Callable[[], Any], expected: Any
) -> None:
    answer = planned(body, returns).answer([Manager("Ada", 1)], [None], {}, None, [])
    assert expected == (answer.model_dump() if isinstance(answer, BaseModel) else answer)
