"""The plugin is there for those who ask for it, and for nobody else."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
    import asyncio
    import pytest
    from bff.testing import Fakes
    from examples.mobile_bff.app import app

    @pytest.mark.virtual_time
    async def test_an_hour_passes(fakes: Fakes) -> None:
        await asyncio.sleep(3600)

    @pytest.mark.virtual_time
    class TestMany:
        async def test_a_method_with_arguments(self, tmp_path) -> None:
            await asyncio.sleep(3600)
            assert tmp_path.exists()

    @pytest.mark.virtual_time
    async def test_nothing_is_faked(fakes: Fakes) -> None:
        with pytest.raises(AssertionError):
            async with fakes.client(app) as phone:
                await phone.get("/products/7")

    @pytest.mark.virtual_time
    async def test_it_fails(fakes: Fakes) -> None:
        assert await asyncio.sleep(1, "one") == "two"
"""


def outcome(folder: Path, *options: str) -> tuple[int, str]:
    (folder / "test_shop.py").write_text(textwrap.dedent(TESTS))
    # Folders of its own, where no other run of pytest clears up.
    places = ["--rootdir", str(folder), "--basetemp", str(folder / "temporary"), "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *places, *options, "test_shop.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


def test_coroutines_run_in_virtual_time_and_what_is_not_faked_fails_its_test(tmp_path: Path) -> None:
    status, output = outcome(tmp_path, "-p", "bff.testing.pytest_plugin", "--strict-markers")
    assert (1, "1 failed, 3 passed, 1 error") == (status, output.strip().splitlines()[-1].partition(" in ")[0]), output
    assert "ERROR at teardown of test_nothing_is_faked" in output
    assert "Catalog.product(product_id=7) is not faked" in output
    assert "assert 'one' == 'two'" in output


def test_without_the_plugin_there_is_no_fixture_and_no_marker(tmp_path: Path) -> None:
    _, output = outcome(tmp_path)
    assert "passed" not in output.strip().splitlines()[-1].partition(" in ")[0]
    assert "Unknown pytest.mark.virtual_time" in output


@pytest.mark.parametrize("module", ["pytest", "typer"])
def test_to_import_what_is_for_tests_does_not_import(module: str) -> None:
    code = f"import bff.testing, sys; print({module!r} in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "False" == result.stdout.strip()
