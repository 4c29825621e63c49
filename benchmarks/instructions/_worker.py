"""Run under valgrind: each case in a process of its own, forked from one that has imported all there is."""

import gc
import os
import sys
import traceback
from pathlib import Path

from benchmarks.instructions._clock import stop_the_clocks

JOBS = 2


def main() -> None:
    """Count the cases that are named, and print for each its name and its instructions."""
    files, *names = sys.argv[1:]
    stop_the_clocks()
    from benchmarks.instructions._counting import counted  # imports what has to find the clocks stopped

    gc.collect()
    gc.disable()
    running: set[int] = set()
    failed = False

    def wait() -> bool:
        process, status = os.wait()
        running.remove(process)
        return status != 0

    for name in names:
        if len(running) == JOBS:
            failed |= wait()
        process = os.fork()
        if process == 0:
            status = 1
            try:
                os.write(sys.stdout.fileno(), f"{name} {counted(name, Path(files))}\n".encode())
                status = 0
            except BaseException:  # noqa: BLE001 - a fork must never go on as its parent
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        running.add(process)
    while running:
        failed |= wait()
    sys.exit(failed)


if __name__ == "__main__":
    main()
