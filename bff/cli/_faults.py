"""Print, write and check what clients get when upstreams fail."""

import importlib
import json
import logging
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bff.app import BFF
from bff.cli._load import USAGE_ERROR
from bff.testing import Fakes, UnfakedCall, failure_modes
from bff.testing._modes import FailureModes, PageModes, difference
from bff.testing._rows import Row

_PIPE_WIDTH = 200


class FaultsFormat(StrEnum):
    """How the table is shown."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which endpoints, how shown, written where, compared with what, and what answers where nothing fails."""

    endpoints: Collection[str]
    format: FaultsFormat
    output: Path | None
    check: Path | None
    fakes: str | None


def faults(app: BFF, wanted: Wanted) -> int:
    """Show what an app's clients get when upstreams fail; returns how the command ends."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        with _quiet(), errors.status("Asking") as status:
            fakes = _fakes(wanted.fakes)
            modes = failure_modes(
                app, fakes=fakes, only=wanted.endpoints, tell=lambda title: status.update(f"Asking {title}")
            )
    except (UnfakedCall, _NoFakes) as error:
        errors.print(Text.assemble(("error: ", "red"), str(error)))
        return USAGE_ERROR
    if wanted.check is not None:
        return _checked(wanted.check, _written(modes, wanted.format), errors)
    if wanted.output is not None:
        wanted.output.write_text(_written(modes, wanted.format), encoding="utf-8")
        errors.print(f"Wrote {wanted.output}.")
    elif wanted.format is FaultsFormat.TEXT:
        _draw(modes)
    else:
        typer.echo(_written(modes, wanted.format), nl=False)
    return 0


@contextmanager
def _quiet() -> Generator[None]:
    """Log nothing: every one of these failures is meant."""
    logger = logging.getLogger("bff")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


class _NoFakes(Exception):
    """What `--fakes` names is none."""


def _fakes(name: str | None) -> Fakes | None:
    """Return the fakes `module:attribute`, which may also be a function that returns them."""
    if name is None:
        return None
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute or "fakes")
    except (ImportError, AttributeError) as error:
        raise _NoFakes(f"there is no `{name}`: {error}") from error
    made = found() if callable(found) else found
    if not isinstance(made, Fakes):
        raise _NoFakes(f"`{name}` is a {type(made).__name__}, and no Fakes")
    return made


def _written(modes: FailureModes, shown: FaultsFormat) -> str:
    """Return the table for a file, where text is Markdown."""
    if shown is FaultsFormat.JSON:
        return json.dumps(modes.to_dict(), indent=2, ensure_ascii=False) + "\n"
    return modes.to_markdown()


def _checked(path: Path, text: str, errors: Console) -> int:
    changed = difference(path, text)
    if not changed:
        errors.print(f"{path} is as it was.")
        return 0
    console = Console(soft_wrap=True)
    for line in changed.splitlines():
        console.print(Text(line, style={"+": "green", "-": "red"}.get(line[0], "")))
    errors.print(f"[red]error:[/] clients get something else than {path} says; `--output {path}` accepts it.")
    return 1


def _draw(modes: FailureModes) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    for page in modes.pages:
        _draw_page(page, console)


def _draw_page(page: PageModes, console: Console) -> None:
    console.print(Text.assemble((page.title, "bold"), "  ", (page.endpoint, "cyan")))
    if page.note:
        console.print(Text(page.note, style="yellow"))
    rows = [page.alone(), page.in_pairs()]
    table = Table(box=SIMPLE_HEAD, header_style="dim", padding=(0, 1))
    for column in ("failing", "status", "missing", "time", "calls"):
        table.add_column(column, overflow="fold")
    for section in rows:
        for row in section:
            table.add_row("\n".join(row.failing), Text(row.status, style=_style(row)), *row.cells[1:])
        table.add_section()
    if any(rows):
        console.print(table)
    console.print()


def _style(row: Row) -> str:
    is_failure = row.status >= "4"
    return "red" if is_failure else "yellow" if row.missing else "green"
