"""What happens to an upstream: to its breaker, and to its addresses."""

from dataclasses import dataclass

from bff.events._event import Event

__all__ = [
    "AddressEjected",
    "AddressParked",
    "AddressReturned",
    "AddressesChanged",
    "BreakerChanged",
    "PanicChanged",
    "ResolutionFailed",
]


@dataclass(frozen=True, slots=True)
class BreakerChanged(Event):
    """A circuit breaker went from one state (`"closed"`, `"open"`, `"half-open"`) to another."""

    upstream: str
    operation: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AddressEjected(Event):
    """
    An address of several gets no tries for `seconds`, for the time `ejections` in a row.

    `cause` is what it had too many of: `"5xx"`, `"gateway"`, `"local"` (no answer) or `"failure-rate"`.
    """

    upstream: str
    address: str
    cause: str
    seconds: float
    ejections: int


@dataclass(frozen=True, slots=True)
class AddressReturned(Event):
    """An address that was ejected gets tries again; told with the first one after its time."""

    upstream: str
    address: str


@dataclass(frozen=True, slots=True)
class AddressParked(Event):
    """An address gets no tries for `seconds`, as it asked with a `Retry-After`."""

    upstream: str
    address: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AddressesChanged(Event):
    """The name of an upstream resolved to other addresses than before; `addresses` are all of them now."""

    upstream: str
    addresses: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolutionFailed(Event):
    """The name of an upstream could not be resolved; `kept` addresses stay in use."""

    upstream: str
    name: str
    detail: str
    kept: int


@dataclass(frozen=True, slots=True)
class PanicChanged(Event):
    """So few addresses are left, `healthy` not ejected, that all are used whatever their health; or no longer."""

    upstream: str
    is_panic: bool
    healthy: int
