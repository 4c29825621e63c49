"""The code of a plan is readable: instructive endpoints, and the source that each becomes, in `sources/`."""

import linecache
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest
from pydantic import Field

from bff import (
    BFF,
    ClientProfile,
    Shape,
    derived,
    each,
    endpoint,
    fallback,
    header,
    is_none,
    optional,
    or_else,
    present,
    when,
)
from bff.plan._names import Names
from bff.plan._plan import Plan
from tests.support.shop import Catalog, Inventory, Product, Reviews

SOURCES = Path(__file__).with_name("sources")


class Line(Shape):
    rating: int
    title: str | None


class Card(Shape):
    id: int
    name: str
    in_stock: bool | None
    reviews: list[Line]


class Stocked(Shape):
    title: str
    available: int | None


class Starred(Shape):
    stars: int = Field(ge=1, le=5)
    title: str | None = None


class Rated(Protocol):
    @property
    def rating(self) -> int: ...


@derived
def average(reviews: Sequence[Rated]) -> float | None:
    return sum(review.rating for review in reviews) / len(reviews) if reviews else None


@derived
def answer(name: str, v: str) -> str:
    """A function with a name that the generated code gives itself."""
    return name + v


@derived
def calls(name: str) -> str:
    """Another one, to which the code adds numbers besides."""
    return name + "?"


class Sources(ClientProfile):
    @endpoint.get("/card/{product_id}")
    def card(self, product_id: int) -> Card:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        reviews = optional(Reviews.of_product(product_id, limit=3), default=[])
        return Card.of(product, in_stock=stock.available > 0, reviews=each(reviews, lambda r: Line.of(r, title=None)))

    @endpoint.get("/guards/{product_id}")
    def none_guards(self, product_id: int) -> list[str | None]:
        brand = header("x-brand")
        return [present(brand) + "!", or_else(brand, Catalog.product(product_id).name)]

    @endpoint.get("/absent/{product_id}")
    def an_index_that_may_not_be_there(self, product_id: int) -> Line:
        first = Reviews.of_product(product_id)[0]
        return Line(rating=first.rating, title=header("x-title"))

    @endpoint.get("/nested/{product_id}")
    def optional_inside_optional(self, product_id: int) -> list[object]:
        stock = optional(Inventory.stock(optional(Catalog.product(product_id).sku, default="none")))
        return [stock.available, is_none(stock)]

    @endpoint.get("/hoisted/{product_id}")
    def a_loop_hoists_what_does_not_depend_on_the_item(self, product_id: int) -> list[Line]:
        reviews = Reviews.of_product(product_id)
        brand = header("x-brand")
        return each(reviews, lambda review: Line(rating=review.rating * 2, title=present(brand) + present(brand)))

    @endpoint.get("/default/{product_id}")
    def what_only_a_default_needs_is_made_only_there(self, product_id: int) -> Sequence[str | None]:
        reviews = Reviews.of_product(product_id)
        known = header("x-title")
        marked = each(reviews, lambda review: review.title + present(known) + "!")
        return or_else(each(optional(Reviews.of_product(8)), lambda review: review.title), marked)

    @endpoint.get("/shared/{product_id}")
    def what_has_several_users_runs_once(self, product_id: int) -> list[float | None]:
        mean = average(Reviews.of_product(product_id))
        return [mean, present(mean) * 2, or_else(mean, 0.0)]

    @endpoint.get("/validated/{product_id}")
    def a_shape_with_constraints_is_validated(self, product_id: int) -> list[Starred]:
        return each(Reviews.of_product(product_id), lambda review: Starred(stars=review.rating))

    @endpoint.get("/names/{product_id}")
    def names_of_the_user_never_hide_those_of_the_code(self, product_id: int) -> str:
        return answer(calls(Catalog.product(product_id).name), "!")

    @endpoint.get("/joined/{product_id}")
    def a_join_asks_for_all_items_at_once(self, product_id: int) -> list[Stocked]:
        reviews = Reviews.of_product(product_id)
        return each(
            reviews,
            lambda review: Stocked(title=review.title, available=optional(Inventory.stock(review.title)).available),
        )

    @endpoint.get("/nested-join/{product_id}")
    def a_join_in_a_join_sees_both_items(self, product_id: int) -> list[list[int]]:
        return each(
            Reviews.of_product(product_id),
            lambda review: each(
                Reviews.of_product(review.rating), lambda other: Inventory.stock(review.title + other.title).available
            ),
        )

    @endpoint.get("/decided/{product_id}")
    def a_branch_is_decided_by_a_step(self, product_id: int) -> list[Line]:
        product = Catalog.product(product_id)
        is_known = is_none(product.brand)
        return when(
            is_known, lambda: each(Reviews.of_product(1), Line.of), lambda: each(Reviews.of_product(2), Line.of)
        )

    @endpoint.get("/row/{product_id}")
    def what_was_settled_on_the_way_is_not_waited_for(self, product_id: int) -> int:
        product = Catalog.product(product_id)
        reviews = Reviews.of_product(product.id)
        return Inventory.stock(product.sku + or_else(present(reviews[0]).title, "")).available

    @endpoint.get("/crossed/{product_id}")
    def what_two_calls_lead_to_goes_on_after_the_last(self, product_id: int) -> list[int]:
        product, reviews = Catalog.product(product_id), Reviews.of_product(product_id)
        name = product.name + present(reviews[0].title)
        return [
            optional(Inventory.stock(name).available, default=0),
            optional(Inventory.stock(name + "!").available, default=0),
            Inventory.stock(product.sku).available,
        ]

    @endpoint.get("/alternatives/{product_id}")
    def the_first_alternative_that_came_is_taken(self, product_id: int) -> str:
        return fallback(
            Catalog.product(product_id).name, present(Reviews.of_product(product_id)[0].title), "nobody knows"
        )


PLANS = {plan.endpoint.name: plan for plan in BFF(Sources).plans}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_source_of_a_plan_is_as_committed(plan: Plan) -> None:
    golden = SOURCES / f"{plan.endpoint.name}.py.txt"
    if "BFF_WRITE_GOLDENS" in os.environ:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(plan.source)
    assert golden.read_text() == plan.source


def test_every_committed_source_has_its_endpoint() -> None:
    assert sorted(PLANS) == sorted(path.name.removesuffix(".py.txt") for path in SOURCES.iterdir())


def test_a_traceback_through_generated_code_shows_its_line() -> None:
    plan = PLANS["card"]
    assert plan.source.splitlines()[0] + "\n" == linecache.getline("<bff plan Sources.card>", 1)


def test_names_of_the_user_never_hide_those_of_the_code() -> None:
    product = Product(id=7, sku="s", name="Lamp", images=[])
    assert "Lamp?!" == PLANS["names_of_the_user_never_hide_those_of_the_code"].answer([product], [None], {}, None, [])


@pytest.mark.parametrize(
    "name", ["v", "r", "error", "found", "i7", "inputs_0", "items_2", "column_1", "calls", "calls_1"]
)
def test_no_object_of_the_users_takes_a_name_that_the_code_gives_itself(name: str) -> None:
    assert Names().hold(object(), name) != name
