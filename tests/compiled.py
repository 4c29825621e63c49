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


def strangers(modules: Sequence[str], root: Path) -> list[str]:
    """Return where those modules come from that are not compiled or not below `root`."""
    files = [str(importlib.import_module(module).__file__) for module in modules]
    compiled = tuple(EXTENSION_SUFFIXES)
    return [file for file in files if not (file.endswith(compiled) and Path(file).is_relative_to(root))]


def complaint() -> str:
    """Return what is wrong with the modules that are imported, nothing where all of them are the compiled ones."""
    wrong = strangers(named(), ROOT)
    return f"these are not the compiled modules of {ROOT}: {', '.join(wrong)}" if wrong else ""


def pytest_configure() -> None:
    """End the run before it says of interpreted modules that compiled ones are right."""
    if message := complaint():
        raise pytest.UsageError(message)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `interpreted`, and insist on a reason."""
    marked = [item for item in items if (mark := item.get_closest_marker("interpreted")) and _reason(mark, item)]
    config.hook.pytest_deselected(items=marked)
    items[:] = [item for item in items if item not in marked]


def _reason(mark: pytest.Mark, item: pytest.Item) -> str:
    reason = mark.args[0] if mark.args else ""
    if not isinstance(reason, str) or not reason:
        message = f"{item.nodeid} does not say why compiled modules cannot have it"
        raise pytest.UsageError(message)
    return reason


def main() -> None:
    """Say how many there are."""
    if message := complaint():
        sys.exit(message)
    print(f"{len(named())} compiled modules are in {ROOT}.")


if __name__ == "__main__":
    main()
