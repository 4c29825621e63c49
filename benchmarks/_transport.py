"""A transport over which nothing travels: what two programs that measure without sockets have in common."""

import asyncio

from typing_extensions import override

__all__ = ["Detached"]


class Detached(asyncio.Transport):
    """Stays open, and has nothing to close or to pause; what is written is for whoever derives from it."""

    @override
    def is_closing(self) -> bool:
        """Say that it stays open."""
        return False

    @override
    def close(self) -> None:
        """Have nothing to close."""

    @override
    def pause_reading(self) -> None:
        """Have nothing to pause."""

    @override
    def resume_reading(self) -> None:
        """Have nothing to go on with."""
