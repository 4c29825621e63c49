"""What looks like a misuse and is none: everything that means the same on symbolic values as on real ones."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from bff import (
    BFF,
    ClientProfile,
    DeclarationError,
    Shape,
    Upstream,
    call,
    derived,
    each,
    endpoint,
    fallback,
    is_none,
    optional,
    or_else,
    present,
    when,
)
from bff.declare import _graph as graph
from bff.declare._endpoint import Endpoint
from bff.declare._profile import endpoints_of
from bff.declare._tracing import trace

F = TypeVar("F", bound=Callable[..., Any])


class Brand(BaseModel):
    name: str


class Product(BaseModel):
    id: int
    name: str
    brand: Brand | None
    tags: list[str]


@dataclass
class Stock:
    available: int


class NewProduct(Shape):
    name: str


class Store(Upstream):
    base_url = "http://store.test"

    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...

    @call.post("/products")
    def create(self, product: NewProduct) -> Product: ...

    @call.get("/stock/{product_id}")
    def stock(self, product_id: int) -> Stock: ...


class Card(Shape):
    id: int
    name: str


def joined(parts: list[str]) -> str:
    """A helper: what it changes is its own."""
    text = parts[0]
    for part in parts[1:]:
        text += part
    return text


def name_of(product: Product, suffix: str | int | None = None) -> str:
    """A helper: it may look at what is known while the endpoint is traced."""
    if suffix is None:
        return product.name
    return product.name + suffix if isinstance(suffix, str) else product.name


def shaped(product: Product, shape: type[Card]) -> Card:
    return shape.of(product) if shape is Card else shape.of(product, name="other")


def logged(function: F) -> F:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


class LongCard(Card):
    tags: list[str]


class Page(ClientProfile):
    shown = 2
    suffix: str | None = None

    def __init__(self) -> None:
        self.kept = 7

    @endpoint.get("/helpers")
    def helpers(self) -> str:
        return name_of(Store.product(7)) + name_of(Store.product(7), "!")

    @endpoint.get("/classes")
    def classes_are_compared(self) -> list[Card]:
        product = Store.product(7)
        return [shaped(product, Card), shaped(product, LongCard), LongCard.of(product)]

    @endpoint.get("/sum")
    def sums(self) -> int:
        return sum([Store.product(7).id, -Store.product(8).id, 1])

    @endpoint.get("/loops")
    def loops_over_what_is_known(self) -> list[str]:
        with open_page():
            return [Store.product(number).name for number in range(self.shown) if self.suffix is None]

    @endpoint.get("/state")
    def state_of_the_instance(self) -> int:
        self.product = Store.product(self.kept)
        return self.product.id

    @endpoint.get("/closures")
    def closures(self) -> list[str]:
        product = Store.product(7)

        def tagged(tag: str, *, glue: str = "-") -> str:
            return product.name + glue + tag

        return each(product.tags, tagged)

    @endpoint.get("/lifted")
    def a_derived_function_inside(self) -> str:
        @derived
        def brand_of(product: Product) -> str:
            return "none" if product.brand is None else product.brand.name

        return brand_of(Store.product(7))

    @endpoint.get("/none")
    def none_is_asked_for(self) -> list[bool | None]:
        product = Store.product(7)
        return [is_none(product.brand), product.brand == Store.product(8).brand, present(product.brand).name == "x"]

    @logged
    @endpoint.get("/inside")
    def a_wrapper_outside(self) -> Card:
        return Card.of(Store.product(7))

    @endpoint.get("/outside")
    @logged
    def a_wrapper_inside(self) -> Card:
        return Card.of(Store.product(7))

    @endpoint.get("/branches")
    def branches(self) -> list[str]:
        product = Store.product(7)
        is_new = is_none(product.brand)

        def name_of_brand() -> str:
            return or_else(present(product.brand).name, "none")

        return [
            when(is_new, "new", name_of_brand),
            when(is_new & (product.id > 3), lambda: Store.product(8).name, lambda: product.name),
            when(self.suffix is None, "plain", lambda: product.name),
            fallback(lambda: Store.product(9).name, Store.product(10).name, "nameless"),
            fallback(Store.product(9).name, optional(Store.product(10).name, default="nameless")),
        ]

    @endpoint.get("/brand")
    def a_branch_that_is_none(self) -> str | None:
        product = Store.product(7)

        def nothing() -> None:
            return None

        return when(product.id > 3, nothing, lambda: product.name)

    @endpoint.get("/items")
    def loops_in_loops(self) -> list[list[str]]:
        product = Store.product(7)

        def named(number: int) -> list[str]:
            return each(product.tags, lambda tag: tag + Store.product(number).name)

        found: list[list[str]] = []
        for number in (8, 9):
            found.append(named(number))  # noqa: PERF401 - as a newcomer writes it
        widths = {"small": 1}
        found.append(each(product.tags, lambda tag: each(product.tags, lambda inner: tag + inner)[widths["small"]]))
        return found

    @endpoint.get("/cached")
    def what_is_worked_out_once_a_request(self) -> list[str]:
        return [self.featured.name, self.featured.tags[0]]

    @cached_property
    def featured(self) -> Product:
        return Store.product(7)

    @endpoint.get("/seeded")
    def chance_that_is_none(self) -> str:
        return Store.product(Random(7).randint(1, 5)).name

    @endpoint.get("/collected")
    def a_helper_that_collects(self) -> list[str]:
        return each(Store.product(7).tags, lambda tag: joined([tag, "a"]))

    @endpoint.get("/is")
    def identity_of_what_is_known(self) -> str:
        product = Store.product(7)
        for label, value in (("first", 1), ("second", None)):
            if value is None:
                return product.name + label
        return product.name

    @endpoint.post("/writes")
    def a_loop_for_its_writes(self, name: str) -> str:
        product = Store.product(7)
        created = Store.create(NewProduct(name=name))

        def tagged(tag: str) -> None:
            Store.create(NewProduct(name=tag))

        each(product.tags, tagged)
        when(product.id > 3, lambda: Store.create(NewProduct(name="x")), None)
        return when(product.id > 3, created.name, product.name)

    @endpoint.post("/decided")
    def writes_that_are_decided_on(self, name: str) -> list[str]:
        first = Store.create(NewProduct(name=name))
        return [
            when(
                first.id > 3,
                lambda: Store.create(NewProduct(name=first.name)).name,
                first.name,
            ),
            when(Store.create(NewProduct(name=name)).id > 3, "large", "small"),
            fallback(lambda: Store.product(first.id).name, lambda: first.name),
            optional(Store.create(NewProduct(name=name)).name, default=first.name),
        ]

    @endpoint.get("/dataclass")
    def a_dataclass_as_contract(self) -> int:
        return Store.stock(7).available + 1


@dataclass
class open_page:  # noqa: N801 - it stands in for any context manager of a user's
    is_open: bool = False

    def __enter__(self) -> None:
        self.is_open = True

    def __exit__(self, *_: object) -> None:
        self.is_open = False


ENDPOINTS = {found.name: found for found in endpoints_of(Page)[0]}


@pytest.mark.parametrize("page", ENDPOINTS.values(), ids=ENDPOINTS)
def test_what_means_the_same_on_symbolic_values_builds(page: Endpoint) -> None:
    assert trace(page).answer.id >= 0


def test_equal_values_are_one_node() -> None:
    nodes = trace(ENDPOINTS["helpers"]).nodes
    assert 1 == sum(isinstance(node, graph.Call) for node in nodes)


def test_a_mistake_that_the_users_code_catches_is_told_all_the_same() -> None:
    class Quiet(ClientProfile):
        @endpoint.get("/quiet")
        def quiet(self) -> str:
            return self.guarded(Store.product(7))

        def guarded(self, product: Any) -> str:
            try:
                return str(product.nmae)
            except Exception:  # noqa: BLE001 - just this is the mistake
                return "nameless"

    with pytest.raises(DeclarationError) as raised:
        BFF(Quiet)
    assert ["`Product` has no field `nmae`"] == [problem.what for problem in raised.value.problems][-1:]


def test_nodes_are_frozen() -> None:
    node = trace(ENDPOINTS["helpers"]).answer
    with pytest.raises(dataclasses.FrozenInstanceError):
        node.type = int  # type: ignore[misc]
