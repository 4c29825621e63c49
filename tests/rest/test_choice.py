"""Several clients on the same paths: each request is answered by the profile that it belongs to."""

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from bff import BFF, ClientProfile, DeclarationError, Shape, endpoint, header
from tests.support.http import fetch
from tests.support.shop import Catalog, Wire, on


class Web(ClientProfile):
    """Whoever does not say what it is."""

    @endpoint.get("/who")
    def who(self) -> str:
        return self.name

    @endpoint.get("/wide")
    def wide(self) -> str:
        return "wide"


class Mobile(Web):
    header = {"x-client": "mobile"}  # noqa: RUF012 - nobody changes it
    wide = None  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]

    @endpoint.get("/small")
    def small(self) -> str:
        return "small"


class MobileV2(Mobile):
    header = {"x-client": "mobile", "x-app-version": ">=2"}  # noqa: RUF012 - as above


class Partner(Web):
    host = ("partner.example.com", "partner.example.org")


def who(app: Any, headers: Mapping[str, str], host: str = "test") -> str:
    return str(fetch(app, f"http://{host}/who", headers=headers).json())


@pytest.fixture(scope="module", name="app")
def every_client() -> BFF:
    return BFF(Web, Mobile, MobileV2, Partner, observers=())


@pytest.mark.parametrize(
    ("headers", "host", "client"),
    [
        ({}, "test", "web"),
        ({"x-client": "mobile"}, "test", "mobile"),
        ({"X-Client": "mobile", "X-App-Version": "1.9"}, "test", "mobile"),
        ({"x-client": "mobile", "x-app-version": "2.0"}, "test", "mobile-v2"),
        ({"x-client": "mobile", "x-app-version": "latest"}, "test", "mobile"),
        ({"x-app-version": "2.0"}, "test", "web"),
        ({"x-client": "fridge"}, "test", "web"),
        ({}, "partner.example.com", "partner"),
        ({}, "PARTNER.example.org:8000", "partner"),
        ({"x-client": "mobile", "x-app-version": "3"}, "partner.example.com", "mobile-v2"),
    ],
)
def test_a_request_goes_to_the_client_that_it_says_most_of(
    app: BFF, headers: dict[str, str], host: str, client: str
) -> None:
    assert client == who(app, headers, host)


def test_the_order_in_which_profiles_are_given_does_not_matter() -> None:
    app = BFF(MobileV2, Web, Partner, Mobile, observers=())
    said = {"x-client": "mobile", "x-app-version": "2"}
    assert ["mobile-v2", "mobile", "web"] == [who(app, said), who(app, {"x-client": "mobile"}), who(app, {})]


def test_a_version_comes_before_the_client_that_it_is_made_from() -> None:
    """With as many conditions, a subclass is the more particular: also a range before the exact value of its base."""

    class Second(Mobile):
        header = {"x-app-version": ">=2"}  # noqa: RUF012 - as above

    app = BFF(Mobile, Second, observers=())
    assert "second" == who(app, {"x-client": "mobile", "x-app-version": "2"})
    assert "mobile" == who(app, {"x-client": "mobile", "x-app-version": "1"})


def test_a_version_may_take_a_part_of_its_base_s_range() -> None:
    class First(Web):
        header = ("x-app-version", ">=1")

    class Second(First):
        header = ("x-app-version", ">=2")

    app = BFF(First, Second, observers=())
    assert ["first", "second"] == [who(app, {"x-app-version": version}) for version in ("1.5", "2.5")]


def test_an_exact_version_comes_before_a_range() -> None:
    class Modern(Web):
        header = ("x-app-version", ">=2")

    class Broken(Web):
        header = ("x-app-version", "2.3.1")

    app = BFF(Modern, Broken, observers=())
    assert ["modern", "broken"] == [who(app, {"x-app-version": version}) for version in ("2.3", "2.3.1")]


def test_a_client_gets_no_page_of_another_one(app: BFF) -> None:
    """What a profile dropped is not there for its client, though another one has it; and the other way round."""
    mobile = {"x-client": "mobile"}
    assert [200, 404] == [fetch(app, "/wide").status_code, fetch(app, "/wide", headers=mobile).status_code]
    assert [404, 200] == [fetch(app, "/small").status_code, fetch(app, "/small", headers=mobile).status_code]
    assert 405 == fetch(app, "/small", method="POST", headers=mobile).status_code


def test_a_client_alone_answers_its_own_requests_and_no_others() -> None:
    app = BFF(Mobile, observers=())
    assert [200, 404] == [
        fetch(app, "/who", headers={"x-client": "mobile"}).status_code,
        fetch(app, "/who").status_code,
    ]


def test_health_and_documentation_are_for_everyone(app: BFF) -> None:
    mobile = {"x-client": "mobile"}
    assert [200, 200, 200] == [
        fetch(app, path, headers=mobile).status_code for path in ("/healthz", "/readyz", "/docs")
    ]


class TestPrefixes:
    def served(self, *profiles: type[ClientProfile]) -> list[str]:
        return sorted({page.path for page in BFF(*profiles, observers=()).pages if page.path.endswith("/who")})

    def test_profiles_with_selectors_share_the_root(self) -> None:
        assert ["/who"] == self.served(Mobile, MobileV2)

    def test_the_only_one_without_a_selector_takes_what_is_left(self) -> None:
        assert ["/who"] == self.served(Web, Mobile)

    def test_several_without_a_selector_have_their_prefixes(self) -> None:
        class Iot(Web):
            pass

        assert ["/iot/who", "/web/who", "/who"] == self.served(Web, Iot, Mobile)

    def test_a_prefix_and_a_selector_have_both_to_hold(self) -> None:
        class Beta(Mobile):
            prefix = "/beta"

        app = BFF(Web, Beta, observers=())
        mobile = {"x-client": "mobile"}
        assert "beta" == fetch(app, "/beta/who", headers=mobile).json()
        assert 404 == fetch(app, "/beta/who").status_code
        assert "web" == fetch(app, "/who", headers=mobile).json()


class TestVary:
    """Whatever could have come from another client's page says which headers decided."""

    class Price(Shape):
        name: str

    class Shop(ClientProfile):
        @endpoint.get("/title")
        def title(self) -> str:
            return Catalog.product(7).name

        @endpoint.get("/themed")
        def themed(self) -> str | None:
            return header("x-theme")

        @endpoint.get("/number/{number}")
        def number(self, number: int) -> int:
            return number

        @endpoint.post("/notes")
        async def note(self) -> str:
            return "noted"

    class Phone(Shop):
        header = ("x-client", "phone")

    class Desk(Shop):
        host = "desk.example.com"

    def app(self, wire: Wire | None = None) -> BFF:
        return BFF(self.Shop, self.Phone, self.Desk, upstreams=on(wire or Wire()), observers=())

    @pytest.mark.parametrize("headers", [{}, {"x-client": "phone"}], ids=["the rest", "a phone"])
    def test_answers_304s_errors_and_refusals_vary(self, headers: dict[str, str]) -> None:
        app = self.app()
        whole = fetch(app, "/title", headers=headers)
        again = fetch(app, "/title", headers={**headers, "if-none-match": whole.headers["etag"]})
        failed = fetch(self.app(Wire(failures={"catalog.test": 500})), "/title", headers=headers)
        others = [
            fetch(app, "/number/x", headers=headers),
            fetch(app, "/number/7", method="POST", headers=headers),
            fetch(app, "/notes", method="POST", headers=headers),
        ]
        answers = [whole, again, failed, *others]
        assert [200, 304, 502, 422, 405, 200] == [answer.status_code for answer in answers]
        assert ["x-client"] * 6 == [answer.headers.get("vary") for answer in answers]

    def test_a_header_that_the_page_reads_is_named_beside_them(self) -> None:
        assert "x-client, x-theme" == fetch(self.app(), "/themed").headers["vary"]

    def test_a_path_that_only_another_client_has_varies_in_its_absence(self) -> None:
        app = BFF(Web, Mobile, observers=())
        assert "x-client" == fetch(app, "/small").headers["vary"]
        assert "vary" not in fetch(app, "/nowhere").headers

    def test_a_host_is_a_part_of_the_address_and_needs_none(self) -> None:
        class Desk(Web):
            host = "desk.example.com"

        class Shelf(Web):
            host = "shelf.example.com"
            header = ("x-client", "shelf")

        app = BFF(Web, Desk, Shelf, observers=())
        assert "vary" not in fetch(app, "http://desk.example.com/who").headers
        assert "x-client" == fetch(app, "http://shelf.example.com/who").headers["vary"]

    def test_profiles_under_prefixes_do_not_vary(self) -> None:
        app = BFF(TestVary.Shop, Mobile, Web, observers=())
        assert "vary" not in fetch(app, "/shop/number/7").headers


class TestRefusals:
    """Two profiles that nothing tells apart are refused at start-up."""

    def refused(self, *profiles: type[ClientProfile]) -> str:
        with pytest.raises(DeclarationError) as caught:
            BFF(*profiles, observers=())
        (problem,) = caught.value.problems
        return problem.what

    def test_the_same_header(self) -> None:
        class Phone(Web):
            header = ("X-Client", "mobile")

        expected = "one request may be that of Mobile and of Phone: their selectors overlap"
        assert expected == self.refused(Mobile, Phone)

    def test_a_subclass_that_says_nothing_else(self) -> None:
        class Tablet(Mobile):
            pass

        assert "of Mobile and of Tablet" in self.refused(Mobile, Tablet)

    def test_ranges_that_overlap(self) -> None:
        class First(Web):
            header = ("v", ">=1")

        class Second(Web):
            header = ("v", ">=2")

        assert "of First and of Second" in self.refused(First, Second)

    def test_one_host_of_several(self) -> None:
        class Other(Web):
            host = "partner.example.org"

        assert "of Partner and of Other" in self.refused(Partner, Other)

    def test_two_that_would_both_take_what_is_left(self) -> None:
        class Root(Web):
            prefix = ""

        class Base(Web):
            prefix = ""

        assert "Root and Base are both served under `/`" == self.refused(Root, Base, Mobile)


class TestInAnotherApp:
    def test_a_router_takes_those_requests_alone_that_are_its_client_s(self) -> None:
        existing = FastAPI()
        existing.include_router(MobileV2.router(observers=()))
        existing.include_router(Mobile.router(observers=()))
        existing.include_router(Web.router(observers=()))
        mobile = {"x-client": "mobile"}
        assert ["web", "mobile", "mobile-v2"] == [
            who(existing, headers) for headers in ({}, mobile, {**mobile, "x-app-version": "2"})
        ]
        assert {"/who", "/wide", "/small"} == {*existing.openapi()["paths"]}


class TestOpenAPI:
    """One document for all: a path that clients share has one operation, which stands for any of them."""

    class Wide(Shape):
        name: str
        text: str

    class Narrow(Shape):
        name: str

    class Desk(ClientProfile):
        @endpoint.get("/page/{number}")
        def page(self, number: int, width: int) -> "TestOpenAPI.Wide":
            return TestOpenAPI.Wide(name="n", text="t")

    class Phone(ClientProfile):
        header = {"x-client": "phone"}  # noqa: RUF012 - nobody changes it

        @endpoint.get("/page/{number}")
        def page(self, number: int, width: int, dense: bool) -> "TestOpenAPI.Narrow":
            return TestOpenAPI.Narrow(name="n")

        @endpoint.get("/phone")
        def own(self) -> int:
            return 1

    class Watch(Phone):
        header = {"x-client": "watch", "x-app-version": ">=2"}  # noqa: RUF012 - as above

    def document(self) -> Any:
        return BFF(self.Phone, self.Desk, self.Watch, observers=()).openapi()

    def test_an_answer_is_that_of_any_client(self) -> None:
        document = self.document()
        assert {"/page/{number}", "/phone"} == {*document["paths"]}
        operation = document["paths"]["/page/{number}"]["get"]
        shown = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert {"Wide", "Narrow"} == {part["$ref"].rpartition("/")[2] for part in shown["anyOf"]}
        assert ["desk", "phone", "watch"] == sorted(operation["tags"])

    def test_what_only_one_client_sends_is_not_required(self) -> None:
        parameters = self.document()["paths"]["/page/{number}"]["get"]["parameters"]
        required = {parameter["name"]: parameter["required"] for parameter in parameters}
        assert {
            "number": True,
            "width": True,
            "dense": False,
            "x-client": False,
            "x-app-version": False,
        } == required

    def test_what_selects_a_client_is_documented(self) -> None:
        parameters = {p["name"]: p for p in self.document()["paths"]["/phone"]["get"]["parameters"]}
        choices = {choice["const"] for choice in parameters["x-client"]["schema"]["anyOf"]}
        assert ({"phone", "watch"}, "a version >=2") == (choices, parameters["x-app-version"]["schema"]["description"])

    def test_a_body_is_that_of_any_client(self) -> None:
        class Short(BaseModel):
            text: str

        class Long(Short):
            title: str

        class Notes(ClientProfile):
            @endpoint.post("/notes")
            async def add(self, body: Long) -> str:
                return body.title

            @endpoint.put("/notes")
            async def clear(self) -> None:
                return None

        class PhoneNotes(ClientProfile):
            header = ("x-client", "phone")

            @endpoint.post("/notes")
            async def add(self, body: Short) -> str:
                return body.text

            @endpoint.put("/notes")
            async def replace(self, body: Short) -> None:
                return None

        path: Any = BFF(Notes, PhoneNotes, observers=()).openapi()["paths"]["/notes"]
        shown = path["post"]["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
        assert ["Long", "Short"] == [part["$ref"].rpartition("/")[2] for part in shown]
        assert [True, False] == [path[method]["requestBody"]["required"] for method in ("post", "put")]

    def test_asking_twice_gives_the_same_document(self) -> None:
        app = BFF(self.Phone, self.Desk, observers=())
        first = str(app.openapi())
        assert first == str(app.openapi())
        assert 200 == fetch(app, "/page/7?width=1").status_code
        assert "/page/7" == app.url_path_for("page", number=7)
