"""The code of the how-to pages runs, and their commands print what the pages say."""

import ast
import asyncio
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

import httpx
import pytest
from fastapi import FastAPI

from examples._processes import Server, free_port, running

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
PAGES = sorted(path.stem for path in HOW_TO.glob("*.md") if "```python" in path.read_text())
UPSTREAMS = {"catalog": 9001, "reviews": 9002, "inventory": 9003, "orders": 9004}
APP = 8000
MIGRATION = "migrate-from-fastapi-httpx"
MEASURED = ROOT / "docs" / "explanation" / "performance.md"

# Pages that show a part of an app leave out what any app begins with.
PRELUDE = """\
import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Protocol
import httpx
import pytest
from fastapi import Cookie, Depends, FastAPI, Header, Query
from pydantic import BaseModel, TypeAdapter
from bff import *
from bff.ambassador import *
from examples.services import *
from examples.iot_bff.app import Iot
from examples.mobile_bff.app import Mobile, ProductCard
from examples.web_bff.app import Web
"""


@dataclass(frozen=True)
class Command:
    """A line of a page and what it says comes out."""

    line: str
    output: str


def blocks(page: str, language: str) -> list[str]:
    text = (HOW_TO / f"{page}.md").read_text()
    found: list[str] = re.findall(rf"^```{language}[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found


def commands(page: str) -> list[Command]:
    """Return the commands about the page's own code, which is in `page.py`, and about the examples."""
    ours = r"^\$ ((?:curl .*127\.0\.0\.1|bff \w+ (?:page|examples\.)).*)\n((?:[^$\n].*\n|\n(?!\$))*)"
    return [
        Command(line, output.strip())
        for block in blocks(page, "console")
        for line, output in re.findall(ours, block, re.MULTILINE)
    ]


def write(page: str, folder: Path, ports: Mapping[int, int]) -> Path:
    """Write the Python blocks of a page into one file, in their order, as they read one after the other."""
    path = folder / "page.py"
    path.write_text(moved("\n\n".join([PRELUDE, *blocks(page, "python")]), ports))
    return path


def moved(text: str, ports: Mapping[int, int]) -> str:
    """Return a text with the ports that the servers were given here."""
    return re.sub(r"(?<=http://127\.0\.0\.1:)\d+", lambda match: str(ports.get(int(match[0]), match[0])), text).replace(
        "http://catalog:8000", f"http://127.0.0.1:{ports[UPSTREAMS['catalog']]}"
    )


async def execute(code: CodeType, module: ModuleType) -> None:
    """Run code as a module that may await; then the tests that it defines, if any."""
    await finished(eval(code, vars(module)))
    for name, value in [*vars(module).items()]:
        if name.startswith("test_") and not inspect.signature(value).parameters:
            await finished(value())


async def finished(result: object) -> None:
    if inspect.isawaitable(result):
        await result


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[int, int]]:
    """Run the services, tell their addresses to upstreams, and return the port that each has instead of its own."""
    found = {port: free_port(0) for port in UPSTREAMS.values()}
    arguments = [part for name, port in UPSTREAMS.items() for part in (f"--{name}", str(found[port]))]
    probes = [f"http://127.0.0.1:{port}/_stats" for port in found.values()]
    shop = Server("upstreams", "examples.upstreams", arguments, probes)
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        for name, port in UPSTREAMS.items():
            patch.setenv(f"BFF_{name.upper()}__BASE_URL", f"http://127.0.0.1:{found[port]}")
        services = running([shop])
        runner.run(services.__aenter__())
        try:
            yield found
        finally:
            runner.run(services.__aexit__(None, None, None))


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(
    page: str, tmp_path: Path, ports: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    path = write(page, tmp_path, ports)
    code = compile(path.read_text(), path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    asyncio.run(execute(code, module))


def test_the_migrated_page_answers_as_the_one_by_hand_did(
    tmp_path: Path, ports: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    path = write(MIGRATION, tmp_path, ports)
    exec(compile(path.read_text(), path, "exec"), vars(module))

    async def answers(app: FastAPI) -> list[object]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return [(await client.get(f"/products/{number}")).raise_for_status().json() for number in (1, 7, 42, 250)]

    assert asyncio.run(answers(module.by_hand)) == asyncio.run(answers(module.app))


def test_the_figures_of_the_migrated_page_are_those_that_were_measured() -> None:
    """Every row of the table is in the page that tells how its figures came about."""
    rows = re.findall(r"^\| (.+?) \| (\d+) µs \| (\d+) µs \|$", (HOW_TO / f"{MIGRATION}.md").read_text(), re.MULTILINE)
    measured = re.findall(r"^\| (.+?) \| (\d+) µs.*? \| (\d+) µs.*? \|$", MEASURED.read_text(), re.MULTILINE)
    assert 3 == len(rows)
    assert set(rows) <= {(name.removesuffix(", no resilience"), *figures) for name, *figures in measured}


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_the_commands_of_a_page_print_what_it_says(page: str, tmp_path: Path, ports: dict[int, int]) -> None:
    said, here = commands(page), {**ports, APP: free_port(0)}
    write(page, tmp_path, here)
    serving = Server(
        name="page",
        module="uvicorn",
        arguments=["page:app", "--app-dir", str(tmp_path), "--port", str(here[APP]), "--log-level", "warning"],
        probes=[f"http://127.0.0.1:{here[APP]}/docs"],
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}

    def printed(command: Command) -> Command:
        line = moved(command.line, here).replace("bff ", f"{shlex.quote(sys.executable)} -m bff ", 1)
        result = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, env=environment)
        return Command(command.line, result.stdout.strip())

    async def main() -> list[Command]:
        async with running([serving] if any(f":{APP}" in command.line for command in said) else []):
            return [await asyncio.to_thread(printed, command) for command in said]

    assert said == asyncio.run(main())
