"""Frozen records of what happened, and the means to hand them to whoever subscribed."""

from bff.events._calls import (
    AttemptFailed,
    AttemptFinished,
    AttemptRejected,
    AttemptStarted,
    BudgetExhausted,
    CallCancelled,
    CallCoalesced,
    CallFailed,
    CallFinished,
    CallStarted,
    FaultInjected,
    HedgeStarted,
    HedgeWon,
)
from bff.events._emitter import Emitter, Observer
from bff.events._event import Event
from bff.events._requests import RequestFinished
from bff.events._upstreams import (
    AddressEjected,
    AddressesChanged,
    AddressParked,
    AddressReturned,
    BreakerChanged,
    PanicChanged,
    ResolutionFailed,
)

__all__ = [
    "AddressEjected",
    "AddressParked",
    "AddressReturned",
    "AddressesChanged",
    "AttemptFailed",
    "AttemptFinished",
    "AttemptRejected",
    "AttemptStarted",
    "BreakerChanged",
    "BudgetExhausted",
    "CallCancelled",
    "CallCoalesced",
    "CallFailed",
    "CallFinished",
    "CallStarted",
    "Emitter",
    "Event",
    "FaultInjected",
    "HedgeStarted",
    "HedgeWon",
    "Observer",
    "PanicChanged",
    "RequestFinished",
    "ResolutionFailed",
]
