"""FastAPI's description of an answer is made when the document is asked for; what may have none is tried out before."""

from datetime import date
from typing import Any

from bff import BFF, ClientProfile, Shape, endpoint


class Card(Shape):
    name: str


class Client(ClientProfile):
    @endpoint.get("/card")
    def card(self, name: str) -> Card:
        return Card(name=name)

    @endpoint.get("/cards")
    def cards(self, name: str) -> list[Card | None]:
        return [Card(name=name), None]

    @endpoint.get("/day")
    def day(self, day: date) -> date:
        return day


class Careless(ClientProfile):
    @endpoint.get("/thing")
    async def thing(self) -> Any: ...


def described(app: BFF) -> list[str]:
    return [page.declared.name for page in app.pages if "response_field" in vars(page)]


def test_what_shapes_and_plain_values_are_made_of_is_described_when_the_document_is_asked_for() -> None:
    app = BFF(Client)
    assert ["day"] == described(app)
    app.openapi()
    assert ["card", "cards", "day"] == described(app)


def test_the_document_names_an_answer_after_its_page() -> None:
    content = BFF(Client).openapi()["paths"]["/cards"]["get"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"]["title"] == "Response Cards Cards Get"


def test_an_answer_of_anything_is_tried_out_at_once() -> None:
    assert ["thing"] == described(BFF(Careless))
