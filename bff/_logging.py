"""Write what happened to the standard log: one line a request, a failed call, a breaker's change, an address's fate."""

import json
import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from bff._records import Records
from bff.events import (
    AddressEjected,
    AddressesChanged,
    AddressParked,
    AddressReturned,
    BreakerChanged,
    CallFailed,
    Event,
    PanicChanged,
    RequestFinished,
    ResolutionFailed,
)

__all__ = ["LoggingObserver"]

_PLAIN: Final = bytes({*range(ord("!"), ord("~") + 1)} - {*b'"=\\'})  # printable ASCII that needs no quotes
_USUAL: Final = 9
"""Fields of a request that neither failed nor was answered in part."""
_access: Final = logging.getLogger("bff.access")
_upstream: Final = logging.getLogger("bff.upstream")


class LoggingObserver:
    """
    Log requests on `bff.access` (INFO), failed calls (WARNING) and breakers (WARNING when open) on `bff.upstream`.

    There too: what becomes of addresses, at WARNING where one is ejected, a name fails to resolve or all are used
    whatever their health, at INFO where one asks for patience, comes back, or others take their place.

    The message is logfmt, `key=value` with times in milliseconds; whatever a client or an upstream put into a value
    is quoted and escaped like JSON, so that a line is one line and a key is ours. The same fields stand unescaped
    in the record's attribute `bff`, a dict, for formatters that write JSON.
    """

    events: ClassVar[tuple[type[Event], ...]] = (
        RequestFinished,
        CallFailed,
        BreakerChanged,
        AddressEjected,
        AddressReturned,
        AddressParked,
        AddressesChanged,
        ResolutionFailed,
        PanicChanged,
    )

    def __call__(self, event: Event) -> None:
        """Log one event."""
        match event:
            case RequestFinished():
                if _access.isEnabledFor(logging.INFO):
                    said = _request_fields(event)
                    _write(_access, logging.INFO, said, _RequestLine(said))
            case CallFailed():
                if _upstream.isEnabledFor(logging.WARNING):
                    _write(_upstream, logging.WARNING, _call_fields(event))
            case BreakerChanged():
                level = logging.WARNING if event.after == "open" else logging.INFO
                if _upstream.isEnabledFor(level):
                    _write(_upstream, level, _breaker_fields(event))
            case _:
                level = logging.WARNING if _is_alarming(event) else logging.INFO
                fields = _address_fields(event) if _upstream.isEnabledFor(level) else None
                if fields is not None:
                    _write(_upstream, level, fields)


def _request_fields(event: RequestFinished) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "method": event.method,
        "path": event.path,
        "route": event.route,
        "profile": event.profile,
        "status": event.status,
        "ms": round(event.duration * 1000, 1),
        "size": event.size,
        "calls": event.calls,
    }
    if event.missing:
        fields["partial"] = ",".join(event.missing)
    if event.cause:
        fields["cause"] = event.cause
    fields["request_id"] = event.request_id
    return fields


def _call_fields(event: CallFailed) -> dict[str, Any]:
    return {
        "event": "call-failed",
        "upstream": event.upstream,
        "operation": event.operation,
        "cause": event.cause,
        "detail": event.detail,
        "ms": round(event.duration * 1000, 1),
        "attempts": event.attempts,
        "request_id": event.request_id,
    }


def _breaker_fields(event: BreakerChanged) -> dict[str, Any]:
    return {
        "event": "breaker-changed",
        "upstream": event.upstream,
        "operation": event.operation,
        "before": event.before,
        "after": event.after,
    }


def _is_alarming(event: Event) -> bool:
    return isinstance(event, AddressEjected | ResolutionFailed) or (isinstance(event, PanicChanged) and event.is_panic)


def _address_fields(event: Event) -> dict[str, Any] | None:
    match event:
        case AddressEjected(upstream, address, cause, seconds, ejections):
            said: dict[str, Any] = {
                "address": address,
                "cause": cause,
                "seconds": round(seconds, 1),
                "times": ejections,
            }
            return {"event": "address-ejected", "upstream": upstream, **said}
        case AddressReturned(upstream, address):
            return {"event": "address-returned", "upstream": upstream, "address": address}
        case AddressParked(upstream, address, seconds):
            said = {"address": address, "seconds": round(seconds, 1)}
            return {"event": "address-parked", "upstream": upstream, **said}
        case AddressesChanged(upstream, addresses):
            return {"event": "addresses-changed", "upstream": upstream, "addresses": ",".join(addresses)}
        case ResolutionFailed(upstream, name, detail, kept):
            said = {"name": name, "detail": detail, "kept": kept}
            return {"event": "resolution-failed", "upstream": upstream, **said}
        case PanicChanged(upstream, is_panic, healthy):
            name = "panic-entered" if is_panic else "panic-left"
            return {"event": name, "upstream": upstream, "healthy": healthy}
        case _:
            return None


class _Line:
    """A message that becomes text when a handler asks for it, and never where none does."""

    __slots__ = ("fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields

    @override
    def __str__(self) -> str:
        """Return the text."""
        return " ".join([f"{key}={_escaped(value)}" for key, value in self.fields.items()])


class _RequestLine(_Line):
    """The message for a request, of which there are more than of all others together."""

    __slots__ = ()

    @override
    def __str__(self) -> str:
        """Return the text."""
        if len(self.fields) != _USUAL:
            return super().__str__()
        method, path, route, profile, status, ms, size, calls, request_id = self.fields.values()
        words = (method, path, route, profile, request_id)
        if not (all(words) and _is_plain("".join(words))):
            return super().__str__()
        return (
            f"method={method} path={path} route={route} profile={profile} status={status} ms={ms} size={size} "
            f"calls={calls} request_id={request_id}"
        )


def _write(logger: logging.Logger, level: int, fields: Mapping[str, Any], line: _Line | None = None) -> None:
    line = _Line(fields) if line is None else line
    if type(logger) is not logging.Logger:
        logger.log(level, line, extra={"bff": fields})
        return
    # It is what `log` does, but that it would look for the caller, which is always this function.
    logger.handle(_records.record(logger, level, line, fields))


_records: Final = Records(_write, "bff")


def _escaped(value: object) -> str:
    text = str(value)
    # JSON leaves one control character as it is.
    return text if text and _is_plain(text) else json.dumps(text).replace("\x7f", "\\u007f")


def _is_plain(text: str) -> bool:
    """Say whether there is nothing in a text but what stands for itself."""
    return not text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
