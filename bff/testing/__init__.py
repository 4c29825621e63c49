"""Test an app that is built with bff: fakes, faults, virtual time, plans, and the table of what fails how."""

from bff.testing._failures import failure_modes
from bff.testing._fakes import Fakes
from bff.testing._modes import FailureModes, Mode, Outcome, PageModes
from bff.testing._plan import PlannedEndpoint, plan
from bff.testing._request import Request
from bff.testing._rules import FaultKind, Rule
from bff.testing._stage import SeenRequest, UnfakedCall
from bff.testing._virtual import Deadlock, run_virtual

__all__ = [
    "Deadlock",
    "FailureModes",
    "Fakes",
    "FaultKind",
    "Mode",
    "Outcome",
    "PageModes",
    "PlannedEndpoint",
    "Request",
    "Rule",
    "SeenRequest",
    "UnfakedCall",
    "failure_modes",
    "plan",
    "run_virtual",
]
