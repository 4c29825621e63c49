"""Just what is needed is decoded, and it is what decoding everything would give."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
)
from typing_extensions import TypedDict

from bff import BFF, ClientProfile, Shape, Upstream, call, derived, each, endpoint, optional
from bff.declare._types import union
from bff.plan._codecs import Decoder, build_decoder
from bff.plan._demand import WHOLE, Demand
from bff.plan._plan import Plan


class Money(BaseModel):
    amount: Decimal
    currency: str


class Image(BaseModel):
    url: str
    width: int
    alt: str


class Product(BaseModel):
    id: int
    name: str
    price: Money
    images: list[Image]
    labels: dict[str, Image]
    cover: Image | None


class Store(Upstream):
    base_url = "http://store.test"

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...

    @call.get("/products")
    def products(self) -> list[Product]: ...


class Wide(Protocol):
    @property
    def width(self) -> int: ...


class Shown(Protocol):
    @property
    def images(self) -> Sequence[Wide]: ...
    @property
    def name(self) -> str: ...


@derived
def widest(images: Sequence[Wide]) -> int:
    return max((image.width for image in images), default=0)


@derived
def shown(product: Shown) -> str:
    return f"{product.name}: {len(product.images)}"


@derived
def summary(product: Product) -> str:
    return product.name


class Card(Shape):
    name: str
    price: Money


def planned(body: Callable[[], Any]) -> Plan:
    class Page(ClientProfile):
        @endpoint.get("/page")
        def page(self) -> object:
            return body()

    return BFF(Page).plans[0]


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (lambda: Store.product(7).name, {"name"}),
        (lambda: Store.product(7).price, {"price"}),
        (lambda: Store.product(7).price.amount, {"price.amount"}),
        (lambda: Store.product(7).images[0].url, {"images[].url"}),
        (lambda: each(Store.product(7).images[:2], lambda image: image.url), {"images[].url"}),
        (lambda: Store.product(7).labels["new"].url, {"labels[].url"}),
        (lambda: Store.product(7).cover.alt, {"cover.alt"}),  # type: ignore[union-attr]
        (lambda: Card.of(Store.product(7)), {"name", "price"}),
        (lambda: each(Store.products(), Card.of), {"[].name", "[].price"}),
        (lambda: widest(Store.product(7).images), {"images[].width"}),
        (lambda: shown(Store.product(7)), {"images[].width", "name"}),
        (lambda: summary(Store.product(7)), {"*"}),
        (lambda: Store.product(7), {"*"}),
        (lambda: [Store.product(7).name, optional(Store.product(7).id, default=0)], {"name", "id"}),
        (lambda: each(Store.products(), lambda product: widest(product.images)), {"[].images[].width"}),
        (lambda: each(Store.products(), lambda product: 1), set()),
    ],
)
def test_the_fields_that_the_answer_needs_are_decoded(body: Callable[[], Any], decoded: set[str]) -> None:
    found = planned(body).calls[0].decoder.fields
    assert (decoded, len(decoded)) == ({*found}, len(found))


def test_equal_reads_are_one_call_and_unneeded_ones_none() -> None:
    def body() -> Any:
        Store.product(8)
        return [Store.product(7).name, Store.product(product_id=7).id, optional(Store.products()[0].name)]

    assert ["Store.product", "Store.products"] == [call.operation.full_name for call in planned(body).calls]


def test_a_plan_is_frozen() -> None:
    with pytest.raises(AttributeError):
        planned(lambda: Store.product(7).name).steps = ()  # type: ignore[misc]


# Contracts that are decoded in full, and why


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int


class Checked(BaseModel):
    id: int

    @field_validator("id")
    @classmethod
    def is_positive(cls, value: int) -> int:
        assert value > 0
        return value


class Prepared(BaseModel):
    id: int

    def model_post_init(self, context: Any, /) -> None:
        self.id += 1


class Drawn(BaseModel):
    id: int

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(source)


@dataclass
class Counted:
    id: int

    def __post_init__(self) -> None:
        self.id += 1


@dataclass
class Started:
    start: InitVar[int]
    id: int


@dataclass
class Fixed:
    name: str
    id: int = field(default=7, init=False)


class Sealed(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    id: int


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        (Drawn, "it has a schema of its own"),
        (Counted, "it does something of its own when it is built"),
        (Started, "it does something of its own when it is built"),
        (Fixed, "`id` is not read from what is sent"),
        (Sealed, "it forbids fields that it does not know"),
        (Strict, "it forbids fields that it does not know"),
        (Checked, "it has validators"),
        (Prepared, "it does something of its own when it is built"),
    ],
)
def test_what_checks_more_than_its_fields_is_decoded_in_full_and_the_plan_says_so(contract: Any, reason: str) -> None:
    found = build_decoder(list[contract], Demand(items=Demand(fields={"id": WHOLE})))
    assert (f"{contract.__name__} is decoded in full: {reason}",) == found.reasons


def test_the_notes_of_a_plan_name_operation_and_reason() -> None:
    class Odd(Upstream):
        base_url = "http://odd.test"

        @call.get("/strict")
        def strict(self) -> Strict: ...

    plan = planned(lambda: Odd.strict().id)
    assert ("Odd.strict: Strict is decoded in full: it forbids fields that it does not know",) == plan.notes


# Names on the wire, defaults, and what is refused


class Aliased(BaseModel):
    model_config = ConfigDict(alias_generator=lambda name: name.upper())
    id: int
    name: str = Field(alias="title")
    brand: str = Field(default="none", validation_alias=AliasChoices("brand", "make"))
    made: list[int] = Field(default_factory=list[int])


def decoder(tp: Any, *names: str) -> Decoder:
    return build_decoder(tp, Demand(fields=dict.fromkeys(names, WHOLE)))


NAMED: list[tuple[Mapping[str, Any], tuple[Any, ...]]] = [
    ({"ID": 1, "title": "a"}, (1, "a", "none", [])),
    ({"ID": "1", "title": "a", "make": "b", "MADE": ["2"], "other": 1}, (1, "a", "b", [2])),
]


@pytest.mark.parametrize(("body", "values"), NAMED)
def test_names_on_the_wire_and_defaults_are_the_contracts(body: Mapping[str, Any], values: tuple[Any, ...]) -> None:
    found = decoder(Aliased, "id", "name", "brand", "made").decode(json.dumps(body).encode())
    assert values == (found.id, found.name, found.brand, found.made)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id": "x"}', b'{"id": null}', b"{}", b"\xff"])
def test_what_is_not_as_promised_is_refused(body: bytes) -> None:
    with pytest.raises(ValidationError):
        decoder(Product, "id").decode(body)


def test_what_is_not_needed_may_be_anything() -> None:
    assert 7 == decoder(Product, "id").decode(b'{"id": 7, "name": null, "images": "none"}').id


def test_the_body_of_an_answer_without_a_contract_is_not_looked_at() -> None:
    assert build_decoder(None, WHOLE).decode(b"not json") is None


@dataclass
class Parcel:
    id: int
    weight: float


def test_a_dataclass_is_a_contract_too() -> None:
    assert 7 == decoder(Parcel, "id").decode(b'{"id": "7", "weight": "heavy"}').id


BROKEN: Sequence[Any] = [[[]], {"x": {}}, "?"]

# The law: what a narrow decoder gives is what the full one gives

values: Mapping[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-5, 5),
    float: st.sampled_from([0.5, 2.0]),
    str: st.text(max_size=3),
    bool: st.booleans(),
    date: st.just("2024-01-31"),
    Decimal: st.sampled_from(["1.50", 2]),
    Money: st.fixed_dictionaries({"amount": st.just("1.50"), "currency": st.just("EUR")}),
}
kinds = st.sampled_from(sorted(values, key=str))


@st.composite
def contracts(draw: st.DrawFn) -> tuple[type[BaseModel], dict[str, Any], set[str]]:
    """A contract of a few fields, an answer that keeps it, and some of the fields."""
    annotations: dict[str, Any] = {}
    body: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from("abcde"), min_size=1, unique=True)):
        kind = draw(kinds)
        tp, value = kind, draw(values[kind])
        form = draw(st.sampled_from(["plain", "list", "nullable", "dict", "default"]))
        if form == "list":
            tp, value = list.__class_getitem__(kind), draw(st.lists(values[kind], max_size=2))
        elif form == "dict":
            tp, value = dict.__class_getitem__((str, kind)), {"key": value}
        elif form == "nullable":
            tp, value = union((kind, None)), draw(st.none() | st.just(value))
        annotations[name] = (tp, None) if form == "default" else (tp, ...)
        if form != "default" or draw(st.booleans()):
            body[name] = value
    made = create_model("Made", **annotations)
    return made, body, draw(st.sets(st.sampled_from(sorted(annotations)), min_size=1))


@given(contracts(), st.booleans(), st.data())
def test_a_narrow_decoder_gives_what_the_full_one_gives(
    contract: tuple[type[BaseModel], dict[str, Any], set[str]], is_broken: bool, data: st.DataObject
) -> None:
    model, body, names = contract
    if is_broken:
        body = {**body, data.draw(st.sampled_from(sorted(names))): data.draw(st.sampled_from(BROKEN))}
    content = json.dumps(body).encode()
    only = {name: (info.annotation, info) for name, info in model.model_fields.items() if name in names}
    expected = outcome(TypeAdapter(model).validate_json, content, only)
    found = outcome(decoder(model, *names).decode, content, only)
    # A mistake outside of what is needed is none.
    assert found == expected


def outcome(decode: Callable[[bytes], Any], content: bytes, names: Mapping[str, Any]) -> Any:
    try:
        value = decode(content)
    except ValidationError as error:
        return sorted(str(mistake["loc"]) for mistake in error.errors())
    return {name: getattr(value, name) for name in sorted(names)}
