"""The lines between the parts, as far as import-linter (`make lint`) cannot see them."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import bff

ROOT = Path(str(bff.__file__)).parent
MODULES = sorted(ROOT.rglob("*.py"))
GOLDEN = Path(__file__).parent / "public_names.txt"


def test_the_public_names_are_those_that_were_agreed_on() -> None:
    """A name that appears or goes is a decision: change the list with it."""
    assert GOLDEN.read_text().splitlines() == sorted(bff.__all__)


def test_every_public_name_can_be_imported_and_is_listed_by_dir() -> None:
    assert [name for name in bff.__all__ if getattr(bff, name, None) is None] == []
    assert set(bff.__all__) <= set(dir(bff))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Upstraem"):
        getattr(bff, "Upstra" + "em")


@pytest.mark.parametrize("module", ["bff", "bff.ambassador"])
def test_neither_the_package_nor_the_ambassador_brings_a_web_framework(module: str) -> None:
    code = f"import {module}, sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    strangers = {"fastapi", "starlette", "strawberry", "opentelemetry", "prometheus_client", "uvicorn", "typer"}
    assert strangers & set(result.stdout.split()) == set()


def test_of_fastapi_declarations_know_the_parameter_markers_alone() -> None:
    imports = [node for path in (ROOT / "declare").glob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    names = {
        f"{node.module}.{alias.name}" for node in imports if isinstance(node, ast.ImportFrom) for alias in node.names
    } | {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    found = {name for name in names if name.startswith(("fastapi", "starlette"))}
    assert {name for name in found if name != "fastapi.params" and not name.startswith("fastapi.params.")} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_in_one_sentence_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.partition("\n\n")[0].rstrip().endswith((".", "`"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_in_docstrings_are_right(path: Path) -> None:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    if parts[-1] != "__main__":
        assert doctest.testmod(importlib.import_module(".".join(parts).removesuffix(".__init__"))).failed == 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_on_a_few_screens(path: Path) -> None:
    count = len(path.read_text().splitlines())
    assert count <= 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_fits_on_one_screen(path: Path) -> None:
    """Forty lines, its docstring not counted."""
    nodes = ast.walk(ast.parse(path.read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [function.name for function in functions if lines(function) > 40] == []


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    docstring = 0 if ast.get_docstring(function) is None else (first.end_lineno or 0) - first.lineno + 1
    return (function.end_lineno or 0) - function.lineno + 1 - docstring
