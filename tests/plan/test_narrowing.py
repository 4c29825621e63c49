"""A Shape leaves as what is declared: what a subclass adds stays inside."""

from collections.abc import Callable
from typing import Any

import pytest

from bff import BFF, ClientProfile, Shape, each, endpoint, optional
from tests.support.shop import Catalog, Product


class Hit(Shape):
    id: int


class Card(Hit):
    name: str


class Page(Shape):
    best: Hit
    others: list[Hit] | None


PRODUCT = Product(id=7, sku="s", name="Lamp", images=[])
HIT, CARD = {"id": 7}, {"id": 7, "name": "Lamp"}


def card() -> Card:
    return Card.of(Catalog.product(7))


@pytest.mark.parametrize(
    ("returns", "body", "answer"),
    [
        (Card, card, CARD),
        (Hit, card, HIT),
        (Hit | None, card, HIT),
        (Card | Hit, card, CARD),
        (object, card, CARD),
        (list[Hit], lambda: [card()], [HIT]),
        (list[Hit], lambda: each(Catalog.product(7).images, lambda _: card()), []),
        (Hit, lambda: optional(card(), default=Card(id=1, name="none")), HIT),
        (Page, lambda: Page(best=card(), others=[card()]), {"best": HIT, "others": [HIT]}),
    ],
)
def test_the_answer_has_the_fields_of_what_is_declared(returns: Any, body: Callable[[], Any], answer: Any) -> None:
    def page(self: ClientProfile) -> object:
        return body()

    page.__annotations__["return"] = returns
    profile = type("Phone", (ClientProfile,), {"page": endpoint.get("/page")(page)})
    plan = BFF(profile).plans[0]
    assert answer == plan.answer([PRODUCT], [None], {}, None, [None] * plan.slots)
