"""One contender: a server process of its own, and what its CPU time is."""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from examples._processes import free_port

CONTENDERS = ("fastapi_aiohttp", "fastapi_httpx", "bff_defaults", "bff_off")
BASELINE = "fastapi_aiohttp"
PATIENCE = 30.0

_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Running:
    """A contender that serves."""

    name: str
    process: "subprocess.Popen[bytes]"
    address: str

    def cpu(self) -> float:
        """Return the CPU time that the process has used, user's and system's, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK

    def memory(self) -> int:
        """Return the most memory that the process has had, in kilobytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def contender(name: str, upstream: str, log: Path) -> Generator[Running]:
    """Run one worker of a contender against `upstream`, until it is not needed any more."""
    port = free_port(8900)
    environment = {f"BFF_{service}__BASE_URL": upstream for service in ("CATALOG", "REVIEWS", "INVENTORY")}
    arguments = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "uvicorn", f"benchmarks.contenders.{name}:app", *arguments],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
        try:
            running = Running(name, process, f"http://127.0.0.1:{port}")
            _wait(running, log)
            yield running
        finally:
            process.kill()
            process.wait()


def _wait(running: Running, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and running.process.poll() is None:
        try:
            httpx.get(f"{running.address}/openapi.json", timeout=PATIENCE).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    message = f"{running.name} does not serve:\n{log.read_text()}"
    raise RuntimeError(message)
