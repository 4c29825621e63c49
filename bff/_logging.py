"""Write what happened to the standard log: one line a request, one a failed call, one a breaker's change."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bff.events import BreakerChanged, CallFailed, Event, RequestFinished

__all__ = ["LoggingObserver"]

_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")  # printable ASCII without space, quote, equals sign and backslash
_access: Final = logging.getLogger("bff.access")
_upstream: Final = logging.getLogger("bff.upstream")


class LoggingObserver:
    """
    Log requests on `bff.access` (INFO), failed calls (WARNING) and breakers (WARNING when open) on `bff.upstream`.

    The message is logfmt, `key=value` with times in milliseconds; whatever a client or an upstream put into a value
    is quoted and escaped like JSON, so that a line is one line and a key is ours. The same fields stand unescaped
    in the record's attribute `bff`, a dict, for formatters that write JSON.
    """

    events: ClassVar[tuple[type[Event], ...]] = (RequestFinished, CallFailed, BreakerChanged)

    def __call__(self, event: Event) -> None:
        """Log one event."""
        match event:
            case RequestFinished():
                if _access.isEnabledFor(logging.INFO):
                    _write(_access, logging.INFO, _request_fields(event))
            case CallFailed():
                if _upstream.isEnabledFor(logging.WARNING):
                    _write(_upstream, logging.WARNING, _call_fields(event))
            case BreakerChanged():
                level = logging.WARNING if event.after == "open" else logging.INFO
                if _upstream.isEnabledFor(level):
                    _write(_upstream, level, _breaker_fields(event))
            case _:
                pass


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


@dataclass(frozen=True, slots=True)
class _Line:
    """A message that becomes text when a handler asks for it, and never where none does."""

    fields: Mapping[str, Any]

    def __str__(self) -> str:
        return " ".join([f"{key}={_escaped(value)}" for key, value in self.fields.items()])


def _write(logger: logging.Logger, level: int, fields: Mapping[str, Any]) -> None:
    logger.log(level, _Line(fields), extra={"bff": fields})


def _escaped(value: object) -> str:
    text = str(value)
    # JSON leaves one control character as it is.
    return text if _PLAIN.fullmatch(text) else json.dumps(text).replace("\x7f", "\\u007f")
