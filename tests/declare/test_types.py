"""What fits where: told by tables, and held against what pydantic accepts as it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from functools import partial
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
)

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypeAliasType, TypedDict

from bff.declare._arithmetic import result_of
from bff.declare._types import (
    fields,
    fits,
    is_nullable,
    listed,
    mapped,
    members,
    protocol_members,
    spell,
    typed_keys,
    union,
    unwrap,
)

T = TypeVar("T")
Metres = Annotated[float, "metres"]
Sku = NewType("Sku", str)
Price = TypeAliasType("Price", Decimal)
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


class Color(Enum):
    RED = "red"


class Size(StrEnum):
    SMALL = "s"


class Rank(IntEnum):
    FIRST = 1


class Product(BaseModel):
    id: int
    name: Annotated[str, Field(min_length=1)]
    weight: float | None


class Book(Product):
    pages: int


class Page(BaseModel, Generic[T]):
    items: list[T]


@dataclass
class Stock:
    sku: "Sku"
    available: int


class Extra(TypedDict):
    color: "str"
    year: NotRequired[int]


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Weighed(Protocol):
    @property
    def weight(self) -> float: ...


FITTING: list[tuple[Any, Any]] = [
    (int, int),
    (int, float),
    (int, int | None),
    (int, Any),
    (int, object),
    (None, int | None),
    (int | None, float | None),
    (Literal[1], int),
    (Literal["a"], Literal["b", "a"]),
    (Literal["a", 1], str | int),
    (Literal[Color.RED], Color),
    (Size, str),
    (Rank, int),
    (Metres, float),
    (float, Metres),
    (Sku, str),
    (str, Sku),
    (Price, Decimal),
    (Pair[int], tuple[int, int]),
    (list[int], list[float]),
    (list[int], Sequence[int]),
    (list[int], Iterable[int | None]),
    (list[Literal[1]], list[int]),
    (tuple[int, str], tuple[float, str]),
    (tuple[int, ...], Sequence[int]),
    (tuple[int, str], tuple[int | str, ...]),
    (dict[str, int], Mapping[str, float]),
    (Book, Product),
    (Book, Named),
    (list[Book], Sequence[Named]),
    (Stock, Stock),
    (Page[int], Page[int]),
]
UNFIT: list[tuple[Any, Any]] = [
    (str, Decimal),
    (float, int),
    (float, Decimal),
    (Decimal, float),
    (int | None, int),
    (int | str, int),
    (bool, int),
    (Literal[True], int),
    (datetime, date),
    (str, Color),
    (Literal["a"], Literal["b"]),
    (Literal[1], Literal[True]),
    (int, Rank),
    (list[int | None], list[int]),
    (Sequence[int], list[int]),
    (list[int], tuple[int, ...]),
    (tuple[int, ...], tuple[int, int]),
    (tuple[int, str], tuple[str, int]),
    (tuple[int, str], tuple[int]),
    (dict[int, int], dict[str, int]),
    (dict[str, int], list[int]),
    (str, list[str]),
    (Product, Book),
    (Product, Stock),
    (Product, Weighed),
    (Stock, Named),
    (Any, int),
    (Page[int], Page[str]),
]


@pytest.mark.parametrize(("source", "target"), FITTING, ids=str)
def test_what_fits(source: Any, target: Any) -> None:
    assert fits(source, target)


@pytest.mark.parametrize(("source", "target"), UNFIT, ids=str)
def test_what_does_not_fit(source: Any, target: Any) -> None:
    assert not fits(source, target)


SCALARS: list[Any] = [
    int,
    float,
    str,
    bool,
    type(None),
    Decimal,
    date,
    datetime,
    Color,
    Size,
    Literal[1],
    Literal["a", "b"],
]
types = st.recursive(
    st.sampled_from([*SCALARS, Metres, Sku, Price]),
    lambda inner: st.one_of(
        inner.map(listed),
        inner.map(lambda tp: mapped(str, tp)),
        st.tuples(inner, inner).map(tuple.__class_getitem__),
        st.lists(inner, min_size=1, max_size=3).map(union),
    ),
    max_leaves=4,
)


@given(types)
def test_every_type_fits_itself_and_what_may_be_none_besides(tp: Any) -> None:
    assert fits(tp, tp)
    assert fits(tp, union((tp, None)))


@given(types, types, types)
def test_what_fits_into_what_fits_does_fit(first: Any, second: Any, third: Any) -> None:
    assert not (fits(first, second) and fits(second, third)) or fits(first, third)


@given(types, types)
def test_both_parts_of_a_union_fit_it(first: Any, second: Any) -> None:
    both = union((first, second))
    assert fits(first, both)
    assert fits(second, both)
    assert is_nullable(both) == (is_nullable(first) or is_nullable(second))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data(), types, types)
def test_a_value_of_a_type_that_fits_is_accepted_as_it_is(data: st.DataObject, source: Any, other: Any) -> None:
    """Strict pydantic parses nothing: what it takes for a type is of this type."""
    target = data.draw(st.sampled_from([other, union((source, other)), union((source, None))]))
    if fits(source, target):
        value = data.draw(values_of(source))
        accepted = TypeAdapter[Any](target).validate_python(value, strict=True)
        assert accepted == value


def values_of(tp: Any) -> st.SearchStrategy[Any]:
    tp = unwrap(tp)
    if len(members(tp)) > 1:
        return st.one_of(*map(values_of, members(tp)))
    kinds: dict[Any, Callable[..., st.SearchStrategy[Any]]] = {
        list: partial(st.lists, max_size=2),
        dict: partial(st.dictionaries, max_size=2),
        tuple: st.tuples,
        float: lambda: st.floats(allow_nan=False),
        Decimal: lambda: st.decimals(allow_nan=False, allow_infinity=False),
    }
    kind = kinds.get(get_origin(tp) or tp)
    return kind(*map(values_of, get_args(tp))) if kind else st.from_type(tp)


NUMBERS = st.one_of(st.integers(-5, 5), st.booleans(), st.sampled_from([0.5, 2.0]), st.sampled_from([Decimal(2)]))
OTHERS = st.sampled_from(["", "a", date(2024, 1, 1), datetime(2024, 1, 1), timedelta(1), [1], ["a"], None, Color.RED])  # noqa: DTZ001


@given(st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "<=", ">", ">=", "==", "!="]), NUMBERS | OTHERS, NUMBERS)
def test_the_type_of_a_result_is_the_type_of_the_result(operator: str, left: Any, right: Any) -> None:
    tp = result_of(operator, type_of(left), type_of(right))
    if tp is not None and (right or operator not in {"/", "//", "%"}):
        value = eval(f"left {operator} right", {"left": left, "right": right})
        TypeAdapter[Any](tp).validate_python(value, strict=True)


def type_of(value: Any) -> Any:
    kinds: dict[str, Any] = {"[1]": list[int], "['a']": list[str]}
    return kinds.get(repr(value), type(value))


@pytest.mark.parametrize(
    ("operator", "left", "right", "result"),
    [
        ("+", int, int, int),
        ("+", int, float, float),
        ("/", int, int, float),
        ("*", Decimal, int, Decimal),
        ("*", Decimal, float, None),
        ("+", str, str, str),
        ("+", str, int, None),
        ("*", str, int, None),
        ("+", list[int], list[str], list[int | str]),
        ("-", datetime, datetime, timedelta),
        ("+", date, timedelta, date),
        ("+", Literal[1], Literal[2], int),
        ("+", Size, str, str),
        ("<", int, Decimal, bool),
        ("<", str, int, None),
        ("<", Product, Product, None),
        ("==", Product, Book, bool),
        ("==", int, str, None),
        ("==", Literal["a"], str, bool),
        ("&", bool, bool, bool),
        ("&", bool, str, None),
        ("+", int | str, int, None),
        ("+", int | float, int, int | float),
    ],
)
def test_what_an_operator_gives(operator: str, left: Any, right: Any, result: Any) -> None:
    assert result == result_of(operator, left, right)


def test_fields_are_known_of_models_and_dataclasses_written_as_text_too() -> None:
    assert {"id": int, "name": str, "weight": float | None} == dict(fields(Product))
    assert {"sku": Sku, "available": int} == dict(fields(Stock))
    assert {"color": str, "year": int} == typed_keys(Extra)
    assert {"name": str} == protocol_members(Named)


@pytest.mark.parametrize(
    ("tp", "text"),
    [
        (None, "None"),
        (Product, "Product"),
        (int | None, "int | None"),
        (list[Product | None], "list[Product | None]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Metres, "float"),
        (dict[str, Any], "dict[str, Any]"),
        (Any, "Any"),
    ],
)
def test_a_type_is_spelled_as_it_is_written(tp: Any, text: str) -> None:
    assert text == spell(tp)


def test_a_union_leaves_out_what_adds_nothing() -> None:
    assert list[int] == union((list[int], listed(union(()))))
    assert (int,) == members(union((int, int)))


def test_types_that_are_equal_and_written_otherwise_are_told_apart() -> None:
    """What is known of a type is remembered, and `int | str` equals `str | int`."""
    assert ["int | str", "str | int"] == [spell(tp) for tp in (int | str, str | int)]
    assert [(int, str), (str, int)] == [members(tp) for tp in (int | str, str | int)]
    assert ["Literal['b', 'a']"] == [spell(part) for part in members(Literal["b", "a"])]
