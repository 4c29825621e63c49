"""A Shape that is just its fields is written as data; one with rules of its own is validated, and the plan says so."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field, field_serializer, field_validator

from bff import BFF, ClientProfile, ContractViolation, Shape, each, endpoint
from bff.plan._plan import Plan
from tests.support.shop import Catalog, Image, Product


class Plain(Shape):
    name: str = "none"
    number: int = Field(alias="No", default=1)


class Validated(Shape):
    name: str

    @field_validator("name")
    @classmethod
    def is_short(cls, value: str) -> str:
        assert len(value) < 5, "it is too long"
        return value


class Computed(Shape):
    name: str

    @computed_field
    def length(self) -> int:
        return len(self.name)


class Serialized(Shape):
    name: str

    @field_serializer("name")
    def loudly(self, value: str) -> str:
        return value.upper()


class Constrained(Shape):
    name: str = Field(max_length=4)


class Hidden(Shape):
    name: str = Field(exclude=True)


class Filled(Shape):
    name: str
    tags: list[str] = Field(default_factory=list[str])


class Prepared(Shape):
    name: str

    def model_post_init(self, context: Any, /) -> None:
        self.name = self.name.title()


class Framed(Shape):
    image: Image


class Aliased(Shape):
    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(serialization_alias="title")


PRODUCT = Product(id=7, sku="s", name="Lamp", images=[Image(url="u", width=1)])


def planned(shape: type[Shape], **values: Any) -> Plan:
    class Phone(ClientProfile):
        @endpoint.get("/page")
        def page(self) -> object:
            return shape.of(Catalog.product(7), **values)

    return BFF(Phone).plans[0]


def answer(plan: Plan, product: Product = PRODUCT) -> Any:
    value = plan.answer([product], [None], {}, None, [])
    return value.model_dump(by_alias=True) if isinstance(value, BaseModel) else value


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(Plain, {"name": "Lamp", "No": 1}), (Aliased, {"title": "Lamp"})],
)
def test_a_shape_that_is_just_its_fields_is_data_by_its_names_on_the_wire(shape: type[Shape], expected: Any) -> None:
    plan = planned(shape)
    assert ((), expected) == (plan.notes, plan.answer([PRODUCT], [None], {}, None, []))


@pytest.mark.parametrize(
    ("shape", "reason", "expected"),
    [
        (Validated, "it has validators", {"name": "Lamp"}),
        (Computed, "it has computed fields", {"name": "Lamp", "length": 4}),
        (Serialized, "it has serializers", {"name": "LAMP"}),
        (Constrained, "`name` has constraints", {"name": "Lamp"}),
        (Hidden, "`name` is left out or made anew at run time", {}),
        (Filled, "`tags` is left out or made anew at run time", {"name": "Lamp", "tags": []}),
        (Prepared, "it does something of its own when it is built", {"name": "Lamp"}),
    ],
)
def test_a_shape_with_rules_of_its_own_is_validated(shape: type[Shape], reason: str, expected: Any) -> None:
    plan = planned(shape)
    note = f"{shape.__name__} is validated by pydantic for every request: {reason}"
    assert ((note,), expected) == (plan.notes, answer(plan))


@pytest.mark.parametrize("shape", [Validated, Constrained])
def test_what_breaks_the_rules_of_a_shape_is_a_violation(shape: type[Shape]) -> None:
    with pytest.raises(ContractViolation, match=rf"{shape.__name__}\.name: "):
        answer(planned(shape), PRODUCT.model_copy(update={"name": "Lighthouse"}))


def test_a_contract_inside_a_shape_is_passed_on_as_it_is() -> None:
    class Phone(ClientProfile):
        @endpoint.get("/page")
        def page(self) -> list[Framed]:
            return each(Catalog.product(7).images, lambda image: Framed(image=image))

    assert [{"image": PRODUCT.images[0]}] == answer(BFF(Phone).plans[0])
