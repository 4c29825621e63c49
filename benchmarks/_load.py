"""Ask for pages with wrk, which costs little and counts what goes wrong."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local number = 0
request = function()
    number = number % {products} + 1
    return wrk.format("GET", "/{page}/products/" .. number)
end
done = function(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    io.write(string.format("RESULT %d %d %d %d %d\\n",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
"""


@dataclass(frozen=True)
class Load:
    """What came of a load: how many requests, in how many seconds, and quantiles of their latency in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float


def wrk() -> str | None:
    """Return where wrk is, `None` where it is not installed."""
    return shutil.which("wrk")


def load(address: str, page: str, *, seconds: int, clients: int, products: int, folder: Path) -> Load:
    """Ask for `page` of changing products as fast as `clients` get answers; raises where a single one is bad."""
    script = folder / f"{page}.lua"
    script.write_text(_SCRIPT.format(products=products, page=page))
    program = wrk()
    assert program is not None
    command = [program, "-t1", f"-c{clients}", f"-d{seconds}s", "-s", str(script), address]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own script
    result = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    assert result is not None, output
    requests, duration, p50, p99, failed = map(int, result.groups())
    if failed or not requests:
        message = f"{failed} of {requests} answers of {address}/{page} were bad"
        raise RuntimeError(message)
    return Load(requests, duration / 1e6, p50 / 1e6, p99 / 1e6)
