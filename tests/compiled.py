"""Make sure that what is imported from beside this file is compiled; a plugin of pytest, too."""

import importlib
import sys
import tomllib
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def named() -> list[str]:
    """Return the modules that a wheel of a platform has compiled, as `pyproject.toml` lists them."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    sources: list[str] = tools["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["include"]
    return [source.removesuffix(".py").replace("/", ".") for source in sources]


def complaints(modules: Sequence[str], root: Path) -> list[str]:
    """Return where those modules come from that are not compiled or not below `root`."""
    files = [str(importlib.import_module(module).__file__) for module in modules]
    return [
        file for file in files if not file.endswith(tuple(EXTENSION_SUFFIXES)) or not Path(file).is_relative_to(root)
    ]


def pytest_configure() -> None:
    """End the run before it says of interpreted modules that compiled ones are right."""
    if wrong := complaints(named(), ROOT):
        pytest.exit(f"these are not the compiled modules: {', '.join(wrong)}", returncode=pytest.ExitCode.USAGE_ERROR)


def main() -> None:
    """Say how many there are."""
    modules = named()
    if wrong := complaints(modules, ROOT):
        sys.exit(f"these are not the compiled modules: {', '.join(wrong)}")
    print(f"{len(modules)} compiled modules are in {ROOT}.")


if __name__ == "__main__":
    main()
