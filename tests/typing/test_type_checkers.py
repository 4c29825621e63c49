"""
What type checkers say of code that uses the library.

`cases_*.py` hold what must be accepted, with the types inferred (`assert_type`). `errors_*.py` hold what must be
refused: a line that ends in `# E: code, ...` has to be reported under just these codes, mypy's as it writes them
(`arg-type`), pyright's likewise (`reportArgumentType`), and no other line may be reported.
"""

import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import pytest
from mypy import api

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FILES = sorted(path for kind in ("cases", "errors") for path in HERE.glob(f"{kind}_*.py"))

Reports = dict[int, set[str]]


def expected(path: Path, *, of_pyright: bool) -> Reports:
    reports: Reports = defaultdict(set)
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        _, _, codes = line.partition("# E: ")
        for code in codes.split(", "):
            if code and code.startswith("report") is of_pyright:
                reports[number].add(code)
    return reports


@cache
def mypy() -> dict[Path, Reports]:
    """Run mypy in this process, so that our plugin is measured; over all files at once, for one start is slow."""
    output, errors, status = api.run(["--config-file", "pyproject.toml", "--output", "json", *map(str, FILES)])
    assert status in (0, 1), output + errors
    found: dict[Path, Reports] = defaultdict(lambda: defaultdict(set))
    for report in map(json.loads, output.splitlines()):
        if report["severity"] == "error":
            found[Path(report["file"]).resolve()][report["line"]].add(report["code"])
    return found


@cache
def pyright() -> dict[Path, Reports]:
    """Run pyright over copies: it takes no files from outside of a project, and ours leaves the wrong ones out."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    with TemporaryDirectory() as folder:
        for path in FILES:
            copy(path, folder)
        config = Path(folder) / "pyrightconfig.json"
        config.write_text(json.dumps({**settings, "include": ["."], "exclude": [], "extraPaths": [str(ROOT)]}))
        command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", folder]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    output = json.loads(result.stdout)
    assert output["summary"]["filesAnalyzed"] == len(FILES)
    found: dict[Path, Reports] = defaultdict(lambda: defaultdict(set))
    for report in output["generalDiagnostics"]:
        name, line = Path(report["file"]).name, report["range"]["start"]["line"] + 1
        found[HERE / name][line].add(report.get("rule", "error"))
    return {path: {line: causes(rules) for line, rules in reports.items()} for path, reports in found.items()}


def causes(rules: set[str]) -> set[str]:
    """Return the rules less those that only say that a type is unknown now, which follows from the others."""
    return {rule for rule in rules if not rule.startswith("reportUnknown")} or rules


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_mypy_reports_what_is_marked_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert expected(path, of_pyright=False) == mypy().get(path, {})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_pyright_reports_what_is_marked_and_nothing_else(path: Path) -> None:
    assert expected(path, of_pyright=True) == pyright().get(path, {})
