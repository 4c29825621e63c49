"""`bff faults` prints what clients get when upstreams fail, writes it, and holds an app to what was written."""

import json
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bff.cli._main import commands
from bff.testing import failure_modes
from tests.support.degrading import app

PHONE = "tests.support.degrading"


def bff(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["faults", *arguments])


def test_it_prints_a_table_for_each_page() -> None:
    result = bff(PHONE)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert 0 == result.exit_code
    assert "GET /products/{product_id} Phone.product" in lines
    assert "catalog refused 502 unreachable 0.15 s Catalog.product (3), Reviews.of_product" in lines
    assert "catalog malformed with inventory any 502 contract 0 s Catalog.product, Reviews.of_product" in lines


def test_json_is_for_programs() -> None:
    assert failure_modes(app).to_dict() == json.loads(bff(PHONE, "--format", "json").stdout)


def test_markdown_is_for_a_repository() -> None:
    assert failure_modes(app).to_markdown() == bff(PHONE, "--format", "markdown").stdout


def test_what_was_written_is_what_is_checked(tmp_path: Path) -> None:
    kept = tmp_path / "failures.md"
    assert 0 == bff(PHONE, "--output", str(kept)).exit_code
    assert failure_modes(app).to_markdown() == kept.read_text()
    assert 0 == bff(PHONE, "--check", str(kept)).exit_code
    kept.write_text(kept.read_text().replace("| 504 timeout |", "| 200 |"))
    result = bff(PHONE, "--check", str(kept))
    assert 1 == result.exit_code
    assert "-| catalog timeout | 200 |" in result.stdout
    assert "+| catalog timeout | 504 timeout |" in result.stdout
    assert "accepts it" in result.stderr


def test_a_file_of_json_is_checked_too(tmp_path: Path) -> None:
    kept = tmp_path / "failures.json"
    assert 0 == bff(PHONE, "--format", "json", "--output", str(kept)).exit_code
    assert 0 == bff(PHONE, "--format", "json", "--check", str(kept)).exit_code


def test_a_file_that_is_not_there_is_no_match(tmp_path: Path) -> None:
    assert 1 == bff(PHONE, "--check", str(tmp_path / "none.md")).exit_code


def test_one_endpoint_is_asked_alone() -> None:
    result = bff("examples.mobile_bff.app", "GET /search")
    assert (0, True, False) == (result.exit_code, "Mobile.search" in result.stdout, "Mobile.product" in result.stdout)
    assert 2 == bff("examples.mobile_bff.app", "GET /serach").exit_code


RIDDLE = """
    from typing import Annotated
    from pydantic import BaseModel, Field
    from bff import BFF, ClientProfile, Shape, Upstream, call, endpoint
    from bff.testing import Fakes

    class Answer(BaseModel):
        code: Annotated[str, Field(pattern="^[a-c]x$")]

    class Sphinx(Upstream):
        base_url = "http://sphinx.test"

        @call.get("/riddle")
        def ask(self) -> Answer: ...

    class Told(Shape):
        code: str

    class Pilgrim(ClientProfile):
        @endpoint.get("/riddle")
        def riddle(self) -> Told:
            return Told(code=Sphinx.ask().code)

    app = BFF(Pilgrim)

    def fakes() -> Fakes:
        made = Fakes()
        made.on(Sphinx.ask).returns({"code": "ax"})
        return made

    nothing = 7
    """


class TestFakes:
    @pytest.fixture(autouse=True)
    def riddle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "riddle_app.py").write_text(textwrap.dedent(RIDDLE))

    def test_what_cannot_be_made_up_is_named(self) -> None:
        result = bff("riddle_app")
        assert 2 == result.exit_code
        assert "Sphinx.ask() is not faked" in result.stderr
        assert "no `Answer` could be made up: `code` has to match '^[a-c]x$'" in result.stderr

    @pytest.mark.parametrize("name", ["riddle_app:fakes", "riddle_app"])
    def test_and_can_be_given(self, name: str) -> None:
        result = bff("riddle_app", "--fakes", name)
        assert (0, True) == (result.exit_code, "sphinx malformed" in result.stdout)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("riddle_app:nobody", "there is no `riddle_app:nobody`"),
            ("no_such_module", "there is no `no_such_module`"),
            ("riddle_app:nothing", "`riddle_app:nothing` is a int, and no Fakes"),
        ],
    )
    def test_what_is_no_fakes_is_refused(self, name: str, words: str) -> None:
        result = bff("riddle_app", "--fakes", name)
        assert (2, True) == (result.exit_code, words in result.stderr)
