"""Stop the clocks: one that runs ten times slower under valgrind must not decide what is done."""

import itertools
import time
from typing import Final

_START: Final = 1000.0
_READING: Final = 1e-6  # every look at a clock takes a microsecond


def stop_the_clocks() -> None:
    """Let durations and deadlines be counted in readings, the same in every run; before anything else is imported."""
    time.monotonic = itertools.count(_START, _READING).__next__
    time.perf_counter = itertools.count(_START, _READING).__next__
