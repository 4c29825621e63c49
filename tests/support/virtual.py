"""The virtual clock that our own tests stand on is the one that we ship."""

from bff.testing._virtual import Deadlock, VirtualLoop, run_virtual

__all__ = ["Deadlock", "VirtualLoop", "run"]

run = run_virtual
