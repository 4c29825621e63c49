"""`bff check` says what is wrong before traffic, asks live upstreams whether they keep their word, and ends for CI."""

import json
import re
import sys
import textwrap
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from typer.testing import CliRunner, Result

from bff.cli._main import commands
from examples.upstreams import catalog, inventory, orders, reviews

SHOP = """
from pydantic import BaseModel
from bff import BFF, ClientProfile, Shape, Timeout, Upstream, call, endpoint

class Item(BaseModel):
    id: int
    name: str

class Shop(Upstream):
    base_url = "http://127.0.0.1:9"
    timeout = Timeout(total=0.5)

    @call.get("/items/{item_id}")
    def item(self, item_id: int) -> Item: ...

class Card(Shape):
    id: int
    name: str

class Web(ClientProfile):
    deadline = 2.0

    @endpoint.get("/items/{item_id}")
    def item(self, item_id: int) -> Card:
        return Card.of(Shop.item(item_id))

app = BFF(Web)
"""


def check(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["check", *arguments])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Write an app down as a module in the current folder, with parts of it swapped; return the module's name."""
    name = f"shop_{abs(hash(request.node.nodeid))}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.delitem(sys.modules, name)

    def write(old: str = "", new: str = "") -> str:
        (tmp_path / f"{name}.py").write_text(SHOP.replace(old, new) if old else SHOP)
        return name

    return write


@contextmanager
def served(app: Any) -> "Generator[str]":
    """Serve an app on a real socket of its own; return its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    started = threading.Event()
    startup = server.startup

    async def starting(*arguments: Any, **options: Any) -> None:
        await startup(*arguments, **options)
        started.set()

    server.startup = starting  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(30)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


class TestStatus:
    def test_without_problems_it_is_0(self, shop: Any) -> None:
        result = check(shop())
        assert (0, "no problems in 1 endpoint, 1 upstream\n") == (result.exit_code, result.stdout)

    def test_an_error_is_1(self, shop: Any) -> None:
        result = check(shop("total=0.5", "total=0.5, per_try=2.0"))
        assert 1 == result.exit_code
        expected = """\
            error[per-try-past-deadline]  Shop.timeout  SHOP.py:11
                one try may take 2 s, and a request of Web 2 s in all
                mend: lower `per_try` below the deadline, so that a hanging try fails in time for another

            1 error in 1 endpoint, 1 upstream
        """
        assert textwrap.dedent(expected).rstrip() == re.sub(r"shop_\d+", "SHOP", result.stdout).rstrip()

    def test_a_warning_is_0_unless_it_is_to_be_strict(self, shop: Any) -> None:
        name = shop("total=0.5", "total=3.0, per_try=0.5")
        assert (0, True) == ((result := check(name)).exit_code, "1 warning in" in result.stdout)
        assert 1 == check(name, "--strict").exit_code

    def test_declarations_with_problems_are_1(self, shop: Any) -> None:
        result = check(shop("deadline", "dedline"), "--format", "json")
        assert 1 == result.exit_code
        (found,) = json.loads(result.stdout)
        assert ("declaration", "error", "Web.dedline", "did you mean `deadline`?", 21) == tuple(
            found[key] for key in ("code", "severity", "where", "mend", "line")
        )

    def test_a_variable_with_a_problem_is_1(self, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BFF_SHOP__TIMEOUT__TOTEL", "1")
        result = check(shop(), "--format", "json")
        (found,) = json.loads(result.stdout)
        assert (1, "setting", "BFF_SHOP__TIMEOUT__TOTEL", None) == (
            result.exit_code,
            found["code"],
            found["where"],
            found["file"],
        )

    def test_a_module_that_breaks_is_1_and_shows_where(self, shop: Any) -> None:
        result = check(shop("app = BFF(Web)", "app = 1 / 0"))
        assert (1, True) == (result.exit_code, "ZeroDivisionError" in result.stderr)

    def test_no_app_is_2(self) -> None:
        result = check("no_such_module")
        assert (2, True) == (result.exit_code, "There is no module `no_such_module`" in result.stderr)

    @pytest.mark.parametrize(
        "against", ["http://elsewhere.test", "http://x:port", "nobody=http://127.0.0.1:9", "openapi.json"]
    )
    def test_a_document_of_nobody_knows_whom_is_2(self, against: str) -> None:
        result = check("examples.mobile_bff.app", "--against", against)
        assert 2 == result.exit_code
        assert "catalog" in result.stderr or "is no address" in result.stderr


class TestFormats:
    def test_json_is_a_list_for_programs(self, shop: Any) -> None:
        assert "[]\n" == check(shop(), "--format", "json").stdout

    def test_github_is_told_in_its_own_words(self, shop: Any) -> None:
        name = shop("total=0.5", "total=0.5, per_try=2.0")
        told = check(name, "--format", "github").stdout
        assert told.startswith(
            f"::error file={name}.py,line=11,title=Shop.timeout%3A per-try-past-deadline::one try may"
        )
        assert "%0AMend: lower" in told


class Item(BaseModel):
    id: int
    name: str


class Renamed(BaseModel):
    id: int
    title: str


class Loose(BaseModel):
    id: str
    name: str | None


def upstream(model: type[BaseModel]) -> FastAPI:
    app = FastAPI()

    @app.get("/items/{id}", response_model=model)
    async def item(id: int) -> None: ...  # noqa: A002 - the name on the wire

    return app


class TestAgainst:
    @pytest.mark.parametrize(
        ("model", "codes"),
        [
            (Item, []),
            (Renamed, ["field-missing"]),
            (Loose, ["type-changed", "may-be-null"]),
        ],
    )
    def test_a_live_upstream_is_asked_for_its_document(
        self, shop: Any, model: type[BaseModel], codes: list[str]
    ) -> None:
        with served(upstream(model)) as address:
            result = check(shop("http://127.0.0.1:9", address), "--against", address, "--format", "json")
        found = json.loads(result.stdout)
        assert (bool(codes), codes) == (bool(result.exit_code), [each["code"] for each in found])
        assert {"Shop.item"} >= {each["where"] for each in found}

    def test_the_place_of_drift_is_the_field_of_the_contract(self, shop: Any) -> None:
        with served(upstream(Renamed)) as address:
            result = check(shop("http://127.0.0.1:9", address), "--against", "all")
        assert "error[field-missing]  Shop.item  " in result.stdout
        assert ".py:7\n    `name` is not there any more" in result.stdout
        assert "1 error in 1 endpoint, 1 upstream, 1 document" in result.stdout

    def test_the_examples_keep_their_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """All three ways to say it: by the address that an upstream is at, by its name, and all at once."""
        apps = (catalog.app, inventory.app, reviews.app, orders.app)
        with ExitStack() as stack:
            one, two, three, four = (stack.enter_context(served(app)) for app in apps)
            for name, address in (("CATALOG", one), ("INVENTORY", two), ("REVIEWS", three), ("ORDERS", four)):
                monkeypatch.setenv(f"BFF_{name}__BASE_URL", address)
            sys.modules.pop("examples.web_bff.app", None)
            local = one.replace("127.0.0.1", "localhost")
            for against in (["all"], [local, two, three, four], [f"catalog={one}/openapi.json", f"inventory={two}"]):
                options = [part for each in against for part in ("--against", each)]
                result = check("examples.web_bff.app", *options, "--format", "json")
                # A page that writes step by step may take longer at worst than it has: that is known, and no drift.
                codes = {finding["code"] for finding in json.loads(result.stdout)}
                assert (0, {"worst-case-past-deadline"}) == (result.exit_code, codes)
        sys.modules.pop("examples.web_bff.app", None)

    def test_an_upstream_that_is_not_there_is_a_problem(self, shop: Any) -> None:
        result = check(shop(), "--against", "all")
        assert (1, True) == (result.exit_code, "error[no-document]  Shop" in result.stdout)

    @pytest.mark.parametrize("place", ["http://user:secret@127.0.0.1:9", "http://user:secret@127.0.0.1:port"])
    def test_a_credential_in_an_address_is_not_shown(self, shop: Any, place: str) -> None:
        result = check(shop(), "--against", f"shop={place}")
        assert (1, False) == (result.exit_code, "secret" in result.stdout + result.stderr)

    def test_a_service_without_a_document_says_what_it_answers(self, shop: Any) -> None:
        with served(FastAPI(openapi_url=None)) as address:
            result = check(shop("http://127.0.0.1:9", address), "--against", "all")
        assert (1, True) == (result.exit_code, "/openapi.json answers 404" in result.stdout)

    @pytest.mark.parametrize("place", ["/docs/openapi", "/docs/openapi.json", "/docs"])
    def test_a_document_may_be_elsewhere(self, shop: Any, place: str) -> None:
        app = upstream(Renamed)
        app.openapi_url = "/docs/openapi" if place == "/docs/openapi" else "/docs/openapi.json"
        app.docs_url = None
        app.setup()
        with served(app) as address:
            result = check(shop(), "--against", f"shop={address}{place}")
        assert (1, True) == (result.exit_code, "field-missing" in result.stdout)


DOCUMENT = {
    "openapi": "3.0.3",
    "servers": [{"url": "https://shop.test/api"}],
    "paths": {
        "/items/{itemId}": {
            "parameters": [{"$ref": "#/components/parameters/ItemId"}],
            "get": {"responses": {"200": {"$ref": "#/components/responses/Item"}}},
        }
    },
    "components": {
        "parameters": {"ItemId": {"name": "itemId", "in": "path", "required": True, "schema": {"type": "integer"}}},
        "responses": {"Item": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}},
        "schemas": {
            "Named": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string", "nullable": True}},
            },
            "Item": {
                "allOf": [
                    {"$ref": "#/components/schemas/Named"},
                    {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}},
                ]
            },
        },
    },
}


class TestFiles:
    def test_a_document_of_openapi_3_0_may_be_a_file(self, shop: Any, tmp_path: Path) -> None:
        (tmp_path / "shop.json").write_text(json.dumps(DOCUMENT))
        result = check(shop(), "--against", "shop.json", "--format", "json")
        assert [("may-be-null", "`name` may be null there, and the contract says `str`")] == [
            (each["code"], each["what"]) for each in json.loads(result.stdout)
        ]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (None, "cannot be read"),
            ("openapi: 3.0.0", "is no JSON"),
            ("[]", "is no OpenAPI document"),
            ('{"swagger": "2.0", "paths": {}}', "one of version 2.0"),
            ('{"openapi": "3.1.0"}', "is no OpenAPI 3 document"),
        ],
    )
    def test_what_is_no_document_is_a_problem(self, shop: Any, tmp_path: Path, text: str | None, words: str) -> None:
        if text is not None:
            (tmp_path / "shop.json").write_text(text)
        result = check(shop(), "--against", "shop=shop.json")
        assert (1, True) == (result.exit_code, words in result.stdout)
