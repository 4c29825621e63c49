"""What is compiled is told from what is not, and tests that cannot have it are left out with a reason."""

import ast
import subprocess
import sys
from pathlib import Path

import httptools.parser.parser
import pytest

from tests.compiled import named, strangers

ROOT = Path(__file__).parents[2]
EXTENSION = httptools.parser.parser.__name__
ITS_FOLDER = Path(str(httptools.parser.parser.__file__)).parent


def test_what_is_to_be_compiled_is_there_each_once_and_in_order() -> None:
    files = [ROOT / f"{module.replace('.', '/')}.py" for module in named()]
    assert [file for file in files if not file.is_file()] == []
    assert named() == sorted({*named()})


def traps(source: str) -> list[str]:
    """Return what mypyc compiles into something else than it says: it has no warning for either."""
    found: list[str] = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        kinds: dict[str, str] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler) and node.name and node.type:
                kind = ast.unparse(node.type)
                if kinds.setdefault(node.name, kind) != kind:
                    found.append(f"{function.name}: `{node.name}` is {kinds[node.name]} here and {kind} there")
            parts = node.finalbody if isinstance(node, ast.Try) else []
            if any(isinstance(inner, ast.Await) for part in parts for inner in ast.walk(part)):
                found.append(f"{function.name}: awaits in a `finally`")
            if isinstance(node, ast.ExceptHandler) and _raises_after_awaiting(node):
                found.append(f"{function.name}: raises again after it has awaited something")
    return found


def _raises_after_awaiting(handler: ast.ExceptHandler) -> bool:
    inner = [*ast.walk(handler)]
    awaits = any(isinstance(node, ast.Await) for node in inner)
    return awaits and any(isinstance(node, ast.Raise) and node.exc is None for node in inner)


@pytest.mark.parametrize("module", named())
def test_no_compiled_module_has_what_is_compiled_wrongly(module: str) -> None:
    assert traps((ROOT / f"{module.replace('.', '/')}.py").read_text()) == []


@pytest.mark.parametrize(
    "body",
    [
        "try:\n  pass\n except ValueError as error:\n  print(error)\n except KeyError as error:\n  print(error)",
        "try:\n  pass\n finally:\n  await other()",
        "try:\n  pass\n except ValueError:\n  await other()\n  raise",
    ],
)
def test_what_is_compiled_wrongly_is_found(body: str) -> None:
    assert len(traps(f"async def f():\n {body}")) == 1


def test_a_compiled_module_is_one_in_c_and_from_where_it_should_be(tmp_path: Path) -> None:
    assert strangers([EXTENSION], ITS_FOLDER) == []
    assert len(strangers([EXTENSION], tmp_path)) == 1
    assert len(strangers(["httptools.parser"], ITS_FOLDER)) == 1


@pytest.mark.interpreted("shows what happens where nothing is compiled")
def test_interpreted_modules_are_not_taken_for_compiled_ones() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.compiled", "--collect-only"]
    done = subprocess.run(
        [*command, "tests/wheels"], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "these are not the compiled modules" in done.stderr
    assert str(ROOT / "bff" / "ambassador" / "_limit.py") in done.stderr


@pytest.mark.parametrize(
    ("mark", "status", "said"),
    [
        ("interpreted('it reads a source')", pytest.ExitCode.OK, "1 passed, 1 deselected"),
        ("interpreted('')", pytest.ExitCode.USAGE_ERROR, "test_marked does not say why"),
        ("interpreted", pytest.ExitCode.USAGE_ERROR, "test_marked does not say why"),
    ],
)
def test_a_test_that_needs_interpreted_modules_is_left_out_if_it_says_why(
    mark: str, status: pytest.ExitCode, said: str, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n\n@pytest.mark.{mark}\ndef test_marked(): assert False\n\ndef test_other(): pass\n"
    )
    code = (
        "import sys, types, pytest, tests.compiled as compiled\n"
        "plugin = types.SimpleNamespace(pytest_collection_modifyitems=compiled.pytest_collection_modifyitems)\n"
        "sys.exit(pytest.main(sys.argv[1:], plugins=[plugin]))"
    )
    arguments = ["-q", "-p", "no:cacheprovider", "-W", "ignore", "-c", str(ROOT / "pyproject.toml"), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (status, True) == (done.returncode, said in done.stdout + done.stderr), done.stdout + done.stderr
