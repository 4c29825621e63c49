"""What fits where, as data: `test_what_fits.py` holds it against the check, mypy and the page in the docs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Protocol, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, PositiveInt, RootModel
from typing_extensions import TypeAliasType, TypedDict
from typing_extensions import TypeVar as TypeVarWithDefault

from bff import Shape

__all__ = [
    "UUID",
    "AbstractSet",
    "Any",
    "AwareDatetime",
    "Collection",
    "Decimal",
    "Iterable",
    "Literal",
    "Mapping",
    "PositiveInt",
    "Sequence",
    "date",
    "datetime",
    "timedelta",
]
"""What the rows name of other modules."""


@dataclass(frozen=True)
class Row:
    """
    A value of one type where another is promised, as Python spells them.

    `why` stands where mypy says something else than the check at start-up.
    """

    source: str
    target: str
    fits: bool
    why: str = ""

    @property
    def mypy(self) -> bool:
        """What mypy says."""
        return self.fits is not bool(self.why)


# The vocabulary: what the page shows, and the file for mypy begins with

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
D = TypeVarWithDefault("D", default=int)

Sku = NewType("Sku", str)
Metres = Annotated[float, "metres"]
Price = TypeAliasType("Price", Decimal)
Pair = TypeAliasType("Pair", tuple[P, P], type_params=(P,))


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Size(StrEnum):
    SMALL = "s"


class Rank(IntEnum):
    FIRST = 1


class Product(BaseModel):
    id: int
    name: str


class Book(Product):
    kind: Literal["book"]
    pages: int


class Film(BaseModel):
    kind: Literal["film"]
    name: str


class Page(BaseModel, Generic[P]):
    items: list[P]


class Books(Page[Book]):
    shelf: str


class Counted(BaseModel, Generic[D]):
    count: D


class Tree(BaseModel):
    name: str
    children: "list[Tree]"


class Ids(RootModel[list[int]]):
    pass


@dataclass
class Stock:
    sku: Sku
    available: int


@dataclass
class Box(Generic[P]):
    content: P


class Extra(TypedDict):
    color: str
    year: NotRequired[int]


class Wider(Extra):
    weight: float


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Holding(Protocol[P_co]):
    @property
    def items(self) -> Sequence[P_co]: ...


class Card(Shape):
    name: str


Media = Annotated[Book | Film, Field(discriminator="kind")]

VOCABULARY = [name for name in [*globals()] if name.isidentifier() and not name.startswith("_")]

WIRE = "on the wire it is not what was promised"
READ = "it is read, never written"
NAMELESS = "a `NewType` leaves no trace at run time"
UNKNOWN = "what nothing is known of may be anything"
LEAK = "its other keys would leave with it"
BARE = "pydantic makes two classes of them: write the parameters"
TEXT = "a text is sent as a text"

SECTIONS: dict[str, list[Row]] = {
    "Numbers, texts and times": [
        Row("int", "int", True),
        Row("int", "float", True),
        Row("float", "int", False),
        Row("bool", "int", False, WIRE),
        Row("bool", "float", False, WIRE),
        Row("int", "bool", False),
        Row("int", "Decimal", False),
        Row("float", "Decimal", False),
        Row("Decimal", "float", False),
        Row("str", "Decimal", False),
        Row("str", "int", False),
        Row("int", "str", False),
        Row("str", "bytes", False),
        Row("datetime", "datetime", True),
        Row("datetime", "date", False, WIRE),
        Row("date", "datetime", False),
        Row("str", "datetime", False),
        Row("timedelta", "float", False),
        Row("timedelta", "timedelta", True),
        Row("UUID", "UUID", True),
        Row("UUID", "str", False),
        Row("str", "UUID", False),
        Row("int", "object", True),
        Row("int", "Any", True),
        Row("Any", "Any", True),
        Row("Any", "int", False, UNKNOWN),
    ],
    "None and unions: every member must fit": [
        Row("int", "int | None", True),
        Row("None", "int | None", True),
        Row("int | None", "int", False),
        Row("int | None", "float | None", True),
        Row("int | str", "int", False),
        Row("int | str", "int | str | None", True),
        Row("int | str", "str | float", True),
        Row("Book | Film", "Named", True),
        Row("Book | Film", "Film | Product", True),
        Row("Book | Film", "Book", False),
        Row("Media", "Book | Film", True),
        Row("Book", "Media", True),
        Row("list[Book] | None", "list[Book]", False),
    ],
    "Enums and literals": [
        Row("Color", "Color", True),
        Row("Color", "str", False),
        Row("str", "Color", False),
        Row("Size", "str", True),
        Row("Rank", "int", True),
        Row("Rank", "float", True),
        Row("int", "Rank", False),
        Row("Literal['a']", "str", True),
        Row("Literal['a']", "Literal['a', 'b']", True),
        Row("Literal['a', 'b']", "Literal['a']", False),
        Row("Literal['a', 1]", "str | int", True),
        Row("Literal[1]", "float", True),
        Row("Literal[1]", "Literal[True]", False),
        Row("Literal[True]", "int", False, WIRE),
        Row("str", "Literal['a']", False),
        Row("Literal[Color.RED]", "Color", True),
        Row("Color", "Literal[Color.RED, Color.BLUE]", True),
        Row("bool", "Literal[True, False]", True),
    ],
    "Names for types": [
        Row("Metres", "float", True),
        Row("float", "Metres", True),
        Row("int", "PositiveInt", True),
        Row("PositiveInt", "int", True),
        Row("AwareDatetime", "datetime", True),
        Row("datetime", "AwareDatetime", True),
        Row("AwareDatetime", "date", False, WIRE),
        Row("Price", "Decimal", True),
        Row("str", "Price", False),
        Row("Pair[int]", "tuple[int, int]", True),
        Row("Pair[int]", "Pair[str]", False),
        Row("Sku", "str", True),
        Row("str", "Sku", True, NAMELESS),
    ],
    "Lists, tuples, sets and mappings": [
        Row("list[int]", "list[int]", True),
        Row("list[int]", "list[float]", True, READ),
        Row("list[int]", "list[int | None]", True, READ),
        Row("list[Book]", "list[Product]", True, READ),
        Row("list[Literal['a']]", "list[str]", True, READ),
        Row("list[bool]", "list[int]", False),
        Row("list[int | None]", "list[int]", False),
        Row("list[int]", "Sequence[int]", True),
        Row("list[Book]", "Sequence[Product]", True),
        Row("list[Book]", "Iterable[Named]", True),
        Row("list[int]", "Collection[int]", True),
        Row("Sequence[int]", "list[int]", False),
        Row("list[int]", "tuple[int, ...]", False),
        Row("tuple[int, ...]", "list[int]", False),
        Row("tuple[int, str]", "tuple[float, str]", True),
        Row("tuple[int, str]", "tuple[int | str, ...]", True),
        Row("tuple[int, str]", "Sequence[int | str]", True),
        Row("tuple[int, str]", "tuple[int]", False),
        Row("tuple[int, ...]", "tuple[int, int]", False),
        Row("str", "Sequence[str]", False, TEXT),
        Row("set[int]", "set[int]", True),
        Row("set[int]", "set[float]", True, READ),
        Row("set[int]", "AbstractSet[int]", True),
        Row("set[int]", "Iterable[int]", True),
        Row("set[int]", "frozenset[int]", False),
        Row("set[int]", "list[int]", False),
        Row("dict[str, int]", "dict[str, float]", True, READ),
        Row("dict[str, int]", "Mapping[str, float]", True),
        Row("dict[int, int]", "dict[str, int]", False),
        Row("Mapping[str, int]", "dict[str, int]", False),
        Row("dict[str, int]", "Iterable[str]", False, "a mapping is sent as an object"),
    ],
    "Models": [
        Row("Product", "Product", True),
        Row("Book", "Product", True),
        Row("Product", "Book", False),
        Row("Product", "Card", False),
        Row("list[Product]", "list[Card]", False),
        Row("Card", "Product", False),
        Row("Product", "Named", True),
        Row("Tree", "Tree", True),
        Row("Tree", "Named", True),
        Row("list[Tree]", "Sequence[Named]", True),
        Row("Ids", "list[int]", False),
        Row("list[int]", "Ids", False),
        Row("Product", "dict[str, object]", False),
        Row("dict[str, str]", "Product", False),
    ],
    "Generic models": [
        Row("Page[Product]", "Page[Product]", True),
        Row("Page[Book]", "Page[Product]", False),
        Row("Page[Product]", "Page[str]", False),
        Row("Page[Product]", "Page[Any]", False, UNKNOWN),
        Row("Books", "Page[Book]", True),
        Row("Books", "Page[Product]", False),
        Row("Page[Book]", "Holding[Book]", True),
        Row("Page[Book]", "Holding[Product]", True),
        Row("Page[Book]", "Holding[str]", False),
        Row("Counted[int]", "Counted[int]", True),
        Row("Counted", "Counted[int]", False, BARE),
        Row("Box[int]", "Box[int]", True),
        Row("Box[int]", "Box[str]", False),
    ],
    "Dataclasses and TypedDicts": [
        Row("Stock", "Stock", True),
        Row("Stock", "Product", False),
        Row("Stock", "Named", False),
        Row("Extra", "Extra", True),
        Row("Extra", "Mapping[str, object]", True),
        Row("Extra", "dict[str, object]", False),
        Row("Wider", "Extra", False, LEAK),
        Row("dict[str, str]", "Extra", False),
    ],
}
