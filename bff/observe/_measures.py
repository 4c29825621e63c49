"""Which metrics our events amount to: one table, that OpenTelemetry and Prometheus both read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from bff.events import (
    AddressEjected,
    AddressesChanged,
    AddressParked,
    AddressReturned,
    AttemptFailed,
    AttemptFinished,
    AttemptRejected,
    AttemptStarted,
    BreakerChanged,
    BudgetExhausted,
    CallCancelled,
    CallCoalesced,
    CallFailed,
    CallFinished,
    Event,
    FaultInjected,
    HedgeWon,
    PanicChanged,
    RequestFinished,
    ResolutionFailed,
)
from bff.observe._conventions import SERVER_ERRORS, error_type, known_method, server_of

__all__ = ["MEASURES", "Instrument", "Measure", "Record", "Value", "recorders"]

E = TypeVar("E", bound=Event)
F = TypeVar("F")
Value: TypeAlias = str | int | None
Reading: TypeAlias = tuple[float, tuple[Value, ...]]
Record: TypeAlias = Callable[[float], object]

_CLIENT_CLOSED: Final = 499  # nobody got this answer
_STATES: Final = {"closed": 0, "half-open": 1, "open": 2}


@dataclass(frozen=True, slots=True)
class Instrument:
    """
    A metric by OpenTelemetry's rules: a name, a UCUM unit, and the attributes that its values are told apart by.

    None of these may be a user's: what they can be is bounded by what an app declares.
    """

    kind: Literal["counter", "histogram", "gauge"]
    name: str
    unit: str
    text: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure(Generic[E]):
    """What a class of events adds to an instrument: a value, and one for each attribute; `None`: nothing."""

    instrument: Instrument
    event: type[E]
    read: Callable[[E], Reading | None]


def _histogram(name: str, text: str, *attributes: str) -> Instrument:
    return Instrument("histogram", name, "s", text, attributes)


def _counter(name: str, unit: str, text: str, *attributes: str) -> Instrument:
    return Instrument("counter", name, unit, text, attributes)


def _gauge(name: str, unit: str, text: str, *attributes: str) -> Instrument:
    return Instrument("gauge", name, unit, text, attributes)


_METHOD, _SCHEME, _STATUS, _ERROR = "http.request.method", "url.scheme", "http.response.status_code", "error.type"
_UPSTREAM, _ADDRESS = "bff.upstream", "bff.address"
_WHERE: Final = (_UPSTREAM, "bff.operation")

_REQUESTS: Final = _histogram(
    "http.client.request.duration",
    "Duration of HTTP client requests.",
    *(_METHOD, "server.address", "server.port", _SCHEME, _STATUS, _ERROR, *_WHERE),
)
_SERVED: Final = _histogram(
    "http.server.request.duration",
    "Duration of HTTP server requests.",
    *(_METHOD, _SCHEME, "http.route", _STATUS, _ERROR, "bff.profile"),
)
_CALLS: Final = _histogram(
    "bff.client.call.duration", "Duration of calls to upstreams, with all their tries.", *_WHERE, _STATUS, _ERROR
)
_VIOLATIONS: Final = _counter(
    "bff.client.contract_violations", "{call}", "Answers that are not what their contract says.", *_WHERE
)
_COALESCED: Final = _counter(
    "bff.client.coalesced_calls", "{call}", "Calls that were given the outcome of an equal one.", *_WHERE
)
_ATTEMPTS: Final = _counter(
    "bff.client.attempts", "{attempt}", "Requests sent to upstreams.", *_WHERE, "bff.attempt.kind"
)
_REJECTED: Final = _counter(
    "bff.client.rejected_attempts", "{attempt}", "Requests that we refused to send.", *_WHERE, _ERROR
)
_RETRIES: Final = _counter("bff.client.retries", "{retry}", "Failed tries that another one follows.", *_WHERE, _ERROR)
_REFUSED: Final = _counter(
    "bff.client.refused_retries", "{retry}", "Failed tries that no other follows.", *_WHERE, _ERROR, "bff.reason"
)
_EXHAUSTED: Final = _counter(
    "bff.client.exhausted_budgets", "{attempt}", "Tries for which no token was left.", *_WHERE, "bff.attempt.kind"
)
_WON: Final = _counter("bff.client.won_hedges", "{hedge}", "Hedges that gave the answer.", *_WHERE)
_FAULTS: Final = _counter("bff.client.injected_faults", "{fault}", "Faults injected on purpose.", *_WHERE)
_CHANGES: Final = _counter(
    "bff.client.breaker.changes", "{change}", "Changes of circuit breakers.", *_WHERE, "bff.breaker.state"
)
_STATE: Final = _gauge(
    "bff.client.breaker.state", "1", "State of circuit breakers: 0 closed, 1 half-open, 2 open.", *_WHERE
)
_EJECTIONS: Final = _counter(
    "bff.client.address.ejections", "{ejection}", "Addresses ejected.", _UPSTREAM, _ADDRESS, _ERROR
)
_RETURNS: Final = _counter("bff.client.address.returns", "{return}", "Addresses back in use.", _UPSTREAM, _ADDRESS)
_PARKED: Final = _counter(
    "bff.client.address.parkings", "{parking}", "Addresses that asked for patience.", _UPSTREAM, _ADDRESS
)
_ADDRESSES: Final = _gauge("bff.client.addresses", "{address}", "Addresses that a name resolved to.", _UPSTREAM)
_UNRESOLVED: Final = _counter(
    "bff.client.resolution_failures", "{failure}", "Names that could not be resolved.", _UPSTREAM
)
_PANIC: Final = _gauge("bff.client.panic", "1", "Whether all addresses are used whatever their health.", _UPSTREAM)


def _request(event: AttemptFinished) -> Reading:
    server, wrong = server_of(event.url), error_type(event.status, event.cause)
    method, where = known_method(event.method), (event.upstream, event.operation)
    return event.duration, (method, server.host, server.port, server.scheme, event.status, wrong, *where)


def _served(event: RequestFinished) -> Reading:
    # 499 was never sent.
    status = None if event.status == _CLIENT_CLOSED else event.status
    wrong = error_type(status, event.cause, errors=SERVER_ERRORS)
    return event.duration, (known_method(event.method), event.scheme, event.route, status, wrong, event.profile)


def _failed(event: CallFailed) -> Reading | None:
    if event.status is not None and event.status < SERVER_ERRORS:
        return None  # counted as finished
    wrong = error_type(event.status, event.cause)
    return event.duration, (event.upstream, event.operation, event.status, wrong)


def _violated(event: CallFailed) -> Reading | None:
    return (1, (event.upstream, event.operation)) if event.cause == "contract" else None


def _retried(event: AttemptFailed) -> Reading | None:
    return None if event.retry_in is None else (1, (event.upstream, event.operation, event.cause))


def _refused(event: AttemptFailed) -> Reading | None:
    return (1, (event.upstream, event.operation, event.cause, event.refused)) if event.retry_in is None else None


MEASURES: Final[tuple[Measure[Any], ...]] = (
    Measure(_REQUESTS, AttemptFinished, _request),
    Measure(_SERVED, RequestFinished, _served),
    Measure(
        _CALLS, CallFinished, lambda event: (event.duration, (event.upstream, event.operation, event.status, None))
    ),
    Measure(_CALLS, CallFailed, _failed),
    Measure(
        _CALLS, CallCancelled, lambda event: (event.duration, (event.upstream, event.operation, None, "cancelled"))
    ),
    Measure(_VIOLATIONS, CallFailed, _violated),
    Measure(_COALESCED, CallCoalesced, lambda event: (1, (event.upstream, event.operation))),
    Measure(_ATTEMPTS, AttemptStarted, lambda event: (1, (event.upstream, event.operation, event.kind))),
    Measure(_REJECTED, AttemptRejected, lambda event: (1, (event.upstream, event.operation, event.cause))),
    Measure(_RETRIES, AttemptFailed, _retried),
    Measure(_REFUSED, AttemptFailed, _refused),
    Measure(_EXHAUSTED, BudgetExhausted, lambda event: (1, (event.upstream, event.operation, event.wanted))),
    Measure(_WON, HedgeWon, lambda event: (1, (event.upstream, event.operation))),
    Measure(_FAULTS, FaultInjected, lambda event: (1, (event.upstream, event.operation))),
    Measure(_CHANGES, BreakerChanged, lambda event: (1, (event.upstream, event.operation, event.after))),
    Measure(_STATE, BreakerChanged, lambda event: (_STATES[event.after], (event.upstream, event.operation))),
    Measure(_EJECTIONS, AddressEjected, lambda event: (1, (event.upstream, event.address, event.cause))),
    Measure(_RETURNS, AddressReturned, lambda event: (1, (event.upstream, event.address))),
    Measure(_PARKED, AddressParked, lambda event: (1, (event.upstream, event.address))),
    Measure(_ADDRESSES, AddressesChanged, lambda event: (len(event.addresses), (event.upstream,))),
    Measure(_UNRESOLVED, ResolutionFailed, lambda event: (1, (event.upstream,))),
    Measure(_PANIC, PanicChanged, lambda event: (int(event.is_panic), (event.upstream,))),
)
"""A new event is told of by a line here and an instrument."""


def recorders(
    families: dict[str, F],
    new: Callable[[Instrument], F],
    child: Callable[[F, Instrument, tuple[Value, ...]], Record],
    *,
    has_server: bool,
) -> Iterator[tuple[type[Event], Callable[[Any], None]]]:
    """
    Give what records each measure of an event, those of the requests that we answer only if these are wanted.

    `new` makes what stands for an instrument, once for each name (`families` has those that there are), `child` what
    takes its values for one set of attributes, once for each set.
    """
    for measure in MEASURES:
        if has_server or measure.event is not RequestFinished:
            instrument = measure.instrument
            if instrument.name not in families:
                families[instrument.name] = new(instrument)
            yield measure.event, _recording(measure, partial(child, families[instrument.name], instrument))


def _recording(measure: Measure[Any], child: Callable[[tuple[Value, ...]], Record]) -> Callable[[Any], None]:
    # What would otherwise be looked up anew for every event.
    records: dict[tuple[Value, ...], Record] = {}

    def recorded(event: Event) -> None:
        reading = measure.read(event)
        if reading is None:
            return
        value, values = reading
        record = records.get(values)
        if record is None:
            records[values] = record = child(values)
        record(value)

    return recorded
