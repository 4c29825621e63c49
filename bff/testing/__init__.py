"""Test an app that is built with bff: fakes, faults, virtual time, plans, and the table of what fails how."""

from bff.testing._fakes import Fakes, SeenRequest, UnfakedCall
from bff.testing._virtual import Deadlock, run_virtual

__all__ = ["Deadlock", "Fakes", "SeenRequest", "UnfakedCall", "run_virtual"]
