"""A test may say what an endpoint calls, reads and can do without."""

from collections.abc import Callable

import pytest

from bff import ClientProfile, DeclarationError, Shape, each, endpoint, optional
from bff.testing import plan
from tests.support.shop import Catalog, Inventory, Reviews


class Line(Shape):
    rating: int


class Card(Shape):
    name: str
    in_stock: bool | None
    reviews: list[Line]


class Phone(ClientProfile):
    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        product = Catalog.product(product_id)
        stock = optional(Inventory.stock(product.sku))
        reviews = optional(Reviews.of_product(product_id), default=[])
        return Card.of(product, in_stock=stock.available > 0, reviews=each(reviews, Line.of))

    @endpoint.get("/live/{product_id}")
    async def live(self, product_id: int, catalog: Catalog) -> Card:
        raise NotImplementedError

    def helper(self) -> None:
        """Be none."""


class Tablet(Phone):
    """The same, wider."""


def test_calls_are_equal_to_operations_and_to_their_names() -> None:
    planned = plan(Phone.product)
    operations = {Catalog.product, Inventory.stock, Reviews.of_product}
    assert planned.calls == operations
    assert operations == planned.calls
    assert {"Catalog.product", "Inventory.stock", "Reviews.of_product"} == planned.calls
    assert planned.calls != {Catalog.product}
    assert Catalog.product in planned.calls
    assert "{Catalog.product, Inventory.stock, Reviews.of_product}" == repr(planned.calls)
    assert hash(planned.calls) == hash(plan(Phone, "product").calls)
    assert planned.calls != "Catalog.product"


def test_what_is_required_and_what_is_not() -> None:
    planned = plan(Phone.product)
    assert {Catalog.product} == planned.required
    assert {Inventory.stock, Reviews.of_product} == planned.optional


def test_steps_are_what_can_start_at_once_and_what_has_to_wait() -> None:
    at_once, later = plan(Phone.product).steps
    assert {Catalog.product, Reviews.of_product} == at_once
    assert {Inventory.stock} == later


def test_what_is_read_of_an_answer() -> None:
    planned = plan(Phone.product)
    assert {"sku", "name"} == planned.decodes(Catalog.product)
    assert {"[].rating"} == planned.decodes(Reviews.of_product)
    assert set[str]() == plan(Phone.product).decodes(Phone.product)


def test_an_inherited_endpoint_is_named_with_its_profile() -> None:
    assert plan(Tablet, "product").calls == plan(Phone.product).calls


def test_a_profile_inside_a_function_is_found_too() -> None:
    class Local(ClientProfile):
        @endpoint.get("/stock")
        def stock(self) -> Card:
            return Card(name="any", in_stock=Inventory.stock("sku-7").available > 0, reviews=[])

    assert {Inventory.stock} == plan(Local.stock).calls


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: plan(Phone.live), "`Phone.live` runs per request, and has no plan"),
    (lambda: plan(Phone, "prodcut"), "Phone has no endpoint `prodcut`\n.*name one of product, live"),
    (lambda: plan(Phone.helper), "Phone has no endpoint `helper`"),
    (lambda: plan(len), "`len` is no endpoint of a client profile"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_what_has_no_plan_is_refused(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        wrong()
