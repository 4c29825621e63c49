"""What the log says of requests, failed calls and breakers."""

import json
import logging
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff._logging import LoggingObserver
from bff.events import (
    AddressEjected,
    AddressesChanged,
    AddressParked,
    AddressReturned,
    BreakerChanged,
    CallFailed,
    CallFinished,
    Emitter,
    Event,
    PanicChanged,
    RequestFinished,
    ResolutionFailed,
)

REQUEST = RequestFinished(
    profile="mobile",
    method="GET",
    route="/products/{product_id}",
    path="/products/7",
    status=200,
    duration=0.01234,
    size=842,
    calls=3,
    missing=("reviews", "in_stock"),
    cause="",
    request_id="a1",
)
CALL = CallFailed(
    upstream="reviews",
    operation="of_product",
    cause="timeout",
    detail="no answer within 0.3 s",
    duration=0.6,
    attempts=2,
    request_id="a1",
)


KEYS = ("method", "path", "route", "profile", "status", "ms", "size", "calls", "partial", "request_id")


class Lines(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """The records of the library's loggers, at every level."""
    handler = Lines()
    monkeypatch.setattr(logging.getLogger("bff"), "handlers", [handler])
    for name in ("bff.access", "bff.upstream"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.INFO)
        logging.getLogger(name).manager._clear_cache()  # type: ignore[attr-defined]
    return handler


def only(lines: Lines) -> logging.LogRecord:
    (record,) = lines.records
    return record


def test_a_request_is_one_line_of_keys_and_values(lines: Lines) -> None:
    LoggingObserver()(REQUEST)

    record = only(lines)
    assert ("bff.access", logging.INFO) == (record.name, record.levelno)
    assert record.getMessage() == (
        "method=GET path=/products/7 route=/products/{product_id} profile=mobile status=200 ms=12.3 size=842 "
        "calls=3 partial=reviews,in_stock request_id=a1"
    )


def test_a_failed_request_says_its_cause(lines: Lines) -> None:
    LoggingObserver()(RequestFinished("web", "GET", "/", "/", 504, 1.0, 90, 1, (), "timeout", "a1"))

    assert only(lines).getMessage().endswith("status=504 ms=1000.0 size=90 calls=1 cause=timeout request_id=a1")


def test_a_failed_call_is_one_warning(lines: Lines) -> None:
    LoggingObserver()(CALL)

    record = only(lines)
    assert ("bff.upstream", logging.WARNING) == (record.name, record.levelno)
    assert record.getMessage() == (
        "event=call-failed upstream=reviews operation=of_product cause=timeout "
        'detail="no answer within 0.3 s" ms=600.0 attempts=2 request_id=a1'
    )


@pytest.mark.parametrize(("after", "level"), [("open", logging.WARNING), ("half-open", logging.INFO), ("closed", 20)])
def test_a_breaker_that_opens_is_a_warning_and_one_that_recovers_is_not(lines: Lines, after: str, level: int) -> None:
    LoggingObserver()(BreakerChanged("catalog", "", "closed", after))

    assert level == only(lines).levelno
    assert only(lines).getMessage() == (
        f'event=breaker-changed upstream=catalog operation="" before=closed after={after}'
    )


def test_formatters_get_the_fields_as_they_were(lines: Lines) -> None:
    LoggingObserver()(CALL)

    assert only(lines).__dict__["bff"] == {
        "event": "call-failed",
        "upstream": "reviews",
        "operation": "of_product",
        "cause": "timeout",
        "detail": "no answer within 0.3 s",
        "ms": 600.0,
        "attempts": 2,
        "request_id": "a1",
    }


def test_it_subscribes_to_what_it_logs_and_ignores_the_rest(lines: Lines) -> None:
    emitter = Emitter([LoggingObserver()])

    emitter.emit(CallFinished("catalog", "product", 200, 0.1, 1, "a1"))
    LoggingObserver()(CallFinished("catalog", "product", 200, 0.1, 1, "a1"))

    assert lines.records == []
    assert (True, True, True, False) == tuple(
        map(emitter.wants, [RequestFinished, CallFailed, BreakerChanged, CallFinished])
    )


@pytest.mark.parametrize("event", [REQUEST, CALL, BreakerChanged("catalog", "", "closed", "open")])
def test_nothing_is_written_where_the_logger_is_off(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, event: Event
) -> None:
    for name in ("bff.access", "bff.upstream"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)

    LoggingObserver()(event)

    assert lines.records == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(), request_id=st.text(), missing=st.tuples(st.text()))
def test_nothing_in_a_request_can_forge_a_line_or_a_key(
    lines: Lines, path: str, request_id: str, missing: tuple[str]
) -> None:
    lines.records.clear()
    LoggingObserver()(RequestFinished("web", "GET", "/", path, 200, 0.1, 1, 1, missing, "", request_id))

    message = only(lines).getMessage()

    fields = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "=]+)(?: |$)', message)
    values = {key: json.loads(value) if value.startswith('"') else value for key, value in fields}
    assert re.fullmatch(r"[ -~]+", message)
    assert " ".join(f"{key}={value}" for key, value in fields) == message
    assert list(values) == [*KEYS]
    assert (path, *missing, request_id) == (values["path"], values["partial"], values["request_id"])


@pytest.mark.parametrize(
    ("event", "level", "expected"),
    [
        (
            AddressEjected("catalog", "http://a:1", "local", 28.66, 2),
            logging.WARNING,
            "event=address-ejected upstream=catalog address=http://a:1 cause=local seconds=28.7 times=2",
        ),
        (
            AddressReturned("catalog", "http://a:1"),
            logging.INFO,
            "event=address-returned upstream=catalog address=http://a:1",
        ),
        (
            AddressParked("catalog", "http://a:1", 120.0),
            logging.INFO,
            "event=address-parked upstream=catalog address=http://a:1 seconds=120.0",
        ),
        (
            AddressesChanged("catalog", ("http://a:1", "http://b:1"), ("http://b:1",), ()),
            logging.INFO,
            "event=addresses-changed upstream=catalog addresses=http://a:1,http://b:1",
        ),
        (
            ResolutionFailed("catalog", "catalog", "no answer", 2),
            logging.WARNING,
            'event=resolution-failed upstream=catalog name=catalog detail="no answer" kept=2',
        ),
        (
            PanicChanged("catalog", is_panic=True, healthy=1),
            logging.WARNING,
            "event=panic-entered upstream=catalog healthy=1",
        ),
        (
            PanicChanged("catalog", is_panic=False, healthy=2),
            logging.INFO,
            "event=panic-left upstream=catalog healthy=2",
        ),
    ],
)
def test_what_becomes_of_addresses_is_a_line(lines: Lines, event: Event, level: int, expected: str) -> None:
    LoggingObserver()(event)

    record = only(lines)
    assert ("bff.upstream", level, expected) == (record.name, record.levelno, record.getMessage())
