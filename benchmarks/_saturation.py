"""As much as a server can: wrk asks again as soon as it has an answer, costs little and counts what goes wrong."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks._cases import Case
from benchmarks._tools import WRK

__all__ = ["Saturation", "saturate"]

_SCRIPT: Final = """
local requests, number = {{}}, 0
init = function(arguments)
    for path in io.lines("{paths}") do requests[#requests + 1] = wrk.format("GET", path) end
end
request = function()
    number = number % #requests + 1
    return requests[number]
end
done = function(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, errors.status, failed))
end
"""


@dataclass(frozen=True)
class Saturation:
    """What came of a load: how many answers in how many seconds."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def saturate(address: str, case: Case, *, seconds: float, folder: Path) -> Saturation:
    """
    Ask as fast as all clients get answers.

    Raises where a single answer is bad or does not come; where the upstreams are down, where one is good.
    """
    (folder / "paths").write_text("\n".join(case.paths))
    script = folder / "saturation.lua"
    script.write_text(_SCRIPT.format(paths=folder / "paths"))
    options = ["-t1", f"-c{case.clients}", f"-d{seconds:.0f}s", "--timeout", "20s"]
    command = [WRK.path(), *options, "-s", str(script), address]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own script
    result = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", output)
    assert result is not None, output
    requests, duration, bad, failed = map(int, result.groups())
    if failed or not requests or bad != (requests if case.app.is_down else 0):
        message = f"{address}{case.paths[0]} and its like: {requests} answers, {bad} bad, and {failed} socket errors"
        raise RuntimeError(message)
    return Saturation(requests, duration / 1e6)
