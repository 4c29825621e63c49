"""Serve an app with uvicorn, and say what is served where."""

import os
from dataclasses import dataclass
from typing import Any

import uvicorn
from rich.console import Console
from rich.table import Table

from bff.app import BFF


@dataclass(frozen=True, slots=True)
class Serving:
    """What to serve and how."""

    name: str
    host: str
    port: int
    reload: bool
    workers: int
    log_level: str


def serve(app: BFF, serving: Serving) -> None:
    """Serve until told to stop; SIGTERM drains first, Ctrl-C stops at once."""
    _announce(app, serving)
    module, _, attribute = serving.name.partition(":")
    uvicorn.run(
        f"{module}:{attribute or 'app'}",
        host=serving.host,
        port=serving.port,
        reload=serving.reload,
        workers=serving.workers,
        app_dir=os.getcwd(),  # noqa: PTH109 - uvicorn takes a text
        log_config=_logging(serving.log_level.upper()),
        access_log=False,
    )


def _announce(app: BFF, serving: Serving) -> None:
    console = Console(stderr=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("profile", "endpoint", "calls"):
        table.add_column(column, overflow="fold")
    for page in app.pages:
        plan = app.plan_of(page)
        calls = ", ".join(call.operation.full_name for call in plan.calls) if plan else "runs per request"
        table.add_row(page.page.profile, f"{page.page.method} {page.path}", calls)
    console.print(table)
    for upstream in app.upstreams.values():
        console.print(f"[dim]upstream[/]  {upstream.connection.name} at {upstream.connection.address}", highlight=False)
    console.print(f"[bold]http://{serving.host}:{serving.port}[/]  [dim](documentation at /docs)[/]\n", highlight=False)


def _logging(level: str) -> dict[str, Any]:
    """Return a logging configuration in which our own lines take the place of uvicorn's access lines."""
    handler = {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)-7s %(name)s  %(message)s"}},
        "handlers": {"stderr": handler},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"bff": {"level": level}, "uvicorn": {"level": level}},
    }
