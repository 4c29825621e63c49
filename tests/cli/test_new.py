"""A new project runs, is typed and tested, from the first minute."""

import asyncio
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from bff.cli._main import commands
from examples._processes import Server, free_port, running

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def new(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["new", *arguments])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "corner-shop"
    assert 0 == new(str(folder)).exit_code
    return folder


def run(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of this interpreter in a project, as its Makefile does in an environment of its own."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_it_says_what_it_wrote_and_what_comes_next(tmp_path: Path) -> None:
    result = new(str(tmp_path / "corner-shop"))
    assert 0 == result.exit_code
    for words in ("corner_shop/app.py", "tests/test_pages.py", ".gitignore", "make run", "make test", "make check"):
        assert words in result.stdout


def test_the_names_come_from_the_folder_or_from_the_user(tmp_path: Path) -> None:
    assert 0 == new(str(tmp_path / "My Shop")).exit_code
    assert (tmp_path / "My Shop" / "my_shop" / "app.py").exists()
    assert 0 == new(str(tmp_path / "json"), "--name", "Corner Shop").exit_code
    assert 'name = "corner-shop"' in (tmp_path / "json" / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["json", "bff", "tests", "7shop", "class", "über", "..."])
def test_a_name_that_is_no_package_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    result = new(str(tmp_path / "shop"), "--name", name)
    assert (2, True, []) == (result.exit_code, "--name" in result.stderr, [*tmp_path.iterdir()])


def test_a_folder_that_is_not_empty_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = new(str(tmp_path), "--name", "shop")
    assert (2, True) == (result.exit_code, "is not empty" in result.stderr)
    assert ["notes.txt"] == [path.name for path in tmp_path.iterdir()]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    assert 2 == new(str(tmp_path / "shop")).exit_code
    assert "mine" == (tmp_path / "shop").read_text()


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert 0 == new(str(tmp_path), "--name", "shop").exit_code


def test_nothing_is_left_to_fill_in(project: Path) -> None:
    for path in (path for path in project.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        assert re.findall(r"\{\{\w+\}\}|\.tmpl", path.read_text()) == [], path


def test_its_own_tests_pass(project: Path) -> None:
    ran = run(project, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert (0, "") == (ran.returncode, ran.stderr), ran.stdout
    assert "5 passed" in ran.stdout


def test_it_is_typed(project: Path) -> None:
    ran = run(project, "mypy", "--no-incremental")
    assert 0 == ran.returncode, ran.stdout


def test_its_style_is_right(project: Path) -> None:
    for arguments in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        ran = run(project, "ruff", *arguments)
        assert 0 == ran.returncode, ran.stdout


def test_it_passes_its_check_and_has_a_plan(project: Path) -> None:
    checked = run(project, "bff", "check", "corner_shop.app:app", "--strict")
    assert (0, "no problems in 1 endpoint, 1 upstream\n") == (checked.returncode, checked.stdout)
    assert "Catalog.related" in run(project, "bff", "plan", "corner_shop.app:app").stdout


def test_it_serves_its_page_with_its_stub(project: Path) -> None:
    catalog, port = free_port(0), free_port(0)
    address = f"http://127.0.0.1:{catalog}"
    path = os.pathsep.join([str(project), str(ROOT)])
    environment = {"PYTHONPATH": path, "BFF_CATALOG__BASE_URL": address}
    stub = ["stubs.catalog:app", "--port", str(catalog)]
    servers = [
        Server("stub", "uvicorn", stub, [f"{address}/products/1"], environment),
        Server("bff", "bff", ["run", "corner_shop.app:app", "--port", str(port)],
               [f"http://127.0.0.1:{port}/healthz"], environment),
    ]  # fmt: skip

    async def ask() -> tuple[httpx.Response, str]:
        async with running(servers), httpx.AsyncClient(trust_env=False) as client:
            page = await client.get(f"http://127.0.0.1:{port}/products/1")
            checked = await asyncio.to_thread(
                run, project, "bff", "check", "corner_shop.app:app", "--strict", "--against", f"catalog={address}"
            )
            return page, checked.stdout

    page, checked = asyncio.run(ask())
    assert (200, "Kettle", 3) == (page.status_code, page.json()["name"], len(page.json()["related"]))
    assert "no problems in 1 endpoint, 1 upstream, 1 document\n" == checked


class TestContainers:
    def test_what_the_containerfile_copies_is_there(self, project: Path) -> None:
        lines = (project / "Containerfile").read_text().splitlines()
        copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
        assert [["pyproject.toml"], ["corner_shop"], ["stubs"]] == copied
        assert all((project / source).exists() for sources in copied for source in sources)

    def test_the_container_runs_as_nobody_in_particular_and_says_how_it_is(self, project: Path) -> None:
        text = (project / "Containerfile").read_text()
        words = [line.split()[0] for line in text.splitlines() if line and line[0].isalpha()]
        assert [
            "FROM",
            "ENV",
            "WORKDIR",
            "COPY",
            "COPY",
            "COPY",
            "RUN",
            "USER",
            "EXPOSE",
            "HEALTHCHECK",
            "CMD",
        ] == words
        assert "USER 10001" in text
        assert "/healthz" in text
        assert 'CMD ["bff", "run", "corner_shop.app:app"' in text

    def test_the_services_know_one_another(self, project: Path) -> None:
        composed: Any = importlib.import_module("yaml").safe_load((project / "compose.yaml").read_text())
        services = composed["services"]
        assert {"bff", "catalog"} == services.keys()
        assert "http://catalog:9001" == services["bff"]["environment"]["BFF_CATALOG__BASE_URL"]
        assert services["bff"]["depends_on"].keys() <= services.keys()
        assert "9001" in services["catalog"]["command"]
        assert all((project / each["build"]["dockerfile"]).exists() for each in services.values())


@pytest.mark.parametrize("target", ["run", "test", "check", "format", "clean", "help"])
def test_the_makefile_can_be_read(project: Path, target: str) -> None:
    ran = subprocess.run(["make", "-n", target], cwd=project, capture_output=True, text=True, check=False)
    assert (0, "") == (ran.returncode, ran.stderr)
