"""Every misuse is refused in words that say what happened, where, and how to mend it: `declaration_errors.md`."""

import linecache
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bff import BFF, ClientProfile, DeclarationError, Upstream

TABLE = Path(__file__).with_name("declaration_errors.md")
_CASE = re.compile(r"^### (.+?)\n\n```python\n(.+?)\n```\n\n```text\n(.*?)```\n", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A misuse: what is written, and what is said of it."""

    title: str
    code: str
    message: str


def cases() -> list[Case]:
    sections = _SECTION.split(TABLE.read_text())
    titled = zip(sections[1::2], sections[2::2], strict=True)
    return [Case(f"{name}: {title}", *rest) for name, text in titled for title, *rest in _CASE.findall(text)]


def vocabulary() -> str:
    """What all cases know; the first code block of the table."""
    return TABLE.read_text().partition("```python\n")[2].partition("\n```")[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Hold the modules of one case, and leave neither them nor what they change behind."""
    known, variables = set(sys.modules), dict(os.environ)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    os.environ.clear()
    os.environ.update(variables)
    for name in {"shop", "page"} & (set(sys.modules) - known):
        del sys.modules[name]
    linecache.checkcache()


def module(folder: Path, name: str, code: str, known: dict[str, Any]) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(code)
    made = sys.modules[name] = ModuleType(name)
    made.__dict__.update(known, __name__=name, __file__=str(path))
    exec(compile(code, path, "exec", dont_inherit=True), made.__dict__)
    return made


def message(case: Case, folder: Path) -> str:
    """Return what is said of a case: when its module is run, or else when an app is made of what it declares."""
    shop = module(folder, "shop", vocabulary(), {})
    known = {name: value for name, value in vars(shop).items() if not name.startswith("__")}
    try:
        page = module(folder, "page", case.code, known)
        declared = [value for name, value in vars(page).items() if isinstance(value, type) and name not in known]
        profiles = [cls for cls in declared if issubclass(cls, ClientProfile)]
        if profiles:
            BFF(*profiles)
        for upstream in declared:
            if not profiles and issubclass(upstream, Upstream):
                upstream()
    except DeclarationError as error:
        return str(error).replace(f"{folder}{os.sep}", "") + "\n"
    return ""


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.title)
def test_a_misuse_is_refused_as_the_table_says(case: Case, folder: Path) -> None:
    said = message(case, folder)
    assert said, "it builds"
    if "BFF_WRITE_GOLDENS" in os.environ:
        text = TABLE.read_text()
        code = f"```python\n{case.code}\n```\n\n```text\n"
        TABLE.write_text(text.replace(f"{code}{case.message}```", f"{code}{said}```", 1))
    else:
        assert case.message == said


def test_a_problem_names_the_place_where_there_is_one() -> None:
    """Only what no line of the user's is to blame for has none: a variable of the environment."""
    without = [case.title for case in cases() if not re.search(r"(page|shop)\.py:\d+", case.message)]
    assert ["an unknown variable", "a malformed variable"] == [title.removeprefix("Upstreams: ") for title in without]


def test_every_problem_says_how_to_mend_it() -> None:
    assert [] == [case.title for case in cases() if "Mend: " not in case.message]


def test_every_place_is_in_the_users_files() -> None:
    places = re.findall(r"^(\S+):\d+", "\n".join(case.message for case in cases()), re.MULTILINE)
    assert {"page.py"} == {*places}
