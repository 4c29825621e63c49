"""`bff new`: write a project that runs, is typed and tested, and grows from there."""

import keyword
import os
import re
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from bff.cli._load import USAGE_ERROR

_SUFFIX = ".tmpl"
_TAKEN = frozenset({"bff", "fastapi", "httpx", "pydantic", "starlette", "stubs", "tests", "uvicorn"})


class Refused(Exception):
    """A project of this name or in this place cannot be made; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project to write: `name` is what the distribution is called, `package` what is imported."""

    folder: Path
    name: str
    package: str


def run_new(folder: Path, name: str | None) -> int:
    """Write a project, say what to do next, and return the status to end with: 2 where it is refused."""
    console = Console()
    try:
        project = planned(folder, name)
        written = write(project)
    except (Refused, OSError) as reason:
        Console(stderr=True, soft_wrap=True).print(f"[red]error:[/] {escape(str(reason))}", highlight=False)
        return USAGE_ERROR
    tree = Tree(Text(f"{folder}/", style="bold cyan"), guide_style="dim")
    for path in written:
        tree.add(Text(str(path.relative_to(folder))))
    console.print(tree)
    console.print()
    console.print("[bold]Next:[/]")
    for command, why in _next(project):
        line = Text.assemble("  ", (f"{command:14}", "bold green"), (why, "dim"))
        console.print(line, soft_wrap=True)
    return 0


def _next(project: Project) -> list[tuple[str, str]]:
    return [
        (f"cd {project.folder}", ""),
        ("make run", "serve it, with a stub of its catalog: http://127.0.0.1:8000/products/1"),
        ("make test", "run its tests"),
        ("make check", "ruff, mypy and bff check"),
    ]


def planned(folder: Path, name: str | None) -> Project:
    """Return the project for a folder; raises `Refused` where there can be none, and then nothing is written."""
    wanted = name if name is not None else folder.absolute().name
    project = Project(folder, distribution_name(wanted), package_name(wanted))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not empty: name a new folder, or an empty one")
    return project


def distribution_name(wanted: str) -> str:
    """
    Return a name as distributions are called.

    >>> distribution_name("My Shop_2")
    'my-shop-2'
    """
    return re.sub(r"[\W_]+", "-", wanted.lower()).strip("-")


def package_name(wanted: str) -> str:
    """
    Return a name as packages are called; raises `Refused` where it cannot be imported, or is something else's.

    >>> package_name("my-shop")
    'my_shop'
    """
    package = distribution_name(wanted).replace("-", "_")
    if not package.isidentifier() or not package.isascii() or keyword.iskeyword(package):
        raise Refused(f"`{wanted}` makes no name of a Python package: give another with --name")
    if package in _TAKEN or package in sys.stdlib_module_names:
        raise Refused(f"`{package}` is the name of another package: give your own with --name")
    return package


def write(project: Project) -> list[Path]:
    """Write the files of a project and return their paths, in order."""
    values = {"name": project.name, "package": project.package, "version": version("bff-framework")}
    made: list[Path] = []
    for path, template in _templates(files("bff.cli") / "templates", Path()):
        target = project.folder / str(path).replace("package" + os.sep, project.package + os.sep, 1)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = template.read_text(encoding="utf-8")
        target.write_text(re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text), encoding="utf-8")
        made.append(target)
    return made


def _templates(folder: Traversable, path: Path) -> list[tuple[Path, Traversable]]:
    """Return the templates and where each goes; a leading `dot-` stands for the dot of a hidden file."""
    found: list[tuple[Path, Traversable]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: (entry.is_file(), entry.name)):
        if entry.is_dir():
            found += _templates(entry, path / entry.name)
        elif entry.name.endswith(_SUFFIX):
            name = entry.name.removesuffix(_SUFFIX)
            found.append((path / (f".{name[4:]}" if name.startswith("dot-") else name), entry))
    return found
