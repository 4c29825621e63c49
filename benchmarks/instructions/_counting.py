"""Count one case in this process."""

import asyncio
import random
from pathlib import Path
from typing import Final

from benchmarks.instructions._callgrind import Callgrind
from benchmarks.instructions._cases import CASES, Case, Once
from benchmarks.instructions._stage import PRODUCTS

_WARM_UP: Final = 200
_COUNTS: Final = 5
_SIZES: Final = range(8, 512, 8)


def counted(name: str, files: Path) -> int:
    """Return the instructions that a case takes once."""
    random.seed(0)
    with asyncio.Runner() as runner:
        return runner.run(_counted(CASES[name], Callgrind(files)))


async def _counted(case: Case, callgrind: Callgrind) -> int:
    """
    Count several times, without what the counting itself costs, and take the least.

    Blocks that are held make every count meet another heap: in one where a piece of work is for ever the first to need
    a new page of memory, and gives it back, it takes a hundredth more.
    """
    once = await case.prepare()
    await _repeated(once, _WARM_UP)
    callgrind.start()
    await _repeated(once, len(PRODUCTS))
    counts: list[int] = []
    held: list[bytes] = []
    for times in (0, *[case.times] * _COUNTS):
        held += map(bytes, _SIZES)
        callgrind.zero()
        await _repeated(once, times)
        counts.append(callgrind.count())
    nothing, *counts = counts
    return round((min(counts) - nothing) / case.times)


async def _repeated(once: Once, times: int) -> None:
    """Go through the products, with a turn of the loop after each round, for what waits for one."""
    for _ in range(times // len(PRODUCTS)):
        for number in PRODUCTS:
            await once(number)
        await asyncio.sleep(0)
