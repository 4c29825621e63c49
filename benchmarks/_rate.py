"""
At a fixed rate: vegeta sends on schedule, however long answers take.

So no slow answer hides those that would have been asked for meanwhile, which is what a client that waits for each
answer leaves out ("coordinated omission").
"""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._tools import VEGETA

__all__ = ["AtRate", "ask_at_rate"]


@dataclass(frozen=True)
class AtRate:
    """What came of a fixed rate: requests a second, how many in all, and quantiles of the latency in seconds."""

    rate: int
    requests: int
    p50: float
    p99: float


def ask_at_rate(address: str, paths: Sequence[str], *, rate: int, seconds: float, folder: Path) -> AtRate:
    """Ask at `rate` requests a second; raises where a single answer is bad or does not come."""
    targets = folder / "targets"
    targets.write_text("\n".join(f"GET {address}{path}" for path in paths))
    environment = {**os.environ, "GOMAXPROCS": "1"}  # the other core is the contender's
    attack = [VEGETA.path(), "attack", f"-targets={targets}", f"-rate={rate}/s", f"-duration={seconds:.0f}s"]
    answers = subprocess.run(  # noqa: S603 - our own targets
        [*attack, "-max-body=0", "-timeout=10s"], check=True, capture_output=True, env=environment
    ).stdout
    report = subprocess.run(  # noqa: S603 - its own output
        [VEGETA.path(), "report", "-type=json"], check=True, capture_output=True, input=answers
    ).stdout
    found: dict[str, Any] = json.loads(report)
    if found["status_codes"] != {"200": found["requests"]} or found["errors"]:
        message = f"{address}{paths[0]} and its like at {rate}/s: {found['status_codes']}, {found['errors']}"
        raise RuntimeError(message)
    latencies = found["latencies"]
    return AtRate(rate, found["requests"], latencies["50th"] / 1e9, latencies["99th"] / 1e9)
