"""Contracts of all kinds, and bodies for them as upstreams might spell them: well, oddly, and wrongly."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType, cast
from uuid import UUID

from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    PastDate,
    RootModel,
    computed_field,
    create_model,
    field_validator,
)
from typing_extensions import TypedDict

from bff.declare._types import listed, mapped, union
from bff.plan._demand import WHOLE, WRITTEN, Demand
from tests.support.spellings import ANYTHING, DECIMALS, IDS, INTEGERS, REST, SKIPPED, TEXTS, TIMES, USUAL_TEXTS

_numbers = itertools.count()


class Colour(Enum):
    RED = "red"
    BLUE = "b\u00e9"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Odd(Enum):
    HALF = 0.5
    TEXT = "text"


class Forgiving(Enum):
    KNOWN = "known"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "Forgiving":
        return cls.UNKNOWN


class Tree(BaseModel):
    label: str
    children: "list[Tree]" = Field(default_factory=list["Tree"])


class Counted(BaseModel):
    id: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.id


class Checked(BaseModel):
    id: int

    @field_validator("id")
    @classmethod
    def is_more(cls, value: int) -> int:
        return value + 1


class Book(BaseModel):
    kind: Literal["book"]
    pages: int


class Film(BaseModel):
    kind: Literal["film"]
    minutes: float


class Names(RootModel[list[str]]):
    pass


class Keyed(TypedDict):
    id: int


Sku = NewType("Sku", str)


@dataclass(frozen=True)
class Kind:
    """A type, how its values are spelled in JSON, and what may be needed of them."""

    tp: Any
    texts: st.SearchStrategy[str]
    demands: st.SearchStrategy[Demand] = field(default_factory=lambda: st.sampled_from([WHOLE, WRITTEN]))


def leaf(tp: Any, *usual: Sequence[str]) -> Kind:
    mostly = st.sampled_from([text for texts in usual for text in texts])
    return Kind(tp, st.integers(0, 40).flatmap(lambda dice: mostly if dice else ANYTHING))


def among(*values: str) -> list[str]:
    return [*values]


PLAIN = [
    leaf(str, USUAL_TEXTS),
    leaf(int, INTEGERS[:7]),
    leaf(float, [*INTEGERS[:10], "0.1", "1e30", "5e-324", "1e400", "9" * 309]),
    leaf(bool, among("true", "false")),
    leaf(date, TIMES[:2]),
    leaf(datetime, TIMES[2:5]),
    leaf(Decimal, DECIMALS[:3]),
    leaf(UUID, IDS[:2]),
    leaf(Colour, among('"red"', '"b\u00e9"', '"b\\u00e9"')),
    leaf(Size, among("1", "2")),
    leaf(Literal["a", "book", "\u00e9"], among('"a"', '"book"', '"\\u0061"')),
    leaf(Literal[1, 2], among("1", "2")),
    leaf(Sku, USUAL_TEXTS),
]
LEAVES = [
    leaf(str, TEXTS),
    leaf(int, INTEGERS),
    leaf(float, INTEGERS),
    leaf(bool, among("true", "false", "1", "0", '"true"', '"yes"', '"f"', "1.0", "2")),
    leaf(type(None), among("null", "null", "0", '""')),
    leaf(date, TIMES),
    leaf(date, TIMES[:1]),
    leaf(datetime, TIMES),
    leaf(time, TIMES),
    leaf(timedelta, TIMES),
    leaf(Decimal, DECIMALS),
    leaf(Decimal, INTEGERS),
    leaf(UUID, IDS),
    leaf(bytes, TEXTS),
    leaf(HttpUrl, TEXTS),
    leaf(Any, INTEGERS, TEXTS, REST),
    leaf(Colour, among('"red"', '"b\u00e9"', '"b\\u00e9"', '"RED"')),
    leaf(Size, among("1", "2", "1.0", '"1"', "true", "3", "-0")),
    leaf(Odd, among("0.5", '"text"')),
    leaf(Forgiving, among('"known"', '"strange"', "1")),
    leaf(Literal["a", "book", "\u00e9"], among('"a"', '"book"', '"\\u0061"', '"x"')),
    leaf(Literal[1, 2], among("1", "2", "1.0", "true", '"1"')),
    leaf(Literal[1, "1", "a"], among("1", '"1"', "1.0", '"a"')),
    leaf(Literal[True, "a"], among("true", '"a"', "1")),
    leaf(Literal["a"] | None, among('"a"', "null")),
    leaf(union((int, str)), INTEGERS, TEXTS),
    leaf(union((int, float)), INTEGERS),
    leaf(union((date, str)), TIMES),
    leaf(Sku, TEXTS),
    leaf(Annotated[int, Field(ge=1)], INTEGERS),
    leaf(Annotated[int, Field(strict=True)], INTEGERS),
    leaf(Annotated[str, Field(max_length=2, pattern="a")], TEXTS),
    leaf(Annotated[int, AfterValidator(lambda value: value + 1)], INTEGERS),
    leaf(Annotated[str, "a remark"], TEXTS),
    leaf(AwareDatetime, TIMES),
    leaf(PastDate, TIMES),
    leaf(Names, among('["a"]', "[]", "[1]", '"a"')),
    leaf(Keyed, among('{"id":1}', '{"id":"1"}', "{}")),
    leaf(Counted, among('{"id":1}', "{}")),
    leaf(Checked, among('{"id":1}', '{"id":"1"}')),
    leaf(Tree, among('{"label":"a"}', '{"label":"a","children":[{"label":"b"}]}')),
    leaf(union((Book, Film)), among('{"kind":"book","pages":1}', '{"kind":"film","minutes":1}')),
    leaf(
        Annotated[union((Book, Film)), Field(discriminator="kind")], among('{"kind":"book","pages":1}', '{"kind":"x"}')
    ),
    leaf(dict[int, str], among('{"1":"a"}', '{"a":"a"}')),
    leaf(set[int], among("[1,2,1]", "[]")),
    leaf(list, among("[1]", "[]")),
]
SPACE = st.sampled_from(["", "", "", " ", "\n\t", "\r\n "])


def sequence(tp: Any) -> Any:
    """Return the type of a sequence of such items."""
    return cast("Any", Sequence)[tp]


@st.composite
def containers(draw: st.DrawFn, inner: Kind) -> Kind:
    items = st.lists(inner.texts, max_size=2).map(lambda texts: f"[{','.join(texts)}]")
    keys = st.sampled_from(['"a"', '"b"', '"\\u0061"', '""', '"\\ud800"'])
    pairs = st.lists(st.tuples(keys, inner.texts).map(":".join), max_size=3).map(lambda texts: f"{{{','.join(texts)}}}")
    of_items = st.sampled_from([WHOLE, WRITTEN]) | inner.demands.map(lambda demand: Demand(items=demand))
    kinds = [
        Kind(listed(inner.tp), items, of_items),
        Kind(sequence(inner.tp), items, of_items),
        Kind(tuple.__class_getitem__((inner.tp, ...)), items, of_items),
        Kind(tuple.__class_getitem__((inner.tp, inner.tp)), items, of_items),
        Kind(mapped(str, inner.tp), pairs, of_items),
        Kind(union((inner.tp, None)), inner.texts | st.just("null"), inner.demands),
    ]
    return draw(st.sampled_from(kinds))


CONFIGS: list[ConfigDict] = [
    *([ConfigDict()] * 90),
    ConfigDict(frozen=True),
    ConfigDict(extra="allow"),
    ConfigDict(extra="forbid"),
    ConfigDict(populate_by_name=True),
    ConfigDict(strict=True),
    ConfigDict(str_strip_whitespace=True),
    ConfigDict(use_enum_values=True),
    ConfigDict(coerce_numbers_to_str=True),
    ConfigDict(allow_inf_nan=False),
    ConfigDict(ser_json_timedelta="float"),
    ConfigDict(alias_generator=lambda name: name.upper()),
    ConfigDict(validate_default=True),
]
ALIASES: list[tuple[str, ...]] = [*([()] * 60), ("other",), ("other",), ("\u00e9",), ("one", "two"), ("in", "to")]
SETTLED: list[Any] = [None, 7, "text", 0.5, date(2024, 1, 31), Decimal("1.50"), Colour.RED, [], {}, [1]]
DEFAULTS: list[dict[str, Any]] = [
    *([{}] * 120),
    *({"default": value} for value in SETTLED),
    *[{"default_factory": made} for made in (list, dict, lambda: 7)],
    {"default": "x", "exclude": True},
    {"default": 1, "serialization_alias": "written"},
]


@st.composite
def models(draw: st.DrawFn, inner: st.SearchStrategy[Kind]) -> Kind:
    """A model, or sometimes a dataclass, of up to four fields."""
    kinds = draw(st.dictionaries(st.sampled_from("abcd"), inner, max_size=4))
    keys, declared = dict[str, str](), dict[str, Any]()
    config = draw(st.sampled_from(CONFIGS))
    for name, kind in kinds.items():
        alias, options = draw(st.sampled_from(ALIASES)), dict[str, Any](draw(st.sampled_from(DEFAULTS)))
        if len(alias) == 1:
            options["alias"] = alias[0] + name
        elif alias:
            options["validation_alias"] = AliasPath(*alias) if alias[0] == "in" else AliasChoices(*alias)
        generator = config.get("alias_generator")
        keys[name] = options.get("alias", alias[0] if alias else name.upper() if generator else name)
        declared[name] = (kind.tp, Field(**options))
    label = f"Made{next(_numbers)}"
    if draw(st.integers(0, 5)):
        made: Any = create_model(label, __config__=config, **declared)
    else:
        made = make_dataclass(label, [(name, kind.tp) for name, kind in kinds.items()])
        keys = {name: name for name in kinds}
    parts = {name: kind.demands for name, kind in kinds.items()}
    some = st.fixed_dictionaries({}, optional=parts).map(lambda chosen: Demand(fields=chosen))
    return Kind(
        made,
        objects(kinds, keys),
        st.one_of(st.sampled_from([WHOLE, WRITTEN, WRITTEN]), some, some, some.map(written_with)),
    )


def written_with(demand: Demand) -> Demand:
    """What is written whole, and read in part."""
    return WRITTEN.merged(demand)


@st.composite
def objects(draw: st.DrawFn, kinds: dict[str, Kind], keys: dict[str, str]) -> str:
    """A body for a model: fields in any order, some missing, twice, under another name, or unknown."""
    pairs = [(keys[name], draw(kind.texts)) for name, kind in kinds.items() if draw(st.integers(0, 19))]
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        key = draw(st.sampled_from([*keys.values(), *kinds, "x", "two", "\\u0061"]))
        pairs.append((key, draw(SKIPPED | SKIPPED | SKIPPED | ANYTHING)))
    if draw(st.booleans()):
        pairs = draw(st.permutations(pairs))
    space = draw(SPACE)
    members = f"{space},{space}".join(f'"{key}"{space}:{space}{text}' for key, text in pairs)
    return f"{{{space}{members}{space}}}{space}"


leaves = st.integers(0, 4).flatmap(lambda dice: st.sampled_from(PLAIN if dice else LEAVES))
kinds = models(st.recursive(leaves, lambda inner: inner.flatmap(containers) | models(inner), max_leaves=4))

SPLINTERS = [
    b"\xff",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b'"',
    b"\\",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"0",
    b"-",
    b"e",
    b" ",
    b"\x0b",
    b"\x00",
    b"null",
]


@st.composite
def bodies(draw: st.DrawFn, kind: Kind) -> bytes:
    """A body for a kind of value, sometimes with a splinter in it."""
    content = draw(kind.texts).encode()
    match draw(st.integers(0, 7)):
        case 0:
            at = draw(st.integers(0, len(content)))
            return content[:at] + draw(st.sampled_from(SPLINTERS)) + content[at + draw(st.integers(0, 2)) :]
        case 1:
            return (
                draw(st.sampled_from([b"\xef\xbb\xbf", b" ", b"\x0c", b""]))
                + content
                + draw(st.sampled_from([b"", b"\n", b"x", b"\x00", b"{}"]))
            )
        case _:
            return content
