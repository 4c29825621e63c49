"""What an operation's arguments become on the wire: each stays in its place, whatever it holds."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import pytest
from fastapi import Header, Query
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from bff import ContractViolation, UnsafePath, Upstream, call
from bff.declare._template import Template


class Color(Enum):
    RED = "dark red"


class Rank(IntEnum):
    FIRST = 1


class NewProduct(BaseModel):
    name: str
    in_stock: bool = Field(default=True, serialization_alias="inStock")


class Shop(Upstream):
    @call.get("/products/{product_id}/parts/{part}")
    def part(self, product_id: str, part: str) -> None: ...

    @call.get("/products")
    def products(
        self,
        q: str | None = None,
        ids: list[int] | None = None,
        page_size: Annotated[int | None, Query(alias="pageSize")] = None,
    ) -> None: ...

    @call.get("/tagged")
    def tagged(self, tags: list[str]) -> None: ...

    @call.get("/products/{value}")
    def any_path(self, value: Color | Rank | bool | float | Decimal | date | time | UUID) -> None: ...

    @call.get("/caf\u00e9 {name}")
    def literal(self, name: str) -> None: ...

    @call.get("/greeting")
    def greeting(
        self, accept_language: Annotated[str | None, Header()] = None, who: Annotated[str, Header(alias="X-Who")] = "-"
    ) -> None: ...

    @call.post("/products")
    def create(self, product: NewProduct, notify: bool = False) -> None: ...


@dataclass(frozen=True)
class Written:
    """What the arguments of a call become."""

    target: str
    headers: tuple[tuple[str, str], ...]
    content: bytes


def written(operation: Any, *args: Any, **kwargs: Any) -> Written:
    template: Template = operation.template
    values = operation.arguments(args, kwargs)
    return Written(
        target=template.target(values),
        headers=tuple(template.headers(values)) if template.headers else (),
        content=template.content(values) if template.content else b"",
    )


texts = st.text() | st.text(alphabet="./\\%2e?#&=;:@ \r\n\x00\x7f\x85a\u00e9\ud800", max_size=8)


@given(texts, texts)
@example("..", "a")
@example("a", "%2e%2e")
@example("../admin", "b")
@example("a/b", "c")
@example("a\r\nx: y", "b")
@example("\x00", "b")
def test_a_path_value_is_refused_or_stays_one_segment(product_id: str, part: str) -> None:
    try:
        target = written(Shop.part, product_id, part).target
    except UnsafePath:
        assert any(map(is_suspicious, (product_id, part)))
        return
    assert ["", "products", product_id, "parts", part] == [unquote(segment) for segment in target.split("/")]
    assert target.isascii()
    assert (target, "", "") == (urlsplit(target).path, urlsplit(target).query, urlsplit(target).fragment)
    assert not set(target) & set("?#\\ \r\n\t\x00")
    assert not {".", ".."} & set(target.lower().replace("%2e", ".").split("/"))


def is_suspicious(text: str) -> bool:
    is_unwritable = any(not char.isprintable() or char in "/\\" for char in text)
    return text in {"", ".", ".."} or is_unwritable


@pytest.mark.parametrize(
    "text", ["", ".", "..", "/", "a/b", "a\\b", "../admin", "\r\n", "a\x00", "\x7f", "\x85", "\ud800"]
)
def test_a_path_value_that_could_leave_its_place_is_refused(text: str) -> None:
    with pytest.raises(UnsafePath) as raised:
        written(Shop.part, text, "a")
    assert ("shop", "part", "not-found") == (raised.value.upstream, raised.value.operation, raised.value.cause)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.lists(st.integers(), max_size=3))
def test_a_query_gives_back_what_went_in(q: str, ids: list[int]) -> None:
    target = written(Shop.products, q, ids).target
    pairs = parse_qsl(urlsplit(target).query, keep_blank_values=True, strict_parsing=True)
    assert [("q", q), *(("ids", str(number)) for number in ids)] == pairs
    assert target.startswith("/products?q=")
    assert target.isascii()


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.sampled_from(["a", "T-1", "a\nb"])))
@example(["a", "b.c"])
@example(["a\nb", "c"])
@example(["a", "\n"])
@example(["a", "b\n"])
@example(["", "a"])
def test_a_list_of_texts_gives_back_what_went_in(tags: list[str]) -> None:
    target = written(Shop.tagged, tags).target
    assert [("tags", tag) for tag in tags] == parse_qsl(urlsplit(target).query, keep_blank_values=True)
    assert not set(target) & set("# \r\n\t\x00")
    assert target.isascii()


def test_none_is_left_out_a_list_is_repeated_and_an_alias_is_the_name_on_the_wire() -> None:
    assert "/products" == written(Shop.products).target
    assert "/products" == written(Shop.products, ids=[]).target
    assert "/products?ids=1&ids=2&pageSize=10" == written(Shop.products, ids=[1, 2], page_size=10).target


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (Color.RED, "dark%20red"),
        (Rank.FIRST, "1"),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (date(2024, 1, 31), "2024-01-31"),
        (time(12, 30), "12%3A30%3A00"),
        (datetime(2024, 1, 31, 12, tzinfo=UTC), "2024-01-31T12%3A00%3A00%2B00%3A00"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    ],
)
def test_values_are_spelled_as_json_would(value: object, spelled: str) -> None:
    assert f"/products/{spelled}" == written(Shop.any_path, value).target


def test_the_text_of_a_template_is_encoded_too() -> None:
    assert "/caf%C3%A9%20a%3Fb" == written(Shop.literal, "a?b").target


def test_a_header_has_dashes_or_its_alias_and_none_is_left_out() -> None:
    assert (("x-who", "-"),) == written(Shop.greeting).headers
    assert (("accept-language", "de"), ("x-who", "ada")) == written(Shop.greeting, "de", "ada").headers


@given(st.text())
@example("a\r\nx-admin: yes")
@example("a\nb")
@example("\x00")
@example("\u2028")
def test_a_header_value_is_refused_or_stays_one_value(text: str) -> None:
    try:
        found = dict(written(Shop.greeting, text).headers)["accept-language"]
    except ContractViolation:
        assert any(not ("\x20" <= char <= "\x7e" or "\x80" <= char <= "\xff" or char == "\t") for char in text)
        return
    assert text == found
    assert not set(found) & set("\r\n\x00")


def test_a_model_is_the_body_by_alias_and_the_rest_is_the_query() -> None:
    found = written(Shop.create, NewProduct(name="Kettle"), notify=True)
    assert ("/products?notify=true", b'{"name":"Kettle","inStock":true}') == (found.target, found.content)
