"""Show in a browser's network panel which upstream calls an answer waited for."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from bff.declare._scope import CallRecord

__all__ = ["SERVER_TIMING_HEADER", "server_timing"]

SERVER_TIMING_HEADER: Final = "Server-Timing"

_NO_TOKEN = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")


def server_timing(calls: Iterable[CallRecord], *, total: float) -> str:
    """
    Return the metrics of W3C Server Timing, in milliseconds, the whole request (`total` seconds) first.

    `start` is a parameter of our own, which browsers skip.

    >>> call = CallRecord("catalog", "product", start=0.001, duration=0.0123, attempts=2, status=200)
    >>> server_timing([call], total=0.02)
    'total;dur=20.0, catalog.product;start=1.0;dur=12.3;desc="2 attempts"'
    """
    metrics = f"total;dur={_milliseconds(total)}"
    for call in calls:
        again = f';desc="{call.attempts} attempts"' if call.attempts > 1 else ""
        name = _name(call.upstream, call.operation)
        metrics += f", {name};start={_milliseconds(call.start)};dur={_milliseconds(call.duration)}{again}"
    return metrics


def _milliseconds(seconds: float) -> str:
    # With whole numbers, which are written in a fraction of the time.
    tenths = int(seconds * 10_000 + 0.5)
    return f"{tenths // 10}.{tenths % 10}"


@lru_cache(maxsize=1024)
def _name(upstream: str, operation: str) -> str:
    return _NO_TOKEN.sub("_", f"{upstream}.{operation}")
