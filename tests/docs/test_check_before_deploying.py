"""The page on `bff check` tells the truth: its app is checked, and says what the page says."""

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bff.cli._main import commands

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "how-to" / "check-before-deploying.md").read_text()
REFERENCE = (DOCS / "reference" / "command-line.md").read_text()


def test_the_page_shows_what_a_check_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = dict(re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    sys.modules.pop("shop", None)
    Path("shop.py").write_text(blocks["shop.py"])
    document = {
        "openapi": "3.1.0",
        "paths": {"/items/{id}": {"get": {"responses": {"200": {"content": {"application/json": {"schema": ITEM}}}}}}},
    }
    Path("shop.json").write_text(json.dumps(document))
    try:
        said = CliRunner().invoke(commands, ["check", "shop"]).stdout
        drifted = CliRunner().invoke(commands, ["check", "shop", "--against", "shop.json"]).stdout
    finally:
        sys.modules.pop("shop", None)
    assert blocks["bff check shop"] == said
    findings = blocks["bff check shop --against all"].strip().split("\n\n")
    assert findings == [finding for finding in drifted.split("\n\n") if "Shop.item" in finding]


ITEM = {
    "type": "object",
    "required": ["id", "title", "weight"],
    "properties": {"id": {"type": "string"}, "title": {"type": "string"}, "weight": {"type": "number"}},
}


def test_the_reference_names_every_code_and_no_other() -> None:
    modules = ("plan/_check.py", "plan/_width.py", "plan/_agree.py", "plan/_drift.py", "cli/_check.py")
    sources = [(ROOT / "bff" / module).read_text() for module in modules]
    codes = {code for source in sources for code in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source)} - {"content-type"}
    first_cells = re.findall(r"^\| (`[^|]+`) \|", REFERENCE.partition("## bff check")[2], re.MULTILINE)
    named = {code for cell in first_cells for code in re.findall(r"`([a-z-]+)`", cell)}
    assert codes | {"declaration", "setting"} == {code for code in named if not code.startswith("--")} - {
        "json",
        "github",
    }
