"""A join over a list that nothing bounds is found; one over a list that is short by declaration is not."""

from typing import Annotated, Any, cast

import pytest
from pydantic import BaseModel, Field

from bff import Upstream, call
from bff.declare import _graph as graph
from bff.declare._operation import Operation
from bff.declare._tracing import Traced
from bff.plan._joins import has_max_length, is_bounded, unbounded_joins


class Author(BaseModel):
    name: str


class Review(BaseModel):
    author_id: int


class Page(BaseModel):
    few: list[Review] = Field(max_length=10)
    many: list[Review]


Short = Annotated[list[Review], Field(max_length=10)]


class People(Upstream):
    base_url = "http://people.test"

    @call.get("/authors/{author_id}")
    def author(self, author_id: int) -> Author: ...

    @call.get("/reviews")
    def reviews(self) -> list[Review]: ...

    @call.get("/newest")
    def newest(self) -> Short: ...

    @call.get("/page")
    def page(self) -> Page: ...


class Batched(People):
    @call.get("/authors", batch_of="author", key="name")
    def authors(self, author_ids: list[int]) -> list[Author]: ...


BARE: dict[str, Any] = {"scope": frozenset[int](), "is_absent": False, "file": "page.py", "line": 1}
IN_LOOP: dict[str, Any] = {**BARE, "scope": frozenset({10})}


def called(operation: Any, *arguments: graph.Node, scope: frozenset[int] = frozenset()) -> graph.Call:
    made = cast("Operation[..., Any]", operation)
    bare: dict[str, Any] = {**BARE, "scope": scope}
    return graph.Call(id=50, type=made.returns, operation=made, arguments=arguments, **bare)


def attribute(base: graph.Node, name: str) -> graph.Attribute:
    return graph.Attribute(id=2, type=list[Review], base=base, name=name, **BARE)


def sliced(base: graph.Node, start: int | None, stop: int | None) -> graph.Slice:
    return graph.Slice(id=3, type=list[Review], base=base, start=start, stop=stop, step=None, **BARE)


REVIEWS, NEWEST, PAGE = called(People.reviews), called(People.newest), called(People.page)
EMPTY = graph.Constant(id=4, type=list[Review], value=[], **BARE)


@pytest.mark.parametrize(
    "items",
    [
        EMPTY,
        NEWEST,
        attribute(PAGE, "few"),
        sliced(REVIEWS, None, 3),
        sliced(REVIEWS, 2, 5),
        sliced(REVIEWS, -3, None),
        sliced(NEWEST, 2, None),
        graph.Optional(id=5, type=list[Review], value=sliced(REVIEWS, None, 3), default=EMPTY, **BARE),
        graph.Listing(id=6, type=list[Any], entries=(REVIEWS, REVIEWS), **BARE),
    ],
)
def test_a_list_that_is_short_by_declaration_is_bounded(items: graph.Node) -> None:
    assert is_bounded(items)


@pytest.mark.parametrize(
    "items",
    [
        REVIEWS,
        attribute(PAGE, "many"),
        sliced(REVIEWS, 2, None),
        sliced(REVIEWS, None, -1),
        graph.Optional(id=5, type=list[Review], value=REVIEWS, default=EMPTY, **BARE),
        graph.Param(id=7, type=list[Review], name="reviews", **BARE),
    ],
)
def test_any_other_list_is_not(items: graph.Node) -> None:
    assert not is_bounded(items)


@pytest.mark.parametrize("tp", [Short, Short | None, Annotated[list[int] | None, Field(max_length=1)]])
def test_a_limit_may_stand_around_or_inside_of_an_optional_type(tp: Any) -> None:
    assert has_max_length(tp)


def joined(items: graph.Node, operation: Any) -> list[str]:
    """Return the joins found in `each(items, lambda review: operation(review.author_id))`."""
    item = graph.Item(id=10, type=Review, **IN_LOOP)
    argument = graph.Attribute(id=11, type=int, base=item, name="author_id", **IN_LOOP)
    body = called(operation, argument, scope=frozenset({10}))
    each = graph.Each(id=60, type=list[Author], items=items, item=item, body=body, **BARE)
    traced = Traced(cast("Any", None), (items, item, argument, body, each), each)
    return [found.operation.full_name for found, _ in unbounded_joins(traced)]


def test_a_call_for_every_item_of_an_unbounded_list_is_found() -> None:
    assert ["People.author"] == joined(REVIEWS, People.author)


def test_a_bounded_list_and_a_batch_are_fine() -> None:
    assert [] == joined(NEWEST, People.author)
    assert [] == joined(REVIEWS, Batched.author)


def test_a_call_that_does_not_use_the_item_is_no_join() -> None:
    item = graph.Item(id=10, type=Review, **BARE)
    each = graph.Each(id=60, type=list[Author], items=REVIEWS, item=item, body=called(People.author), **BARE)
    assert [] == [*unbounded_joins(Traced(cast("Any", None), (REVIEWS, each.body, each), each))]
