"""Show findings: to people, to programs, and as annotations of a pull request."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from bff.plan._finding import Finding, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print findings, each with its place, what is wrong, and how to mend it."""
    for finding in findings:
        problem, colour = finding.problem, _COLOURS[finding.severity]
        head = Text.assemble((f"{finding.severity}", f"bold {colour}"), f"[{finding.code}]  ", (problem.where, "bold"))
        if problem.file:
            head.append(f"  {shown_path(problem.file)}:{problem.line}", style="cyan")
        console.print(head, soft_wrap=True)
        console.print(Text(f"    {problem.what}"), soft_wrap=True)
        console.print(Text.assemble(("    mend: ", "green"), problem.mend), soft_wrap=True)
        console.print()


def as_json(findings: Sequence[Finding]) -> str:
    """Return findings as a JSON document, a list with one object for each."""
    found = [
        {
            "code": finding.code,
            "severity": finding.severity,
            "where": finding.problem.where,
            "what": finding.problem.what,
            "mend": finding.problem.mend,
            "file": shown_path(finding.problem.file) or None,
            "line": finding.problem.line or None,
        }
        for finding in findings
    ]
    return json.dumps(found, indent=2, ensure_ascii=False)


def annotate(findings: Sequence[Finding]) -> None:
    """Print findings as workflow commands of GitHub Actions, which shows them beside the lines of a change."""
    for finding in findings:
        problem = finding.problem
        title = f"title={_property(f'{problem.where}: {finding.code}')}"
        place = [f"file={_property(shown_path(problem.file))}", f"line={problem.line}"] if problem.file else []
        message = _message(f"{problem.what}\nMend: {problem.mend}")
        typer.echo(f"::{finding.severity} {','.join([*place, title])}::{message}")


def shown_path(file: str) -> str:
    """Return a path as short as it can be: relative to the current folder where it lies in it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if file and path.is_relative_to(Path.cwd()) else file


def counted(findings: Sequence[Finding]) -> str:
    """
    Return how many findings there are of each sort.

    >>> counted([])
    'no problems'
    """
    numbers = [(sum(finding.severity is sort for finding in findings), sort) for sort in Severity]
    told = [f"{number} {sort}{'' if number == 1 else 's'}" for number, sort in numbers if number]
    return ", ".join(told) or "no problems"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
