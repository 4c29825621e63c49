"""The tests that the page about tests shows are tests that pass."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "test-an-app.md"
FILES = dict(re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```', PAGE.read_text(), re.MULTILINE | re.DOTALL))
SOURCES = {name: source for name, source in FILES.items() if name.endswith(".py")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    for name, source in SOURCES.items():
        (folder / name).write_text(source)
    return folder


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


def test_the_tests_of_the_page_pass_and_keep_the_table_that_it_shows(folder: Path) -> None:
    strict = ["--strict-markers", "-W", "error", "-c", os.devnull, "--rootdir", str(folder)]
    output = run(folder, "pytest", "-q", *strict, "-p", "no:cacheprovider", "--basetemp", str(folder / "temporary"))
    count = sum(source.count("def test_") for source in SOURCES.values())
    assert f"{count} passed" == output.strip().splitlines()[-1].partition(" in ")[0], output
    _, page, _ = (folder / "failure-modes.md").read_text().split("\n## ")
    assert FILES["failure-modes.md"].strip() == f"## {page}".strip()


def test_the_command_of_the_page_prints_the_same(folder: Path) -> None:
    output = " ".join(run(folder, "bff", "faults", "shop").split())
    assert "reviews refused, timeout, status, malformed with catalog slow 200 ratings 0.36 to 0.5 s" in output
