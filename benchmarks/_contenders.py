"""Who takes part: each a server process of its own, written the way its users would write it."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

from benchmarks._package import COMPILED, Kind
from benchmarks._tools import ENVOY, GRANIAN, NODE, Tool

__all__ = ["BASELINE", "CONTENDERS", "Contender", "Start"]

BASELINE: Final = "fastapi_aiohttp"
_FILES: Final = Path(__file__).parent / "contenders"


@dataclass(frozen=True)
class Start:
    """What a command is made from: `package` is the part of `contenders` that the case is answered by."""

    package: str
    port: int
    upstream_port: int
    folder: Path

    def module(self, name: str) -> str:
        """Return where Python finds the app of a contender."""
        package = "benchmarks.contenders" + (f".{self.package}" if self.package else "")
        return f"{package}.{name}:app"


@dataclass(frozen=True)
class Contender:
    """
    A way to write the pages.

    `shares` says that equal calls that are under way at the same time are made once, `is_hop` that it answers no page
    but hands one call through, `has_bulkhead` that it refuses more calls at once than a setting allows. `kind` is of
    those that are written with `bff`.
    """

    name: str
    title: str
    command: Callable[[Start], Sequence[str]]
    needs: Sequence[Tool] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    shares: bool = False
    is_hop: bool = False
    has_bulkhead: bool = False
    kind: Kind | None = None


def _uvicorn(name: str) -> Callable[[Start], Sequence[str]]:
    def command(start: Start) -> Sequence[str]:
        options = ["--port", str(start.port), "--no-access-log", "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", start.module(name), *options]

    return command


def _granian(name: str) -> Callable[[Start], Sequence[str]]:
    def command(start: Start) -> Sequence[str]:
        options = ["--interface", "asgi", "--workers", "1", "--port", str(start.port), "--log-level", "warning"]
        return [GRANIAN.path(), *options, start.module(name)]

    return command


def _node(name: str) -> Callable[[Start], Sequence[str]]:
    return lambda start: [NODE.path(), str(_FILES / "node" / start.package / f"{name}.js")]


def _envoy(start: Start) -> Sequence[str]:
    config = start.folder / "envoy.yaml"
    template = Template((_FILES / "envoy.yaml").read_text())
    config.write_text(template.substitute(port=start.port, upstream=start.upstream_port))
    return [ENVOY.path(), "-c", str(config), "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]


_ALONE: Final = {f"BFF_{name}__COALESCING": "null" for name in ("CATALOG", "REVIEWS", "INVENTORY")}

CONTENDERS: Final = {
    contender.name: contender
    for contender in (
        Contender("fastapi_aiohttp", "FastAPI + aiohttp by hand", _uvicorn("fastapi_aiohttp")),
        Contender("fastapi_httpx", "FastAPI + httpx by hand", _uvicorn("fastapi_httpx")),
        Contender("starlette_pyreqwest", "Starlette + pyreqwest + msgspec by hand", _uvicorn("starlette_pyreqwest")),
        Contender("fastify_undici", "fastify + undici by hand", _node("fastify_undici"), [NODE]),
        Contender("fastify_cockatiel", "fastify + undici + cockatiel", _node("fastify_cockatiel"), [NODE]),
        Contender(
            "bff_defaults", "bff, everything on", _uvicorn("bff_defaults"), [COMPILED], shares=True,
            has_bulkhead=True, kind="compiled",
        ),
        Contender(
            "bff_interpreted", "bff, everything on, interpreted", _uvicorn("bff_defaults"), shares=True,
            has_bulkhead=True, kind="interpreted",
        ),
        Contender(
            "bff_granian", "bff, everything on, granian", _granian("bff_defaults"), [COMPILED, GRANIAN], shares=True,
            has_bulkhead=True, kind="compiled",
        ),
        Contender(
            "bff_unshared", "bff, no coalescing", _uvicorn("bff_defaults"), [COMPILED], environment=_ALONE,
            has_bulkhead=True, kind="compiled",
        ),
        Contender("bff_off", "bff, everything off", _uvicorn("bff_off"), [COMPILED], kind="compiled"),
        Contender("envoy", "Envoy: one call handed through", _envoy, [ENVOY], is_hop=True),
    )
}  # fmt: skip
"""By name, in the order of the tables."""
