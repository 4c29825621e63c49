"""Drift between contracts and OpenAPI documents is found where it is certain, and never where it is not."""

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, cast

import pytest
from fastapi import FastAPI, Header, Query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    AnyUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    create_model,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from bff import Upstream, call
from bff.declare._operation import Operation
from bff.declare._types import listed, mapped, union
from bff.plan._agree import BREAKING, Comparison, Place
from bff.plan._demand import WHOLE, Demand
from bff.plan._document import Document
from bff.plan._drift import Caller, drift
from bff.plan._finding import Severity


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    name: str
    size: int | None = None


class Tree(BaseModel):
    value: int
    children: list["Tree"]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Typed(TypedDict):
    id: int


@dataclass
class Plain:
    id: int
    note: str = ""


class Aliased(BaseModel):
    item_id: int = Field(alias="itemId")
    name: str = Field(validation_alias=AliasChoices("title", "name"))
    deep: int = Field(validation_alias=AliasPath("box", "depth"))


class Names(RootModel[list[str]]):
    pass


class Prepared(BaseModel):
    tags: list[str]
    whole: int

    @field_validator("tags", mode="before")
    @classmethod
    def split(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value


class Remade(BaseModel):
    id: int

    @model_validator(mode="before")
    @classmethod
    def remake(cls, value: Any) -> Any:
        return value


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int


def drifts(
    tp: Any, schema: Any, wanted: Demand | None = WHOLE, components: Mapping[str, Any] | None = None
) -> list[tuple[str, str]]:
    comparison = Comparison(Document({"components": {"schemas": components or {}}}))
    comparison.compare(tp, schema, wanted, Place())
    return [(found.code, found.path) for found in comparison.drifts]


def objects(required: Sequence[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*(required or properties)]}


S, I, N, B, NULL = ({"type": kind} for kind in ("string", "integer", "number", "boolean", "null"))  # noqa: E741
REF = {"$ref": "#/components/schemas/Part"}

PREPARED_OR_NONE: Any = Optional[Annotated[int, BeforeValidator(int)]]  # noqa: UP045 - pyright knows no `|` of it

AGREE: list[tuple[Any, Any]] = [
    (str, S),
    (int, I),
    (float, I),
    (float, N),
    (Decimal, S),
    (Decimal, N),
    (int, {"type": "string", "format": "int64"}),
    (datetime, S),
    (datetime, {"type": "string", "format": "date"}),
    (datetime, I),
    (date, {"type": "string", "format": "date"}),
    (str, {"type": "string", "format": "date-time"}),
    (uuid.UUID, {"type": "string", "format": "uuid"}),
    (AnyUrl, {"type": "string", "format": "uri"}),
    (Any, NULL),
    (object, S),
    (Colour, {"type": "string", "enum": ["red"]}),
    (Literal["a", None], {"enum": ["a", None]}),  # noqa: PYI061 - another form than the next ones
    (Literal["a"], S),
    (str | None, {"anyOf": [S, NULL]}),
    (str | None, {"type": ["string", "null"]}),
    (str | None, {"type": "string", "nullable": True}),
    (int | str, {"oneOf": [S, I]}),
    (list[int], {"type": "array", "items": I}),
    (list[int], {"type": "array"}),
    (tuple[int, str], {"type": "array", "items": {}}),
    (frozenset[int], {"type": "array", "items": I}),
    (dict[str, int], {"type": "object", "additionalProperties": I}),
    (dict[str, int], {"type": "object"}),
    (Typed, objects(id=I)),
    (Plain, objects(id=I)),
    (Part, objects(name=S)),
    (Part, {"type": "object"}),
    (Part, {"type": "object", "additionalProperties": True}),
    (Part, objects(other=S) | {"additionalProperties": True}),
    (Part, {"allOf": [objects(name=S), objects(extra=I)]}),
    (Part, {}),
    (Part, True),
    (Part, {"$ref": "#/components/schemas/Nothing"}),
    (Part, {"$ref": "https://elsewhere.test/part.json"}),
    (Part, {"not": S}),
    (Cat | Dog, {"oneOf": [objects(kind={"const": "cat"}, lives=I), objects(kind={"enum": ["dog"]}, tricks={})]}),
    (Aliased, objects(itemId=I, title=S)),
    (Names, {"type": "array", "items": S}),
    (Prepared, objects(tags=S, whole=I)),
    (Remade, objects(other=S)),
    (Annotated[int, BeforeValidator(int)], S),
    (list[Annotated[int, BeforeValidator(int)]], {"type": "array", "items": S}),
    (PREPARED_OR_NONE, S),
    (NewType("Sku", str), S),
    (Annotated[str, Field(max_length=3)], {"type": "string", "maxLength": 100}),
    (Closed, objects(id=I)),
]

DRIFTED: list[tuple[Any, Any, str, str]] = [
    (str, I, "type-changed", ""),
    (int, S, "type-changed", ""),
    (int, N, "type-changed", ""),
    (int, B, "type-changed", ""),
    (bool, S, "type-changed", ""),
    (date, {"type": "string", "format": "date-time"}, "type-changed", ""),
    (uuid.UUID, {"type": "string", "format": "date"}, "type-changed", ""),
    (str, {"type": "array", "items": S}, "type-changed", ""),
    (Colour, {"type": "string", "enum": ["red", "green"]}, "type-changed", ""),
    (Literal["a"], {"const": "b"}, "type-changed", ""),
    (str, {"type": "string", "nullable": True}, "may-be-null", ""),
    (str, {"anyOf": [S, NULL]}, "may-be-null", ""),
    (list[int], {"type": "array", "items": {"type": "integer", "nullable": True}}, "may-be-null", "[]"),
    (list[int], I, "type-changed", ""),
    (dict[str, int], {"type": "object", "additionalProperties": S}, "type-changed", "[]"),
    (Part, objects(size=I), "field-missing", "name"),
    (Part, objects(["size"], name=S, size=I), "may-be-left-out", "name"),
    (Part, objects(name=I), "type-changed", "name"),
    (Part, {"allOf": [objects(size=I), objects(other=S)]}, "field-missing", "name"),
    (Part, {"oneOf": [objects(name=S), objects(title=S)]}, "field-missing", "name"),
    (list[Part], {"type": "array", "items": objects(name=NULL)}, "may-be-null", "[].name"),
    (Part, {"type": "array", "items": objects(name=S)}, "type-changed", ""),
    (Cat | Dog, objects(kind={"const": "bird"}, wings=I), "type-changed", ""),
    (Aliased, objects(item_id=I, title=S), "field-missing", "item_id"),
    (Names, {"type": "array", "items": I}, "type-changed", "[]"),
    (Plain, objects(note=S), "field-missing", "id"),
    (Prepared, objects(tags=S, whole=S), "type-changed", "whole"),
    (Closed, objects(id=I, more=S), "field-forbidden", ""),
]


def _named(case: tuple[Any, ...]) -> str:
    return f"{getattr(case[0], '__name__', case[0])} from {case[1]}"


@pytest.mark.parametrize("case", AGREE, ids=_named)
def test_no_claim_without_certainty(case: tuple[Any, Any]) -> None:
    assert [] == [found for found in drifts(*case) if found[0] in BREAKING]


@pytest.mark.parametrize("case", DRIFTED, ids=_named)
def test_drift_is_found_where_it_is(case: tuple[Any, Any, str, str]) -> None:
    tp, schema, code, path = case
    assert [(code, path)] == [found for found in drifts(tp, schema) if found[0] != "field-gone"]


def test_references_are_followed() -> None:
    assert [("type-changed", "name")] == drifts(Part, REF, components={"Part": objects(name=I, size=I)})
    chained = {"Part": {"$ref": "#/components/schemas/a~1b"}, "a/b": objects(name=I, size=I)}
    assert [("type-changed", "name")] == drifts(Part, REF, components=chained)


def test_a_reference_to_itself_says_nothing() -> None:
    for loop in ({"$ref": "#/components/schemas/Part"}, {"allOf": [REF, REF]}, {"anyOf": [REF, REF]}):
        assert [] == drifts(Part, REF, components={"Part": loop})


def test_recursive_contracts_and_schemas_come_to_an_end() -> None:
    tree = {"$ref": "#/components/schemas/Tree"}
    schema = objects(value=S, children={"type": "array", "items": tree})
    assert [("type-changed", "value")] == drifts(Tree, tree, components={"Tree": schema})


def test_of_a_field_that_nobody_reads_drift_is_no_error() -> None:
    comparison = Comparison(Document({}))
    comparison.compare(Part, objects(name=I, size=S), Demand(fields={"size": WHOLE}), Place())
    assert [("name", False), ("size", True)] == [(found.path, found.is_read) for found in comparison.drifts]


def _model(types: Mapping[str, Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {name: (tp, None if name == "c" else ...) for name, tp in types.items()}
    return create_model(f"Made{abs(hash(str(types)))}", **fields)


NESTED = Literal[1, None]  # noqa: PYI061 - another form than a union
TAGGED = Annotated[Cat | Dog, Field(discriminator="kind")]
SCALARS: list[Any] = [
    str, int, float, bool, Decimal, datetime, date, time, timedelta, uuid.UUID, AnyUrl, SecretStr, Colour, Any, bytes,
    Literal["a", "b"], NESTED, Annotated[str, Field(pattern="a+")], Annotated[int, Field(ge=0)], Part, Tree,
    Cat | Dog, TAGGED, Plain, Names, Colour | None,
]  # fmt: skip
TYPES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        inner.map(listed),
        inner.map(lambda tp: mapped(str, tp)),
        inner.map(lambda tp: union([tp, None])),
        st.tuples(inner, inner).map(union),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(_model),
    ),
    max_leaves=6,
)


def _served(returns: Any, body: Any) -> tuple[Operation[..., Any], dict[str, Any]]:
    """Return an operation and the document that FastAPI makes of an endpoint with the very same types."""
    app = FastAPI()

    async def answer(item_id: Any, tags: Any, sent: Any, q: Any = None, x_trace: Any = None) -> Any: ...

    trace = Annotated[str | None, Header()]
    tags = Annotated[list[int], Query()]
    hints = {"item_id": int, "q": str | None, "tags": tags, "x_trace": trace, "sent": body}

    def ask(self: Any, item_id: Any, tags: Any, sent: Any, q: Any = None, x_trace: Any = None) -> Any: ...

    ask.__annotations__ = {**hints, "return": returns}
    answer.__annotations__ = hints
    app.post("/items/{item_id}", response_model=returns)(answer)

    class Made(Upstream):
        pass

    operation: Operation[..., Any] = call.post("/items/{item_id}")(ask)
    operation.__set_name__(Made, "ask")
    operation.compile()
    assert [] == operation.problems
    return operation, app.openapi()


def _in_3_0(part: Any) -> Any:
    """Write a schema of OpenAPI 3.1 as one of 3.0."""
    if isinstance(part, list):
        return [_in_3_0(each) for each in cast("list[object]", part)]
    if not isinstance(part, dict):
        return part
    plain = {key: _in_3_0(value) for key, value in cast("dict[str, object]", part).items()}
    if "const" in plain and "type" in plain:
        plain["enum"] = [plain.pop("const")]
    branches = plain.get("anyOf", ())
    kept = [branch for branch in branches if branch != NULL]
    if len(kept) == len(branches):
        return plain
    rest = {key: value for key, value in plain.items() if key != "anyOf"}
    one = {**rest, **kept[0]} if len(kept) == 1 and "$ref" not in kept[0] else {**rest, "anyOf": kept}
    return {**one, "nullable": True}


BODIES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(SCALARS), min_size=1).map(_model)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(returns=TYPES, body=BODIES)
def test_the_document_that_fastapi_makes_of_the_same_models_never_drifts(returns: Any, body: Any) -> None:
    operation, document = _served(returns, body)
    for content in (document, _in_3_0(document)):
        found = drift(operation, WHOLE, Document(content), Caller("", (), is_signed=False))
        assert [] == [(each.code, each.problem.what) for each in found]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(model=st.dictionaries(st.sampled_from("ab"), st.sampled_from(SCALARS), min_size=1).map(_model), data=st.data())
def test_a_required_field_that_is_taken_away_is_always_missed(model: type[BaseModel], data: st.DataObject) -> None:
    operation, document = _served(list[model], Part)  # type: ignore[valid-type]
    gone = data.draw(st.sampled_from([*model.model_fields]))
    schema = document["components"]["schemas"][model.__name__]
    schema["properties"].pop(gone)
    schema["required"].remove(gone)
    found = drift(operation, WHOLE, Document(document), Caller("", (), is_signed=False))
    assert [("field-missing", Severity.ERROR)] == [(each.code, each.severity) for each in found]


class Store(Upstream):
    base_url = "http://store.test/api"

    @call.get("/items/{item_id}")
    def item(self, item_id: int, q: str = "", x_tenant: Annotated[str, Header()] = "") -> Part: ...

    @call.post("/items")
    def create(self, part: Part) -> Part: ...

    @call.delete("/items/{item_id}")
    def remove(self, item_id: int) -> None: ...

    @call.head("/items/{item_id}")
    def look(self, item_id: int) -> None: ...

    @call.get("/items/by-name")
    def named(self, name: Literal["a", "b"]) -> Part: ...


OK = {"200": {"content": {"application/json": {"schema": objects(name=S, size=I)}}}}
QUERY = {"name": "q", "in": "query", "schema": S}
TENANT = {"name": "X-Tenant", "in": "header", "schema": S}


def found(
    operation: Any, paths: Mapping[str, Any], wanted: Demand | None = WHOLE, caller: Caller | None = None, **more: Any
) -> list[tuple[str, str]]:
    caller = caller or Caller("/api", (), is_signed=False)
    return [
        (each.code, each.severity.value)
        for each in drift(operation, wanted, Document({"paths": paths, **more}), caller)
    ]


def get(*parameters: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"get": {"parameters": parameters and [*parameters], "responses": OK, **more}}


class TestPaths:
    @pytest.mark.parametrize("path", ["/items/{id}", "/api/items/{itemId}"])
    def test_a_path_is_found_whatever_its_placeholders_are_called(self, path: str) -> None:
        assert [] == found(Store.item, {path: get(QUERY, TENANT)})

    def test_what_servers_put_before_a_path_counts(self) -> None:
        servers = [{"url": "https://store.test/api/"}]
        assert [] == found(Store.item, {"/items/{id}": get(QUERY, TENANT)}, None, Caller("/api", (), is_signed=False))
        deep = Caller("/outer/api", (), is_signed=False)
        assert [] == found(Store.look, {"/api/items/{id}": get()}, WHOLE, deep, servers=[{"url": "/outer"}])
        assert [] == found(Store.item, {"/items/{id}": get(QUERY, TENANT)}, servers=servers)

    def test_a_literal_of_ours_may_be_a_value_of_theirs_and_never_the_other_way_round(self) -> None:
        name = {"name": "name", "in": "query", "schema": S}
        assert [] == found(Store.named, {"/items/{id}": get(name)})
        assert [("operation-gone", "error")] == found(Store.item, {"/items/by-name": get(QUERY, TENANT)})

    def test_a_path_that_is_gone_is_an_error_only_where_it_is_called(self) -> None:
        assert [("operation-gone", "error")] == found(Store.item, {})
        assert [("operation-gone", "warning")] == found(Store.item, {}, None)

    def test_a_method_that_is_gone_is_told_with_those_that_are_left(self) -> None:
        document = Document({"paths": {"/items/{id}": get()}})
        (told,) = drift(cast("Operation[..., Any]", Store.remove), WHOLE, document, Caller("", (), is_signed=False))
        assert "the path answers GET and no DELETE any more" == told.problem.what

    def test_head_is_there_where_get_is(self) -> None:
        assert [] == found(Store.look, {"/items/{id}": get()})


class TestParameters:
    def test_one_that_is_required_and_not_sent_is_an_error(self) -> None:
        page = {"name": "page", "in": "query", "required": True, "schema": I}
        assert [("parameter-required", "error")] == found(Store.item, {"/items/{id}": get(QUERY, TENANT, page)})

    def test_a_header_that_goes_with_every_call_is_sent(self) -> None:
        key = {"name": "X-Key", "in": "header", "required": True, "schema": S}
        paths = {"/items/{id}": get(QUERY, TENANT, key)}
        assert [("parameter-required", "error")] == found(Store.item, paths)
        assert [] == found(Store.item, paths, WHOLE, Caller("/api", {"x-key"}, is_signed=False))
        assert [("parameter-required", "warning")] == found(
            Store.item, paths, WHOLE, Caller("/api", (), is_signed=True)
        )

    def test_one_of_ours_that_is_not_known_is_a_warning(self) -> None:
        assert [("parameter-unknown", "warning")] == found(Store.item, {"/items/{id}": get(TENANT)})
        assert [] == found(Store.item, {"/items/{id}": {"get": {"responses": OK}}})
        anything = {"name": "filter", "in": "query", "schema": {"type": "object"}}
        assert [] == found(Store.item, {"/items/{id}": get(anything)})

    def test_parameters_of_the_path_and_references_count(self) -> None:
        item = {**get(), "parameters": [QUERY, {"$ref": "#/components/parameters/Tenant"}]}
        assert [] == found(Store.item, {"/items/{id}": item}, components={"parameters": {"Tenant": TENANT}})

    @pytest.mark.parametrize("schema", [I, {"type": "boolean"}, {"type": "string", "enum": ["a"]}])
    def test_a_type_that_ours_cannot_be_is_an_error(self, schema: Mapping[str, Any]) -> None:
        name = {"name": "name", "in": "query", "schema": schema}
        assert [("parameter-changed", "error")] == found(Store.named, {"/items/by-name": get(name)})


class TestBodies:
    def post(self, schema: Any, **more: Any) -> Mapping[str, Any]:
        body = {"content": {"application/json": {"schema": schema}}, **more}
        return {"/items": {"post": {"requestBody": body, "responses": OK}}}

    def test_a_required_field_that_is_not_sent_is_an_error(self) -> None:
        assert [("body-field-required", "error")] == found(Store.create, self.post(objects(name=S, colour=S)))

    def test_what_the_upstream_sets_itself_is_not_asked_for(self) -> None:
        schema = objects(name=S, id={"type": "integer", "readOnly": True})
        assert [] == found(Store.create, self.post(schema))

    def test_a_body_that_we_do_not_send_may_be_required(self) -> None:
        item: Any = {"delete": {"requestBody": {"required": True, "content": {}}, "responses": {"204": {}}}}
        assert [("body-required", "error")] == found(Store.remove, {"/items/{id}": item})


class TestAnswers:
    def test_an_operation_that_answers_nothing_any_more(self) -> None:
        item = {"get": {"parameters": [QUERY, TENANT], "responses": {"204": {"description": "gone"}}}}
        assert [("answer-gone", "error")] == found(Store.item, {"/items/{id}": item})

    @pytest.mark.parametrize(
        "responses", [{}, {"404": {}}, {"200": {}}, {"default": {}}, {"200": {"content": {"text/html": {}}}}]
    )
    def test_an_answer_that_is_not_described_is_not_held_against_anybody(self, responses: Any) -> None:
        item = {"get": {"parameters": [QUERY, TENANT], "responses": responses}}
        assert [] == found(Store.item, {"/items/{id}": item})

    @pytest.mark.parametrize("status", ["200", "2XX", "201"])
    def test_every_answer_that_succeeds_counts(self, status: str) -> None:
        content = {"application/vnd.shop+json": {"schema": objects(size=I)}}
        item = {"get": {"parameters": [QUERY, TENANT], "responses": {status: {"content": content}}}}
        assert [("field-missing", "error")] == found(Store.item, {"/items/{id}": item})

    def test_the_place_is_the_field_of_the_contract(self) -> None:
        answers = {"200": {"content": {"application/json": {"schema": objects(size=I)}}}}
        item = {"get": {"parameters": [QUERY, TENANT], "responses": answers}}
        document = Document({"paths": {"/items/{id}": item}})
        (told,) = drift(cast("Operation[..., Any]", Store.item), WHOLE, document, Caller("", (), is_signed=False))
        line = Path(__file__).read_text().splitlines()[told.problem.line - 1]
        assert ("Store.item", "    name: str", "`name` is not there any more") == (
            told.problem.where,
            line,
            told.problem.what,
        )
