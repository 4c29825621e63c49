"""The commands and their options."""

import difflib
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from bff.ambassador import _queue
from bff.app import BFF
from bff.cli._check import Format as CheckFormat
from bff.cli._check import Request, run_check
from bff.cli._explain import draw
from bff.cli._faults import FaultsFormat, Wanted, faults
from bff.cli._load import USAGE_ERROR, NoApp, load
from bff.cli._new import run_new
from bff.cli._policies import policies_of
from bff.cli._serve import Serving, serve
from bff.plan._explain import explain, mermaid
from bff.plan._plan import Plan
from bff.rest._route import PageRoute

App = Annotated[
    str, typer.Argument(metavar="APP", help="The app, as `module:attribute`; `app` is the default attribute.")
]
Endpoint = Annotated[
    str | None, typer.Argument(help='One endpoint: `"GET /products/{product_id}"`, or `Mobile.product`.')
]

commands = typer.Typer(name="bff", no_args_is_help=True, rich_markup_mode="markdown")


class Format(StrEnum):
    """How a plan is shown."""

    TEXT = "text"
    MERMAID = "mermaid"
    JSON = "json"
    SOURCE = "source"


_PIPE_WIDTH = 120


def main() -> None:
    """Run the command line."""
    commands()


def _version(value: bool) -> None:
    if value:
        # One that is compiled wherever any is: decision 29.
        kind = "interpreted" if str(_queue.__file__).endswith(".py") else "compiled"
        typer.echo(f"bff {version('bff-framework')} ({kind})")
        raise typer.Exit


@commands.callback()
def _options(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say which version this is, and if it is compiled."
        ),
    ] = False,
) -> None:
    """Declare one page per client; see, serve and describe it."""


def _load(name: str) -> BFF:
    try:
        return load(name, Console(stderr=True))
    except NoApp as refused:
        raise typer.Exit(refused.status) from None


@commands.command("new")
def new_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new, or empty.")],
    name: Annotated[str | None, typer.Option(help="What the project is called; the folder's name if left out.")] = None,
) -> None:
    """Make a project that runs, is typed and tested."""
    raise typer.Exit(run_new(folder, name))


@commands.command("plan")
def plan_command(
    app: App,
    endpoint: Endpoint = None,
    format: Annotated[Format, typer.Option(help="How to show it.")] = Format.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Explain what each endpoint will do: calls, order, fields, what may be missing, the worst case."""
    loaded = _load(app)
    pages = _chosen(loaded.pages, endpoint)
    plans = [(page, loaded.plan_of(page)) for page in pages]
    if format is Format.JSON:
        found = [explain(plan, policies_of(loaded)).to_dict() for _, plan in plans if plan]
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    for page, plan in plans:
        if plan is not None:
            _show(plan, loaded, format, console)
        elif format is Format.TEXT:
            title, where = (title_of(page), "bold"), (page.declared.where, "cyan")
            console.print(Text.assemble(title, "  ", where, "  runs per request (async def)\n"))


def _show(plan: Plan, app: BFF, shown: Format, console: Console) -> None:
    if shown is Format.SOURCE and console.is_terminal:
        console.print(Syntax(plan.source, "python", background_color="default"))
    elif shown is Format.SOURCE:
        typer.echo(plan.source)
    elif shown is Format.MERMAID:
        typer.echo(mermaid(explain(plan, policies_of(app))))
    else:
        draw(explain(plan, policies_of(app)), console)


def title_of(page: PageRoute) -> str:
    """Return method and path of a page, with the prefix that it is served under."""
    return f"{page.page.method} {page.path}"


def _chosen(pages: Sequence[PageRoute], wanted: str | None) -> Sequence[PageRoute]:
    """Return the pages that a user named: all of them, or those of a title, a path or a method."""
    if wanted is None:
        return pages
    found = [page for page in pages if wanted in {title_of(page), page.path, page.declared.title, page.declared.where}]
    if found:
        return found
    known = [name for page in pages for name in (title_of(page), page.declared.where)]
    near = difflib.get_close_matches(wanted, known, n=1)
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"[red]error:[/] there is no endpoint `{wanted}`.", highlight=False)
    console.print(f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(known)}.", highlight=False)
    raise typer.Exit(USAGE_ERROR)


@commands.command("faults")
def faults_command(
    app: App,
    endpoint: Endpoint = None,
    format: Annotated[FaultsFormat, typer.Option(help="How to show it.")] = FaultsFormat.TEXT,  # noqa: A002 - as above
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file instead.")] = None,
    check: Annotated[Path | None, typer.Option(help="Compare with a file instead; exit 1 where it differs.")] = None,
    fakes: Annotated[
        str | None, typer.Option(help="What upstreams answer, as `module:attribute`; made up where left out.")
    ] = None,
) -> None:
    """Let every upstream fail in every way, alone and in pairs, on fakes, and say what each client gets."""
    loaded = _load(app)
    chosen = [page.declared.where for page in _chosen(loaded.pages, endpoint)]
    raise typer.Exit(faults(loaded, Wanted(chosen, format, output, check, fakes)))


@commands.command("check")
def check_command(
    app: App,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Ask an upstream's OpenAPI document whether contracts still hold: an address, `name=` and an address "
            "or a file, or `all` for every upstream at its own address. May be given several times.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail too.")] = False,
    format: Annotated[CheckFormat, typer.Option(help="How to show it.")] = CheckFormat.TEXT,  # noqa: A002 - as above
) -> None:
    """Check everything that can be known before traffic; status 1 where there is a problem."""
    raise typer.Exit(run_check(Request(app, against or [], strict, format)))


@commands.command("openapi")
def openapi_command(
    app: App,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file instead.")] = None,
    indent: Annotated[int, typer.Option(help="Spaces for each level; 0 writes it on one line.")] = 2,
) -> None:
    """Print the OpenAPI document of the app."""
    text = json.dumps(_load(app).openapi(), indent=indent or None, ensure_ascii=False)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(f"{text}\n", encoding="utf-8")
        Console(stderr=True).print(f"Wrote {output}.", highlight=False)


@commands.command("run")
def run_command(
    app: App,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    reload: Annotated[bool, typer.Option("--reload", help="Start anew when a file changes; for development.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = 1,
    log_level: Annotated[str, typer.Option(help="critical, error, warning, info or debug.")] = "info",
) -> None:
    """Serve the app with uvicorn, one log line for each request."""
    serve(_load(app), Serving(app, host, port, reload=reload, workers=workers, log_level=log_level))
