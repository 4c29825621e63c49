"""Count one case in this process."""

import asyncio
import random
from pathlib import Path
from typing import Final

from benchmarks.instructions._callgrind import Callgrind
from benchmarks.instructions._cases import CASES, Case, Once
from benchmarks.instructions._stage import PRODUCTS

_WARM_UP: Final = 200


def counted(name: str, files: Path) -> int:
    """Return the instructions that a case takes once."""
    random.seed(0)
    with asyncio.Runner() as runner:
        return runner.run(_counted(CASES[name], Callgrind(files)))


async def _counted(case: Case, callgrind: Callgrind) -> int:
    """Count some and twice as many: what the counting itself costs is in both."""
    once = await case.prepare()
    await _repeated(once, _WARM_UP)
    callgrind.start()
    await _repeated(once, len(PRODUCTS))
    counts: list[int] = []
    for times in (case.times, 2 * case.times):
        callgrind.zero()
        await _repeated(once, times)
        counts.append(callgrind.count())
    return round((counts[1] - counts[0]) / case.times)


async def _repeated(once: Once, times: int) -> None:
    """Go through the products, with a turn of the loop after each round, for what waits for one."""
    for _ in range(times // len(PRODUCTS)):
        for number in PRODUCTS:
            await once(number)
        await asyncio.sleep(0)
