"""How a client wants its answers written: camel case, without what is `None`, lists no longer than it takes."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

import httpx
import pytest
from pydantic import BaseModel, Field, computed_field
from pydantic.alias_generators import to_snake
from typing_extensions import TypedDict

from bff import BFF, ClientProfile, Shape, Upstream, call, derived, each, endpoint, optional, or_else
from tests.support.http import fetch


class Money(BaseModel):
    in_cents: int
    currency_code: str | None = None


class Part(BaseModel):
    part_number: str
    unit_price: Money
    named_by: str = Field(default="us", alias="NamedBy")


class Item(BaseModel):
    item_id: int
    long_name: str
    unit_price: Money
    main_part: Part | None = None
    all_parts: list[Part]
    by_colour: dict[str, int]


ITEM = {
    "item_id": 7,
    "long_name": "Lamp",
    "unit_price": {"in_cents": 1999},
    "all_parts": [{"part_number": "a1", "unit_price": {"in_cents": 1, "currency_code": "EUR"}, "NamedBy": "you"}],
    "by_colour": {"dark_red": 3},
}


class Items(Upstream):
    base_url = "http://items.test"

    @call.get("/items/{item_id}")
    def item(self, item_id: int) -> Item: ...

    @call.get("/stock/{item_id}")
    def stock(self, item_id: int) -> int: ...


class PartLine(Shape):
    part_number: str
    unit_price: Money


class Card(Shape):
    item_id: int
    long_name: str = Field(serialization_alias="LABEL")
    unit_price: Money
    in_stock: bool | None
    main_part: Part | None
    part_lines: list[PartLine]
    by_colour: dict[str, int]
    page_size: int = 20


class Checked(Shape):
    """Validated by pydantic, for it has a rule."""

    item_id: int
    long_name: Annotated[str, Field(min_length=2)]
    main_part: Part | None

    @computed_field
    def name_length(self) -> int:
        return len(self.long_name)


class Tree(Shape):
    tree_name: str
    sub_trees: list["Tree"] = Field(default=[])


@dataclasses.dataclass
class Size:
    in_metres: float
    exact_value: Decimal | None = None


class Extra(TypedDict):
    sold_by: str


class Odd(Shape):
    the_size: Size
    the_extra: Extra


@derived
def sized(name: str) -> Size:
    return Size(1.5)


@derived
def extra(name: str) -> Extra:
    return {"sold_by": name}


class Snake(ClientProfile):
    @endpoint.get("/card/{item_id}")
    def card(self, item_id: int) -> Card:
        item = Items.item(item_id)
        lines = each(item.all_parts, PartLine.of)
        return Card.of(item, in_stock=optional(Items.stock(item_id)) > 0, part_lines=lines)

    @endpoint.get("/checked/{item_id}")
    def checked(self, item_id: int) -> list[Checked]:
        return [Checked.of(Items.item(item_id))]

    @endpoint.get("/item/{item_id}")
    def item(self, item_id: int) -> Item:
        return Items.item(item_id)

    @endpoint.get("/parts/{item_id}")
    def parts(self, item_id: int) -> list[Part | PartLine]:
        item = Items.item(item_id)
        return [item.all_parts[0], PartLine(part_number="b", unit_price=item.unit_price)]

    @endpoint.get("/odd/{item_id}")
    def odd(self, item_id: int) -> Odd:
        name = Items.item(item_id).long_name
        return Odd(the_size=sized(name), the_extra=extra(name))

    @endpoint.get("/awaited/{item_id}")
    async def awaited(self, item_id: int, items: Items) -> Card:
        item = await items.item(item_id)
        lines = [PartLine.of(part) for part in item.all_parts]
        return Card.of(item, in_stock=None, part_lines=lines)

    @endpoint.get("/tree")
    async def tree(self) -> Tree:
        return Tree(tree_name="a", sub_trees=[Tree(tree_name="b")])


class Camel(Snake):
    naming = "camel"


class Sparse(Snake):
    omit_none = True


class Both(Snake):
    naming = "camel"
    omit_none = True


def answering(request: httpx.Request) -> httpx.Response:
    if request.url.path.startswith("/stock"):
        return httpx.Response(500)
    return httpx.Response(200, json=ITEM)


SHOP: Any = {Items: {"transport": httpx.MockTransport(answering), "retry": None}}
PATHS = ("/card/7", "/checked/7", "/item/7", "/parts/7", "/odd/7", "/awaited/7", "/tree")


@pytest.fixture(scope="module", name="app")
def every_style() -> BFF:
    return BFF(Snake, Camel, Sparse, Both, upstreams=SHOP, observers=())


CARD = {
    "item_id": 7,
    "LABEL": "Lamp",
    "unit_price": {"in_cents": 1999, "currency_code": None},
    "in_stock": None,
    "main_part": None,
    "part_lines": [{"part_number": "a1", "unit_price": {"in_cents": 1, "currency_code": "EUR"}}],
    "by_colour": {"dark_red": 3},
    "page_size": 20,
}


@pytest.mark.parametrize("path", ["/card/7", "/awaited/7"])
def test_one_shape_is_served_in_two_namings(app: BFF, path: str) -> None:
    """An alias that a field says itself wins, and the keys of a mapping are data."""
    assert CARD == fetch(app, f"/snake{path}").json()
    assert {
        "itemId": 7,
        "LABEL": "Lamp",
        "unitPrice": {"inCents": 1999, "currencyCode": None},
        "inStock": None,
        "mainPart": None,
        "partLines": [{"partNumber": "a1", "unitPrice": {"inCents": 1, "currencyCode": "EUR"}}],
        "byColour": {"dark_red": 3},
        "pageSize": 20,
    } == fetch(app, f"/camel{path}").json()


@pytest.mark.parametrize("path", PATHS)
def test_camel_keys_are_the_snake_ones_spelled_anew(app: BFF, path: str) -> None:
    def snake(value: Any) -> Any:
        match value:
            case list():
                return [snake(part) for part in cast("Sequence[Any]", value)]
            case dict():
                kept, fields = {"LABEL", "NamedBy"}, cast("dict[str, Any]", value)
                return {key if key in kept else to_snake(key): snake(part) for key, part in fields.items()}
            case _:
                return value

    plain, camel = (fetch(app, f"/{name}{path}") for name in ("snake", "camel"))
    assert (200, plain.json()) == (camel.status_code, snake(camel.json()))
    assert "_" not in camel.text.replace("dark_red", "")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("whole", "sparse"), [("snake", "sparse"), ("camel", "both")])
def test_fields_that_are_none_are_left_out(app: BFF, path: str, whole: str, sparse: str) -> None:
    def pruned(value: Any) -> Any:
        match value:
            case list():
                return [pruned(part) for part in cast("Sequence[Any]", value)]
            case dict():
                fields = cast("dict[str, Any]", value)
                return {key: pruned(part) for key, part in fields.items() if part is not None}
            case _:
                return value

    expected = pruned(fetch(app, f"/{whole}{path}").json())
    assert expected == fetch(app, f"/{sparse}{path}").json()


def test_none_in_a_list_or_a_mapping_is_no_field() -> None:
    class Holder(Shape):
        values: list[int | None]
        table: dict[str, int | None]

    class Web(ClientProfile):
        omit_none = True

        @endpoint.get("/holder")
        def holder(self) -> Holder:
            return Holder(values=[1, None], table={"a": None})

    assert {"values": [1, None], "table": {"a": None}} == fetch(BFF(Web, observers=()), "/holder").json()


def test_partial_paths_are_those_that_the_client_sees(app: BFF) -> None:
    assert ["in_stock;cause=status", "inStock;cause=status"] == [
        fetch(app, f"/{name}/card/7").headers["bff-partial"] for name in ("snake", "camel")
    ]


def test_keys_are_settled_when_the_page_is_planned(app: BFF) -> None:
    (plan,) = [p for p in app.plans if (p.endpoint.profile, p.endpoint.name) == (Camel, "card")]
    assert '"partLines": [' in plan.source
    assert not any(note.startswith("Card") for note in plan.notes)


def schema_of(document: Any, path: str) -> Any:
    shown = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return document["components"]["schemas"][shown["$ref"].rpartition("/")[2]]


def test_openapi_has_the_keys_of_each_client(app: BFF) -> None:
    document = app.openapi()
    snake, camel = (schema_of(document, f"/{name}/card/{{item_id}}") for name in ("snake", "camel"))
    assert [*CARD] == [*snake["properties"]]
    expected = ["itemId", "LABEL", "unitPrice", "inStock", "mainPart", "partLines", "byColour", "pageSize"]
    assert expected == [*camel["properties"]]
    inner = document["components"]["schemas"][camel["properties"]["unitPrice"]["$ref"].rpartition("/")[2]]
    assert ["inCents", "currencyCode"] == [*inner["properties"]]
    assert {"treeName", "subTrees"} == {*schema_of(document, "/camel/tree")["properties"]}


def test_openapi_requires_nothing_that_may_be_left_out(app: BFF) -> None:
    document = app.openapi()
    whole, sparse = (schema_of(document, f"/{name}/card/{{item_id}}") for name in ("snake", "sparse"))
    assert {"in_stock", "main_part"} == {*whole["required"]} - {*sparse["required"]}
    assert "boolean" == sparse["properties"]["in_stock"]["type"]


def test_the_schema_of_the_only_style_keeps_the_name_of_its_class() -> None:
    document = BFF(Camel, upstreams=SHOP, observers=()).openapi()
    assert {"Card", "Checked", "Money", "Tree"} <= {*document["components"]["schemas"]}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["snake", "camel", "sparse", "both"])
def test_an_answer_has_the_keys_that_its_schema_has(app: BFF, path: str, name: str) -> None:
    document = app.openapi()

    def check(value: Any, schema: Any) -> None:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            options = [option for option in schema["anyOf"] if (value is None) == (option.get("type") == "null")]
            if len(options) != 1:
                return
            (schema,) = options
            check(value, schema)
        elif isinstance(value, list):
            for part in cast("Sequence[Any]", value):
                check(part, schema["items"])
        elif isinstance(value, dict) and "properties" in schema:
            fields = cast("dict[str, Any]", value)
            assert {*schema.get("required", [])} <= fields.keys() <= schema["properties"].keys()
            for key, part in fields.items():
                check(part, schema["properties"][key])

    template = path.replace("7", "{item_id}")
    shown = document["paths"][f"/{name}{template}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    check(fetch(app, f"/{name}{path}").json(), shown)


class Line(Shape):
    name: str
    tags: list[str]


class Long(Shape):
    lines: list[Line]
    label: str


class Listed(ClientProfile):
    @endpoint.get("/long")
    def long(self) -> Long:
        lines = [Line(name=f"n{n}", tags=["a", "b", "c", "d"][: n + 1]) for n in range(4)]
        return Long(lines=lines, label="all of it")

    @endpoint.get("/bare")
    async def bare(self) -> list[int]:
        return [*range(5)]

    @endpoint.get("/short")
    def short(self) -> list[int]:
        return [1, 2]


class Short(Listed):
    max_items = 2


class TestLongLists:
    """What lies past `max_items` is cut off, and the client is told where, and how long the list was."""

    app = BFF(Listed, Short, observers=())

    def test_lists_are_cut_at_any_depth(self) -> None:
        reply = fetch(self.app, "/short/long")
        assert {
            "lines": [{"name": "n0", "tags": ["a"]}, {"name": "n1", "tags": ["a", "b"]}],
            "label": "all of it",
        } == reply.json()

    def test_the_client_is_told(self) -> None:
        assert "lines;total=4" == fetch(self.app, "/short/long").headers["bff-truncated"]
        assert "*;total=5" == fetch(self.app, "/short/bare").headers["bff-truncated"]

    def test_a_star_stands_for_every_item(self) -> None:
        class One(Listed):
            max_items = 3

        reply = fetch(BFF(One, observers=()), "/long")
        assert "lines;total=4" == reply.headers["bff-truncated"]
        assert ["a", "b", "c"] == reply.json()["lines"][2]["tags"]

    def test_inner_lists_are_told_of_with_the_longest(self) -> None:
        class Nested(ClientProfile):
            max_items = 2

            @endpoint.get("/nested")
            def nested(self) -> list[list[int]]:
                return [[1, 2, 3], [1, 2, 3, 4]]

        reply = fetch(BFF(Nested, observers=()), "/nested")
        assert ([[1, 2], [1, 2]], "*;total=4") == (reply.json(), reply.headers["bff-truncated"])

    def test_what_is_short_enough_is_as_it_was(self) -> None:
        whole, cut = (fetch(self.app, f"/{name}/short") for name in ("listed", "short"))
        assert (whole.content, whole.headers["etag"]) == (cut.content, cut.headers["etag"])
        assert "bff-truncated" not in cut.headers

    def test_an_answer_that_was_cut_is_whole_for_this_client(self) -> None:
        reply = fetch(self.app, "/short/long")
        again = fetch(self.app, "/short/long", headers={"if-none-match": reply.headers["etag"]})
        assert ("no-cache", 304) == (reply.headers["cache-control"], again.status_code)

    def test_other_clients_get_all_of_it(self) -> None:
        assert 4 == len(fetch(self.app, "/listed/long").json()["lines"])

    def test_a_header_names_only_so_many_places(self) -> None:
        class Wide(ClientProfile):
            max_items = 1

            @endpoint.get("/wide")
            async def wide(self) -> dict[str, list[int]]:
                return {f"k{number}": [1, 2] for number in range(30)}

        told = fetch(BFF(Wide, observers=()), "/wide").headers["bff-truncated"].split(", ")
        assert (21, "k0;total=2", "*") == (len(told), told[0], told[-1])


def test_a_default_of_a_shape_is_written_in_its_style() -> None:
    class Inner(Shape):
        some_text: str = "x"

    class Outer(Shape):
        the_inner: Inner = Inner()
        some_list: list[Inner] = Field(default=[Inner()])
        empty_list: list[Inner] = Field(default=[])

    class Web(ClientProfile):
        naming = "camel"

        @endpoint.get("/")
        def outer(self) -> Outer:
            return Outer()

    assert {"theInner": {"someText": "x"}, "someList": [{"someText": "x"}], "emptyList": []} == fetch(
        BFF(Web, observers=()), "/"
    ).json()


def test_a_value_that_gives_way_is_written_in_its_style() -> None:
    class Web(ClientProfile):
        naming = "camel"

        @endpoint.get("/part")
        def part(self) -> Part | PartLine:
            item = Items.item(7)
            other: Part | PartLine = PartLine(part_number="none", unit_price=item.unit_price)
            return or_else(item.main_part, other)

    reply = fetch(BFF(Web, upstreams=SHOP, observers=()), "/part")
    assert {"partNumber": "none", "unitPrice": {"inCents": 1999, "currencyCode": None}} == reply.json()


def test_any_name_of_a_field_is_a_name() -> None:
    """Also those that pydantic's own descriptions of models have for other things."""

    class Inner(BaseModel):
        inner_value: int = 1

    class Named(BaseModel):
        ref: Inner = Inner()
        type: Inner = Inner()
        schema_ref: Inner = Inner()
        default: Inner = Inner()
        metadata: Inner = Inner()
        function: Inner = Inner()

    class Web(ClientProfile):
        naming = "camel"

        @endpoint.get("/")
        async def page(self) -> Named:
            return Named()

    app = BFF(Web, observers=())
    names = ["ref", "type", "schemaRef", "default", "metadata", "function"]
    assert {name: {"innerValue": 1} for name in names} == fetch(app, "/").json()
    assert names == [*app.openapi()["components"]["schemas"]["Named"]["properties"]]


def test_the_kinds_of_a_union_are_all_spelled() -> None:
    class Cat(BaseModel):
        kind: Literal["cat"] = "cat"
        lives_left: int = 9

    class Dog(BaseModel):
        kind: Literal["dog"] = "dog"
        best_friend: str = "you"

    class Home(Shape):
        all_pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]

    class Web(ClientProfile):
        naming = "camel"

        @endpoint.get("/")
        async def page(self) -> Home:
            return Home(all_pets=[Cat(), Dog()])

    pets = [{"kind": "cat", "livesLeft": 9}, {"kind": "dog", "bestFriend": "you"}]
    assert {"allPets": pets} == fetch(BFF(Web, observers=()), "/").json()


def test_what_is_not_there_is_missed_in_any_style() -> None:
    class Web(ClientProfile):
        naming = "camel"

        @endpoint.get("/maybe")
        def maybe(self) -> Part | None:
            return Items.item(7).all_parts[3]

        @endpoint.get("/line")
        def line(self) -> PartLine:
            part = Items.item(7).all_parts[3]
            return PartLine.of(part)

        @endpoint.get("/prices")
        def prices(self) -> list[Money]:
            return each(Items.item(7).all_parts, lambda part: part.unit_price)

    app = BFF(Web, upstreams=SHOP, observers=())
    assert None is fetch(app, "/maybe").json()
    assert [{"inCents": 1, "currencyCode": "EUR"}] == fetch(app, "/prices").json()
    assert (502, "contract") == ((reply := fetch(app, "/line")).status_code, reply.json()["cause"])


def test_openapi_knows_every_field_that_may_be_none() -> None:
    class Fields(Shape):
        plain: int
        nullable: int | None
        several: int | str | None
        literal: Literal[1] | None
        anything: Any
        defaulted: int | None = 1

    class Web(ClientProfile):
        omit_none = True

        @endpoint.get("/")
        async def page(self) -> Fields:
            return Fields(plain=1, nullable=None, several=None, literal=None, anything=None, defaulted=None)

    app = BFF(Web, observers=())
    schema: Any = app.openapi()["components"]["schemas"]["Fields"]
    assert (["plain"], {"plain": 1}) == (schema["required"], fetch(app, "/").json())
