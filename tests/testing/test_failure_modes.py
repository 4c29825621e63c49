"""Every page is asked with every upstream failing in every way, and a file keeps what comes of it."""

from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

import pytest
from fastapi import Depends, Header, HTTPException
from pydantic import BaseModel, Field

from bff import BFF, ClientProfile, Shape, Timeout, Upstream, call, endpoint
from bff.testing import FailureModes, Fakes, PageModes, Request, UnfakedCall, failure_modes, run_virtual
from bff.testing._request import selecting
from tests.support.degrading import Inventory
from tests.support.degrading import app as phone


class Order(BaseModel):
    number: int


class NewOrder(BaseModel):
    sku: Annotated[str, Field(pattern=r"^[A-Z]{4}$")]
    count: Annotated[int, Field(gt=2)]


class Orders(Upstream):
    base_url = "http://orders.test"
    timeout = Timeout(total=1.0, per_try=0.4)
    retry = None

    @call.post("/orders")
    def order(self, order: NewOrder) -> Order: ...


class Ordered(Shape):
    number: int


def customer(authorization: Annotated[str, Header()] = "") -> str:
    if authorization != "let me in":
        raise HTTPException(401)
    return "somebody"


class Counter(ClientProfile):
    @endpoint.post("/orders", status_code=201)
    async def order(self, order: NewOrder, day: date, orders: Orders) -> Ordered:
        made = await orders.order(order)
        return Ordered(number=made.number)

    @endpoint.get("/mine")
    async def mine(self, name: Annotated[str, Depends(customer)], inventory: Inventory) -> Ordered:
        items = await inventory.stocks(["a", "b"])
        assert ["a", "b"] == [item.sku for item in items]
        return Ordered(number=len(items))


counter = BFF(Counter, observers=())


@pytest.fixture(scope="module")
def card() -> PageModes:
    (page,) = failure_modes(phone).pages
    return page


def rows(page: PageModes) -> dict[str, tuple[str, str, str, str]]:
    return {line: row.cells for row in (*page.alone(), *page.in_pairs()) for line in row.failing}


def test_each_upstream_fails_in_every_way_alone_and_with_each_other(card: PageModes) -> None:
    assert 1 + 3 * 5 + 3 * 25 == len(card.modes)
    assert 1 + 3 * 5 + 3 * 25 == len({mode.failing for mode in card.modes})


def test_answers_are_made_up_so_that_all_is_well_where_nothing_fails(card: PageModes) -> None:
    assert ("200", "", "0 s", "Catalog.product, Reviews.of_product, Inventory.stock") == rows(card)["nothing"]


def test_a_row_says_what_a_client_gets_after_how_long_for_how_many_calls(card: PageModes) -> None:
    found = rows(card)
    calls = "Catalog.product, Reviews.of_product, Inventory.stock"
    assert ("502 unreachable", "", "0.15 s", "Catalog.product (3), Reviews.of_product") == found["catalog refused"]
    assert ("504 timeout", "", "0.85 s", "Catalog.product (2), Reviews.of_product") == found["catalog timeout"]
    assert ("200", "available", "0 s", calls) == found["inventory refused, status, malformed"]
    assert ("200", "available", "0.3 s", calls) == found["inventory timeout"]
    both = "Catalog.product, Reviews.of_product (2), Inventory.stock"
    assert ("200", "reviews", "0.1 s", both) == found["reviews refused, status"]
    assert ("200", "reviews", "0.5 s", both) == found["reviews timeout"]


def test_pairs_that_a_client_cannot_tell_apart_are_one_row_with_ranges(card: PageModes) -> None:
    kinds = "refused, timeout, status, malformed"
    calls = "Catalog.product, Reviews.of_product (1 to 2), Inventory.stock"
    assert ("200", "available, reviews", "0 to 0.5 s", calls) == rows(card)[f"inventory {kinds} with reviews {kinds}"]


def test_the_same_app_gives_the_same_table() -> None:
    assert failure_modes(phone) == failure_modes(phone)


def test_data_has_every_single_outcome(card: PageModes) -> None:
    (page,) = FailureModes((card,)).to_dict()["pages"]
    (mode,) = (mode for mode in page["modes"] if mode["failing"] == {"inventory": "slow", "reviews": "timeout"})
    expected: dict[str, object] = {
        "failing": {"inventory": "slow", "reviews": "timeout"},
        "status": 200,
        "cause": "",
        "missing": {"reviews": "timeout"},
        "committed": [],
        "seconds": 0.5,
        "calls": {"Catalog.product": 1, "Reviews.of_product": 2, "Inventory.stock": 1},
    }
    assert expected == mode


def test_it_has_a_loop_of_its_own() -> None:
    async def main() -> None:
        failure_modes(phone)

    with pytest.raises(RuntimeError, match="call it from a plain function"):
        run_virtual(main())


class TestPagesThatRunPerRequest:
    """They are asked with everything that their OpenAPI requires."""

    def test_a_write_with_a_body_is_asked(self) -> None:
        found = rows(failure_modes(counter).pages[0])
        assert ("201", "", "0 s", "Orders.order") == found["nothing"]
        assert ("502 status", "", "0 s", "Orders.order") == found["orders status"]
        assert ("504 timeout", "", "0.4 s", "Orders.order") == found["orders timeout"]

    def test_a_page_that_refuses_what_it_is_asked_says_so(self) -> None:
        page = failure_modes(counter).pages[1]
        assert "it answers 401 though nothing fails: say how to ask it" == page.note

    def test_headers_go_with_every_request(self) -> None:
        page = failure_modes(counter, headers={"authorization": "let me in"}).pages[1]
        assert ("", ("200", "", "0 s", "Inventory.stocks")) == (page.note, rows(page)["nothing"])


class Riddle(BaseModel):
    code: Annotated[str, Field(pattern=r"^[a-c]\d-x$")]


class Sphinx(Upstream):
    base_url = "http://sphinx.test"

    @call.get("/riddle/{code}")
    def ask(self, code: str) -> Riddle: ...


class Pilgrim(ClientProfile):
    @endpoint.get("/riddle")
    async def riddle(self, code: Annotated[str, Field(pattern=r"^[a-c]\d-x$")], sphinx: Sphinx) -> Ordered:
        await sphinx.ask(code)
        return Ordered(number=1)


class Web(ClientProfile):
    @endpoint.get("/stock")
    async def stock(self, sku: str, only: Literal["few", "many"], inventory: Inventory) -> Ordered:
        return Ordered(number=(await inventory.stock(f"{only} {sku}")).available)


class Tablet(Web):
    """The same, somewhere else."""


def test_the_pages_of_several_profiles_are_asked_where_they_are() -> None:
    pages = failure_modes(BFF(Web, Tablet, observers=())).pages
    assert ["GET /web/stock", "GET /tablet/stock"] == [page.title for page in pages]
    assert [("", "200"), ("", "200")] == [(page.note, rows(page)["nothing"][0]) for page in pages]


@pytest.mark.parametrize(
    ("header", "value"),
    [(("X-Client", "tablet"), "tablet"), (("x-client", ">2"), "2.0.1"), (("x-client", "<2"), "0"), (None, None)],
)
def test_a_profile_that_is_chosen_by_a_header_is_sent_it(header: tuple[str, str] | None, value: str | None) -> None:
    assert value == selecting(SimpleNamespace(header=header)).get("x-client")


def test_a_page_may_be_told_how_to_be_asked_by_its_name() -> None:
    requests = {"Tablet.stock": Request("/tablet/stock?sku=a&only=none")}
    web, tablet = failure_modes(BFF(Web, Tablet, observers=()), requests=requests).pages
    assert ("", "it answers 422 though nothing fails: say how to ask it") == (web.note, tablet.note)


class TestWhatCannotBeMadeUp:
    def app(self) -> BFF:
        return BFF(Pilgrim, observers=())

    def test_a_request_that_cannot_be_made_up_is_not_made(self) -> None:
        (page,) = failure_modes(self.app()).pages
        assert (r"not asked: `code` has to match '^[a-c]\\d-x$'", ()) == (page.note, page.modes)

    def test_an_answer_that_cannot_be_made_up_has_to_be_faked(self) -> None:
        requests = {"GET /riddle": Request("/riddle?code=a1-x")}
        with pytest.raises(UnfakedCall, match="no `Riddle` could be made up: `code` has to match"):
            failure_modes(self.app(), requests=requests)
        fakes = Fakes()
        fakes.on(Sphinx.ask).returns({"code": "a1-x"})
        (page,) = failure_modes(self.app(), requests=requests, fakes=fakes).pages
        assert ("200", "", "0 s", "Sphinx.ask") == rows(page)["nothing"]


class TestSnapshots:
    def test_a_file_that_is_not_there_is_written_and_then_compared_with(self, tmp_path: Path) -> None:
        kept, modes = tmp_path / "failures.md", failure_modes(phone)
        modes.assert_matches(kept)
        assert modes.to_markdown() == kept.read_text()
        modes.assert_matches(kept)

    def test_what_degrades_in_another_way_is_an_error_with_the_difference(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept, modes = tmp_path / "failures.md", failure_modes(phone)
        kept.write_text(modes.to_markdown().replace("| 502 contract |", "| 200 |"))
        with pytest.raises(AssertionError) as raised:
            modes.assert_matches(kept)
        assert "-| catalog malformed | 200 |" in str(raised.value)
        assert "+| catalog malformed | 502 contract |" in str(raised.value)
        assert "BFF_UPDATE_SNAPSHOTS=1" in str(raised.value)
        monkeypatch.setenv("BFF_UPDATE_SNAPSHOTS", "1")
        modes.assert_matches(kept)
        assert modes.to_markdown() == kept.read_text()


class Size(Enum):
    SMALL = "small"


class Node(BaseModel):
    name: str
    children: list["Node"]
    parent: "Node | None"


class Everything(BaseModel):
    on: date
    price: Decimal
    size: Size
    kind: Literal["a", "b"]
    flag: bool
    nothing: None
    free: dict[str, int]
    pair: tuple[int, str]
    tree: Node
    few: Annotated[list[float], Field(min_length=3)]
    short: Annotated[str, Field(max_length=3)]
    even: Annotated[int, Field(ge=7, multiple_of=2)]
    below: Annotated[float, Field(gt=0, lt=1)]
    said: str = Field(examples=["as told"], alias="Said")


class Whole(Upstream):
    base_url = "http://whole.test"

    @call.get("/whole/{size}")
    def whole(self, size: str) -> Everything: ...


class Kept(Shape):
    said: str
    even: int
    below: float
    short: str
    size: Size


class Reader(ClientProfile):
    @endpoint.get("/whole")
    async def whole(self, whole: Whole) -> Kept:
        found = await whole.whole("small")
        return Kept(said=found.said, even=found.even, below=found.below, short=found.short, size=found.size)


def test_values_of_every_sort_are_made_up() -> None:
    (page,) = failure_modes(BFF(Reader, observers=())).pages
    assert ("200", "", "0 s", "Whole.whole") == rows(page)["nothing"]
