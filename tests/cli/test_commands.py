"""The command line says what an app will do, serves it, describes it, and refuses plainly."""

import importlib.metadata
import json
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from bff.ambassador import _limit
from bff.cli._main import commands
from examples._processes import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
MOBILE = "examples.mobile_bff.app"


def bff(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


class TestPlan:
    def test_it_explains_an_endpoint(self) -> None:
        result = bff("plan", MOBILE, "GET /products/{product_id}")
        expected = """\
            GET /products/{product_id}  Mobile.product  deadline 0.8 s
            ├── runs at once
            │   ├── Catalog.product  GET /products/{product_id}
            │   │   ├── decodes  id, sku, name, price, images[].url, images[].width
            │   │   ├── read by  msgspec; pydantic: price.amount (Decimal)
            │   │   └── at most  3 attempts within 1 s
            │   └── Reviews.of_product  GET /products/{product_id}/reviews  optional
            │       ├── decodes  [].rating, [].title
            │       ├── read by  msgspec
            │       └── at most  3 attempts within 0.5 s
            ├── runs as soon as what it needs is there
            │   └── Inventory.stock  GET /stock/{sku}  optional
            │       ├── after    Catalog.product
            │       ├── decodes  available
            │       ├── read by  msgspec
            │       └── at most  3 attempts within 0.5 s
            ├── may be missing
            │   ├── in_stock  where Inventory.stock fails
            │   └── reviews  where Reviews.of_product fails
            ├── written by  msgspec
            └── at worst  9 calls and 0.8 s
        """
        assert (0, textwrap.dedent(expected)) == (result.exit_code, result.stdout.rstrip("\n") + "\n")

    @pytest.mark.parametrize("name", ["Mobile.search", "GET /search", "/search"])
    def test_an_endpoint_is_found_by_any_of_its_names(self, name: str) -> None:
        result = bff("plan", MOBILE, name)
        assert result.stdout.startswith("GET /search  Mobile.search")
        assert "Mobile.product" not in result.stdout

    def test_an_unknown_endpoint_is_refused_with_the_nearest(self) -> None:
        result = bff("plan", MOBILE, "GET /product/{product_id}")
        assert (2, True) == (result.exit_code, "Did you mean `GET /products/{product_id}`?" in result.stderr)

    def test_json_is_for_programs(self) -> None:
        (explained,) = json.loads(bff("plan", MOBILE, "Mobile.product", "--format", "json").stdout)
        assert ("Mobile.product", 0.8, 9, 0.8) == tuple(
            explained[key] for key in ("endpoint", "deadline", "worst_calls", "worst_seconds")
        )
        assert ["Catalog.product", "Inventory.stock", "Reviews.of_product"] == [
            call["name"] for call in explained["calls"]
        ]
        assert [[{"path": "price.amount", "why": "Decimal"}], [], []] == [call["left"] for call in explained["calls"]]
        assert ("msgspec", []) == (explained["written_by"], explained["left"])
        assert [[], [0], []] == [call["after"] for call in explained["calls"]]

    def test_mermaid_draws_what_is_optional_with_dots(self) -> None:
        drawn = bff("plan", MOBILE, "Mobile.product", "--format", "mermaid").stdout
        assert drawn.startswith("flowchart LR\n")
        assert "c0 --> c1" in drawn
        assert "c1 -.-> answer" in drawn

    def test_source_is_the_code_that_runs(self) -> None:
        source = bff("plan", MOBILE, "Mobile.product", "--format", "source").stdout
        compile(source, "plan", "exec")
        assert "def answer(" in source

    def test_an_async_endpoint_has_no_plan_to_show(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = """
            from bff import BFF, ClientProfile, endpoint

            class Web(ClientProfile):
                @endpoint.get("/slow")
                async def slow(self) -> str:
                    return "done"

            app = BFF(Web)
            """
        monkeypatch.chdir(tmp_path)
        Path("slow_page.py").write_text(textwrap.dedent(source))
        assert "GET /slow  Web.slow  runs per request" in bff("plan", "slow_page").stdout
        assert [] == json.loads(bff("plan", "slow_page", "--format", "json").stdout)


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("no_such_module", "There is no module `no_such_module`"),
            ("examples.mobile_bff.app:nothing", "has no attribute `nothing`"),
            ("examples.mobile_bff.app:Mobile", "is a type, and no BFF app"),
        ],
    )
    def test_what_is_no_app(self, name: str, words: str) -> None:
        result = bff("plan", name)
        assert (2, True) == (result.exit_code, words in result.stderr.replace("\n", " "))

    def test_every_problem_of_a_declaration_is_listed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = """
            from bff import BFF, ClientProfile, endpoint

            class Web(ClientProfile):
                dedline = 1.0

                @endpoint.get("/a")
                def a(self, b: int) -> str:
                    return b

            app = BFF(Web)
            """
        monkeypatch.chdir(tmp_path)
        Path("wrong_page.py").write_text(textwrap.dedent(source))
        result = bff("plan", "wrong_page")
        assert 1 == result.exit_code
        assert "did you mean `deadline`?" in result.stderr
        assert "wrong_page.py:8" in result.stderr or "wrong_page.py:9" in result.stderr
        assert "2 problems in the declarations" in result.stderr

    def test_a_bug_in_the_module_shows_where(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("broken_page.py").write_text("1 / 0\n")
        result = bff("plan", "broken_page")
        assert 1 == result.exit_code
        # A frame is drawn around it, and long paths are broken.
        assert "broken_page.py" in re.sub(r"[│\s]", "", result.stderr)
        assert "ZeroDivisionError" in result.stderr


class TestOpenAPI:
    def test_it_prints_the_document(self) -> None:
        assert "/products/{product_id}" in json.loads(bff("openapi", MOBILE).stdout)["paths"]

    def test_it_writes_the_document_to_a_file(self, tmp_path: Path) -> None:
        target = tmp_path / "openapi.json"
        assert 0 == bff("openapi", MOBILE, "--output", str(target), "--indent", "0").exit_code
        assert 1 == len(target.read_text().splitlines())


def test_the_version_is_said_and_whether_its_hot_modules_are_compiled() -> None:
    version = importlib.metadata.version("bff-framework")
    kind = "interpreted" if str(_limit.__file__).endswith(".py") else "compiled"
    assert bff("--version").stdout == f"bff {version} ({kind})\n"


@contextmanager
def running(*arguments: str) -> "Generator[tuple[subprocess.Popen[str], str]]":
    port = free_port(0)
    command = [sys.executable, "-m", "bff", "run", MOBILE, "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for attempt in range(10_000):
            try:
                httpx.get(f"{address}/healthz", timeout=PATIENCE).raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None, process.communicate()
                assert attempt < 9_999
        yield process, address
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def test_run_serves_says_what_it_serves_and_logs_each_request() -> None:
    with running() as (process, address):
        assert 404 == httpx.get(f"{address}/products/..%2fadmin").status_code
        assert 422 == httpx.get(f"{address}/products/x").status_code
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert "GET /products/{product_id}" in said
    assert "catalog at http://127.0.0.1:9001" in said
    assert "route=/products/{product_id}" in said
    assert "status=422" in said


def test_run_starts_several_workers() -> None:
    with running("--workers", "2") as (process, address):
        assert {"status": "ready"} == httpx.get(f"{address}/readyz").json()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
