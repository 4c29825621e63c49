"""What fits where: one table, held against the check at start-up, against mypy, and against the page in the docs."""

import os
from pathlib import Path
from typing import Any

import pytest
from mypy import api

from bff.declare._types import fits
from tests.declare import what_fits
from tests.declare.what_fits import SECTIONS, VOCABULARY, Row

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "what-fits.md"
BEGIN, END = "<!-- the table: begin -->", "<!-- the table: end -->"
ROWS = [row for rows in SECTIONS.values() for row in rows]


def evaluated(text: str) -> Any:
    return eval(text, {**vars(what_fits)})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.source} to {row.target}")
def test_the_check_says_what_the_table_says(row: Row) -> None:
    assert row.fits == fits(evaluated(row.source), evaluated(row.target))


def test_no_pair_stands_in_the_table_twice() -> None:
    pairs = [(row.source, row.target) for row in ROWS]
    assert sorted({*pairs}) == sorted(pairs)


def test_mypy_says_the_same_but_where_the_table_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One function for each pair, a line each, and one start of mypy for all of them."""
    head = f"from tests.declare.what_fits import {', '.join(VOCABULARY)}"
    functions = [f"def f{n}(value: {row.source}) -> {row.target}: return value" for n, row in enumerate(ROWS)]
    file = tmp_path / "pairs.py"
    file.write_text("\n".join([head, *functions]))
    monkeypatch.chdir(ROOT)
    options = ["--implicit-reexport", "--allow-any-generics", "--no-warn-return-any"]
    output, errors, status = api.run(["--config-file", "pyproject.toml", *options, str(file)])
    assert status in (0, 1), output + errors
    refused = {int(line.split(":")[1]) for line in output.splitlines() if ": error: Incompatible return value" in line}
    assert output.count(": error: ") == len(refused), output
    said = {(row.source, row.target): number not in refused for number, row in enumerate(ROWS, start=2)}
    assert {(row.source, row.target): row.mypy for row in ROWS} == said


def test_the_page_in_the_docs_shows_the_table() -> None:
    """With `BFF_WRITE_GOLDENS=1` it is written anew."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    expected = f"{head}{BEGIN}\n\n{rendered()}\n{END}{tail}"
    if "BFF_WRITE_GOLDENS" in os.environ:
        PAGE.write_text(expected)
    assert expected == PAGE.read_text()


def rendered() -> str:
    """The vocabulary, and a table for each section, as Markdown."""
    source = Path(what_fits.__file__).read_text()
    _, _, vocabulary = source.partition("# The vocabulary: ")
    vocabulary = vocabulary.partition("\n\n")[2].partition("VOCABULARY = ")[0].strip()
    parts = [f"```python\n{vocabulary}\n```\n"]
    for title, rows in SECTIONS.items():
        lines = ["| a value of | where this is promised | fits | mypy | why they differ |", "|---|---|---|---|---|"]
        lines += [f"| {code(row.source)} | {code(row.target)} | {said(row.fits)} | {told(row)} |" for row in rows]
        parts.append(f"### {title}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def code(text: str) -> str:
    return f"<code>{text.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"


def said(fits: bool) -> str:
    return "yes" if fits else "no"


def told(row: Row) -> str:
    return f"{said(row.mypy)} | {row.why}" if row.why else f"{said(row.mypy)} |"
