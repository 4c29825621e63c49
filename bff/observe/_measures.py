"""Which metrics our events amount to: one table, that OpenTelemetry and Prometheus both read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from bff.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    BreakerChanged,
    CallCancelled,
    CallFailed,
    CallFinished,
    Event,
    RequestFinished,
)

__all__ = ["BUCKETS", "MEASURES", "Instrument", "Measure", "Server", "error_type", "known_method", "server_of"]

E = TypeVar("E", bound=Event)
Value: TypeAlias = str | int | None
Reading: TypeAlias = tuple[float, tuple[Value, ...]]

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, as OpenTelemetry's conventions for HTTP have them."""

_ERRORS: Final = 400  # and above
_SERVER_ERRORS: Final = 500
_CLIENT_CLOSED: Final = 499  # nobody got this answer
# RFC 9110 section 9.3 and RFC 5789: others would be a client's to make up.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
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


@dataclass(frozen=True, slots=True)
class Server:
    """Whom a URL names."""

    scheme: str
    host: str
    port: int


def server_of(url: str) -> Server:
    """
    Return whom an absolute http or https URL names.

    >>> server_of("https://catalog.example/products/7?q=REDACTED")
    Server(scheme='https', host='catalog.example', port=443)
    """
    end = url.find("/", 8)  # past the scheme
    return _server(url if end < 0 else url[:end])


@lru_cache(1024)
def _server(origin: str) -> Server:
    parts = urlsplit(origin)
    return Server(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def known_method(method: str) -> str:
    """Return a method that has a meaning, `_OTHER` for one that somebody made up."""
    return method if method in _METHODS else "_OTHER"


def error_type(status: int | None, cause: str, *, errors: int = _ERRORS) -> str | None:
    """Return `error.type`: a cause, the status where that is an error, or nothing."""
    if status is None:
        return cause or None
    return str(status) if status >= errors else None


_WHERE: Final = ("bff.upstream", "bff.operation")
_ENDED: Final = (*_WHERE, "http.response.status_code", "error.type")

_REQUESTS: Final = Instrument(
    "histogram",
    "http.client.request.duration",
    "s",
    "Duration of HTTP client requests.",
    (
        "http.request.method",
        "server.address",
        "server.port",
        "url.scheme",
        "http.response.status_code",
        "error.type",
        *_WHERE,
    ),
)
_SERVED: Final = Instrument(
    "histogram",
    "http.server.request.duration",
    "s",
    "Duration of HTTP server requests.",
    ("http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type", "bff.profile"),
)
_CALLS: Final = Instrument(
    "histogram", "bff.client.call.duration", "s", "Duration of calls to upstreams, with all their tries.", _ENDED
)
_VIOLATIONS: Final = Instrument(
    "counter", "bff.client.contract_violations", "{call}", "Answers that are not what their contract says.", _WHERE
)
_ATTEMPTS: Final = Instrument(
    "counter", "bff.client.attempts", "{attempt}", "Requests sent to upstreams.", (*_WHERE, "bff.attempt.kind")
)
_RETRIES: Final = Instrument(
    "counter", "bff.client.retries", "{retry}", "Failed tries that are followed by another.", (*_WHERE, "error.type")
)
_REFUSED: Final = Instrument(
    "counter",
    "bff.client.refused_retries",
    "{retry}",
    "Failed tries that are not followed by another.",
    (*_WHERE, "error.type", "bff.reason"),
)
_CHANGES: Final = Instrument(
    "counter", "bff.client.breaker.changes", "{change}", "Circuit breakers' changes.", (*_WHERE, "bff.breaker.state")
)
_STATE: Final = Instrument(
    "gauge", "bff.client.breaker.state", "1", "Circuit breakers' states: 0 closed, 1 half-open, 2 open.", _WHERE
)


def _request(event: AttemptFinished) -> Reading:
    server = server_of(event.url)
    wrong = error_type(event.status, event.cause)
    where = (event.upstream, event.operation)
    method = known_method(event.method)
    return event.duration, (method, server.host, server.port, server.scheme, event.status, wrong, *where)


def _served(event: RequestFinished) -> Reading:
    # 499 was never sent.
    status = None if event.status == _CLIENT_CLOSED else event.status
    wrong = error_type(status, event.cause, errors=_SERVER_ERRORS)
    return event.duration, (known_method(event.method), event.scheme, event.route, status, wrong, event.profile)


def _finished(event: CallFinished) -> Reading:
    return event.duration, (event.upstream, event.operation, event.status, None)


def _failed(event: CallFailed) -> Reading | None:
    if is_late(event):
        return None
    wrong = error_type(event.status, event.cause)
    return event.duration, (event.upstream, event.operation, event.status, wrong)


def is_late(event: CallFailed) -> bool:
    """Say whether the call has been told of as finished before."""
    return event.status is not None and event.status < _SERVER_ERRORS


def _cancelled(event: CallCancelled) -> Reading:
    return event.duration, (event.upstream, event.operation, None, "cancelled")


def _violated(event: CallFailed) -> Reading | None:
    return (1, (event.upstream, event.operation)) if event.cause == "contract" else None


def _attempted(event: AttemptStarted) -> Reading:
    return 1, (event.upstream, event.operation, event.kind)


def _retried(event: AttemptFailed) -> Reading | None:
    return None if event.retry_in is None else (1, (event.upstream, event.operation, event.cause))


def _refused(event: AttemptFailed) -> Reading | None:
    return (1, (event.upstream, event.operation, event.cause, event.refused)) if event.retry_in is None else None


def _changed(event: BreakerChanged) -> Reading:
    return 1, (event.upstream, event.operation, event.after)


def _state(event: BreakerChanged) -> Reading:
    return _STATES[event.after], (event.upstream, event.operation)


MEASURES: Final[tuple[Measure[Any], ...]] = (
    Measure(_REQUESTS, AttemptFinished, _request),
    Measure(_CALLS, CallFinished, _finished),
    Measure(_CALLS, CallFailed, _failed),
    Measure(_CALLS, CallCancelled, _cancelled),
    Measure(_VIOLATIONS, CallFailed, _violated),
    Measure(_ATTEMPTS, AttemptStarted, _attempted),
    Measure(_RETRIES, AttemptFailed, _retried),
    Measure(_REFUSED, AttemptFailed, _refused),
    Measure(_CHANGES, BreakerChanged, _changed),
    Measure(_STATE, BreakerChanged, _state),
    Measure(_SERVED, RequestFinished, _served),
)
"""A new event is told of by a line here, an instrument, and a function that reads it."""


def measures(*, has_server: bool) -> Iterator[Measure[Any]]:
    """Give the measures, those of the requests that we answer only if these are wanted."""
    return (measure for measure in MEASURES if has_server or measure.event is not RequestFinished)
