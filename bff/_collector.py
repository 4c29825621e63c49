"""Build without the garbage collector: what is made at start-up stays, and looking through it frees next to nothing."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None]:
    """
    Leave the collector off for as long as the context lasts, unless it is off already.

    What was made is old at once, and looked through no sooner than everything else that stays.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # What somebody has frozen would be let go by this, too.
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.enable()
