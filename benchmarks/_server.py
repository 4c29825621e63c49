"""Run one contender as a server, until it is not needed any more."""

import os
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks._cases import App
from benchmarks._contenders import Contender, Start
from benchmarks._package import place_of
from benchmarks._tree import cpu_of, forget_peak, peak_of
from benchmarks._upstream import Upstream
from examples._processes import free_port

__all__ = ["Running", "serving"]

PATIENCE: Final = 180.0  # an app of a thousand endpoints on a busy machine
_ACCESS: Final = ":bff.access:"
SERVICES: Final = ("CATALOG", "REVIEWS", "INVENTORY", "ITEMS", "SHELF")


@dataclass(frozen=True)
class Running:
    """A contender that serves; `pid` is the root of its processes."""

    contender: Contender
    pid: int
    address: str
    log: Path

    def cpu(self) -> float:
        """Return the seconds of CPU time that its processes have used."""
        return cpu_of(self.pid)

    def peak(self) -> int:
        """Return the most memory that its processes have had, in kilobytes."""
        return peak_of(self.pid)

    def complaints(self) -> str:
        """Return the end of what it has written, without the access log: why it may have done what it did."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if _ACCESS not in line]
        return "\n".join(lines[-3:])

    def forget_peak(self) -> None:
        """Look for the peak anew."""
        forget_peak(self.pid)


@contextmanager
def serving(contender: Contender, app: App, upstream: Upstream, folder: Path) -> Generator[Running]:
    """Run one worker of a contender against `upstream`; what it writes goes to a file, as a service's would."""
    port = free_port(0)
    log = folder / f"{contender.name}.log"
    command = contender.command(Start(app.package, port, upstream.port, folder))
    place = place_of(contender.kind)
    settings = {**_settings(contender, app, upstream), "PORT": str(port), "PYTHONPATH": str(place)}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=place, env={**os.environ, **settings}, stdout=output, stderr=output, start_new_session=True
        )
        try:
            running = Running(contender, process.pid, f"http://127.0.0.1:{port}", log)
            _wait(running, process, log)
            yield running
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _settings(contender: Contender, app: App, upstream: Upstream) -> dict[str, str]:
    address = f"http://127.0.0.1:{free_port(0)}" if app.is_down else upstream.address
    settings = {f"BFF_{service}__BASE_URL": address for service in SERVICES}
    if contender.has_bulkhead and app.at_once is not None:
        settings |= {f"BFF_{service}__BULKHEAD__LIMIT": str(app.at_once) for service in SERVICES}
    return {**settings, **contender.environment, "BENCH_ENDPOINTS": str(app.endpoints)}


def _wait(running: Running, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait for an answer, whatever it is: a contender that proxies knows no page of its own."""
    until = time.monotonic() + PATIENCE
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                client.get(f"{running.address}/")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
    message = f"{running.contender.name} does not serve:\n{log.read_text()[-5000:]}"
    raise RuntimeError(message)
