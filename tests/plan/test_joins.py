"""A join over a list that nothing bounds is found; one over a list that is short by declaration is not."""

from typing import Annotated, Any, cast

import pytest
from pydantic import BaseModel, Field

from bff import ClientProfile, Upstream, call, each, endpoint, when
from bff.declare import _graph as graph
from bff.declare._operation import Operation
from bff.declare._profile import endpoints_of
from bff.declare._tracing import trace
from bff.plan._joins import has_max_length, is_bounded, unbounded_joins


class Author(BaseModel):
    id: int
    name: str


class Review(BaseModel):
    author_id: int


class Page(BaseModel):
    is_new: bool
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

    @call.put("/authors/{author_id}")
    def touch(self, author_id: int) -> Author: ...


class Batched(People):
    @call.get("/authors", batch_of="author", key="id")
    def authors(self, author_ids: list[int]) -> list[Author]: ...


BARE: dict[str, Any] = {"scope": frozenset[int](), "is_absent": False, "file": "page.py", "line": 1}


def called(operation: Any, *arguments: graph.Node, scope: frozenset[int] = frozenset()) -> graph.Call:
    made = cast("Operation[..., Any]", operation)
    bare: dict[str, Any] = {**BARE, "scope": scope}
    return graph.Call(id=50, type=made.returns, operation=made, arguments=arguments, after=-1, **bare)


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


class Lists(ClientProfile):
    @endpoint.get("/unbounded")
    def unbounded(self) -> list[str]:
        return each(People.reviews(), lambda review: People.author(review.author_id).name)

    @endpoint.get("/picked")
    def picked(self) -> list[str]:
        reviews = when(People.page().is_new, People.newest(), People.reviews()[:3])
        return each(reviews, lambda review: People.author(review.author_id).name)

    @endpoint.get("/short")
    def short(self) -> list[str]:
        return each(People.newest(), lambda review: People.author(review.author_id).name)

    @endpoint.get("/batched")
    def batched(self) -> list[str]:
        return each(Batched.reviews(), lambda review: Batched.author(review.author_id).name)

    @endpoint.get("/once")
    def once(self) -> list[str]:
        return each(People.reviews(), lambda _: People.author(1).name)

    @endpoint.post("/touched")
    def touched(self) -> int:
        each(People.reviews(), lambda review: People.touch(review.author_id))
        return 1


def found(name: str) -> list[str]:
    endpoints, _ = endpoints_of(Lists)
    traced = next(trace(endpoint) for endpoint in endpoints if endpoint.name == name)
    return [call.operation.full_name for call, _ in unbounded_joins(traced)]


def test_a_call_for_every_item_of_an_unbounded_list_is_found() -> None:
    assert ["People.author"] == found("unbounded")


def test_so_is_a_write() -> None:
    assert ["People.touch"] == found("touched")


@pytest.mark.parametrize("name", ["short", "picked", "batched"])
def test_a_bounded_list_and_a_batch_are_fine(name: str) -> None:
    assert [] == found(name)


def test_a_call_that_does_not_use_the_item_is_no_join() -> None:
    assert [] == found("once")
