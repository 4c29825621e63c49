"""The code of the how-to on several clients runs, and answers as it says."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from bff.declare._profile_settings import SETTINGS
from tests.support.http import fetch

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve-several-clients.md"
BLOCK = re.compile(r'^```(python title="clients.py"|http title="GET (.+?)"|json)\n(.*?)^```', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """A request that the page shows, its answer, and the code that stands above it."""

    code: str
    path: str
    headers: dict[str, str]
    answer: Any


def asked() -> Iterator[Asked]:
    code, path, headers = "", "", dict[str, str]()
    for kind, target, text in BLOCK.findall(PAGE.read_text()):
        if kind.startswith("python"):
            code += text + "\n\n"
        elif kind == "json":
            yield Asked(code, path, headers, json.loads(text))
        else:
            path, headers = target, dict(line.split(": ", 1) for line in text.splitlines())


def load(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import code from a file of its own, as tracing reads it."""
    path = folder / "clients.py"
    path.write_text(code)
    spec = spec_from_file_location("clients", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "clients", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", [*asked()], ids=lambda case: f"{case.path} {case.headers}")
def test_the_page_tells_the_truth(case: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = load(case.code, tmp_path, monkeypatch).app
    assert case.answer == fetch(app, case.path, headers=case.headers).json()


def test_every_setting_of_a_client_is_in_the_reference() -> None:
    text = PAGE.parents[1].joinpath("reference", "profiles.md").read_text()
    assert [*SETTINGS] == re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
