"""`bff check`: everything that can be known of an app before traffic, and whether its upstreams keep their word."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from bff.app import BFF
from bff.cli._documents import NoDocument, Source, Unclear, documents, sources
from bff.cli._findings import annotate, as_json, counted, show
from bff.cli._load import USAGE_ERROR, NoApp, load
from bff.cli._policies import policies_of
from bff.declare._operation import Operation, operations_of
from bff.declare._source import class_place
from bff.declare._upstream import Upstream
from bff.errors import DeclarationError, Problem
from bff.plan._check import Subject, check
from bff.plan._drift import Caller, drift
from bff.plan._finding import Finding, Severity, error, in_order
from bff.plan._use import Use


class Format(StrEnum):
    """How findings are shown."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Request:
    """What to check: an app by name, and the documents to hold it against."""

    app: str
    against: list[str]
    strict: bool
    format: Format


def run_check(request: Request) -> int:
    """Check an app, print what was found, and return the status to end with: 0 fine, 1 problems, 2 no such app."""
    console = Console(stderr=True, soft_wrap=True)
    said = io.StringIO()
    try:
        app = load(request.app, Console(file=said, force_terminal=console.is_terminal, width=console.width))
        wanted = sources(request.against, app.upstreams)
        findings, summary = _findings(app, request.app, wanted), _summary(app, wanted)
    except NoApp as refused:
        if not isinstance(refused.__cause__, DeclarationError):
            typer.echo(said.getvalue(), err=True, nl=False)
            return refused.status
        findings, summary = in_order(_declared(refused.__cause__.problems)), "the declarations"
    except Unclear as reason:
        console.print(f"[red]error:[/] {escape(str(reason))}", highlight=False)
        return USAGE_ERROR
    _print(findings, summary, request.format)
    counts = {Severity.ERROR, Severity.WARNING} if request.strict else {Severity.ERROR}
    return 1 if any(finding.severity in counts for finding in findings) else 0


def _findings(app: BFF, name: str, wanted: list[Source]) -> tuple[Finding, ...]:
    pages = [(page.declared, app.plan_of(page)) for page in app.pages]
    subject = Subject(pages, policies_of(app), [*app.upstreams], name.partition(":")[0])
    return in_order([*check(subject), *_drifts(app, subject.use, wanted)])


def _declared(problems: Iterable[Problem]) -> Iterator[Finding]:
    """Yield what kept an app from being built; a problem without a place is one of a variable."""
    for problem in problems:
        yield error("setting" if problem.where.startswith("BFF_") else "declaration", problem)


def _drifts(app: BFF, use: Use, wanted: list[Source]) -> Iterator[Finding]:
    for source, found in zip(wanted, documents(wanted) if wanted else [], strict=True):
        if isinstance(found, NoDocument):
            mend = "name the document: `--against name=http://host/path/openapi.json`, or a file"
            place = class_place(source.upstream, "base_url")
            yield error("no-document", Problem(str(found), mend, source.upstream.__name__, *place))
            continue
        for operation in operations_of(source.upstream):
            caller = _caller(app.upstreams[source.upstream], operation)
            yield from drift(operation, use.demands.get(operation), found, caller)


def _caller(upstream: Upstream, operation: Operation[..., Any]) -> Caller:
    binding = upstream.binding(operation)
    headers = {name.lower() for name, _ in binding.connection.headers} | binding.accepts
    return Caller(binding.prefix, frozenset(headers), is_signed=type(upstream).auth is not None)


def _summary(app: BFF, wanted: list[Source]) -> str:
    counts = [(len(app.pages), "endpoint"), (len(app.upstreams), "upstream"), (len(wanted), "document")]
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count)


def _print(findings: tuple[Finding, ...], summary: str, shown: Format) -> None:
    if shown is Format.JSON:
        typer.echo(as_json(findings))
    elif shown is Format.GITHUB:
        annotate(findings)
    else:
        console = Console()
        show(findings, console)
        colour = "red" if any(finding.severity is Severity.ERROR for finding in findings) else "green"
        console.print(f"[bold {colour}]{counted(findings)}[/] in {summary}", highlight=False)
