"""Turn a failure into the problem document (RFC 9457) that a client may see, and nothing more."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from bff.errors import (
    BFFError,
    DeadlineExceeded,
    RejectedError,
    UnsafePath,
    UpstreamError,
    UpstreamStatus,
    UpstreamTimeout,
)

__all__ = [
    "PROBLEM_MEDIA_TYPE",
    "PROBLEM_SCHEMA",
    "CallFacts",
    "ProblemDetails",
    "internal_error",
    "openapi_problem",
    "out_of_time",
    "problem_for",
    "too_large",
]

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"

PROBLEM_SCHEMA: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": "Problem",
        "description": "What went wrong, as RFC 9457 has it.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "cause"],
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "Names the kind of problem."},
            "title": {"type": "string", "description": "The kind of problem in words; always the same for a type."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "This problem in words."},
            "instance": {"type": "string", "format": "uri-reference", "description": "The request that met it."},
            "cause": {"type": "string", "description": "One token for programs, as in BFF-Partial."},
            "upstream": {"type": "string", "description": "The service that failed, where this client may know it."},
            "operation": {"type": "string", "description": "The operation that failed, where this client may know it."},
            "committed": {
                "type": "array",
                "items": {"type": "string"},
                "description": "What was written before it failed, in order; it is not undone.",
            },
        },
    }
)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """
    What the plan knows of a call that failed: it decides whether the upstream's status says something to the client.

    `own_inputs`: the call takes nothing but this endpoint's own parameters. `credential_forwarded`: it carried the
    caller's own credential. `mapped`: the operation's `errors=`, a problem's name for each status.
    """

    own_inputs: bool = False
    credential_forwarded: bool = False
    is_write: bool = False
    mapped: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """
    One problem document; `retry_after` is for the header `Retry-After`, in whole seconds.

    `committed` are the writes that were done before it came to this, as `upstream.operation`.
    """

    status: int
    cause: str
    title: str
    detail: str
    instance: str
    upstream: str = ""
    operation: str = ""
    retry_after: int | None = None
    committed: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """Return the URN that names this kind of problem."""
        return f"urn:bff:problem:{quote(self.cause, safe='')}"

    def body(self) -> bytes:
        """Return the document as JSON, its media type being `PROBLEM_MEDIA_TYPE`."""
        document: dict[str, str | int | tuple[str, ...]] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": self.instance,
            "cause": self.cause,
        }
        names = {"upstream": self.upstream, "operation": self.operation}
        document |= {member: name for member, name in names.items() if name}
        if self.committed:
            document["committed"] = self.committed
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


class _Words(NamedTuple):
    title: str
    detail: str


_WORDS: Final[Mapping[str, _Words]] = {
    "timeout": _Words("Out of time", "The answer could not be put together in time."),
    "unreachable": _Words("Service unreachable", "A service that this answer needs could not be reached."),
    "status": _Words("Service error", "A service that this answer needs answered with an error."),
    "not-found": _Words("Not found", "Something that this answer needs does not exist."),
    "contract": _Words("Unusable answer", "A service that this answer needs gave an answer that cannot be used."),
    "open": _Words("Service down", "A service that this answer needs is down and not asked at the moment."),
    "overloaded": _Words("Overloaded", "Too many requests are under way at the moment."),
    "rate-limited": _Words("Too many requests", "A service that this answer needs may not be asked more often."),
    "fan-out": _Words("Too many calls", "This answer needs more calls than one request may make."),
    "too-large": _Words("Request too large", "The body of the request is larger than this address takes."),
    "internal": _Words("Internal error", "The server met an error that it did not expect."),
}
_UNKNOWN_FAILURE: Final = _Words("Service failed", "A service that this answer needs failed.")

# What a status says to the client where the upstream's status passes through.
_PASSED: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "The credential of this request is missing or not accepted.",
    HTTPStatus.FORBIDDEN: "The credential of this request does not allow it.",
    HTTPStatus.NOT_FOUND: "What was asked for does not exist.",
    HTTPStatus.CONFLICT: "The request conflicts with the present state of what it is about.",
    HTTPStatus.PRECONDITION_FAILED: "A condition that the request set does not hold.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is well formed, but what it says was not accepted.",
}
_PASSED_FROM_WRITES: Final = {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.UNPROCESSABLE_ENTITY}


def problem_for(
    error: BFFError, *, instance: str, expose: bool = False, facts: CallFacts | None = None
) -> ProblemDetails:
    """
    Return the document for `error`, which holds nothing of what the upstream answered but, at most, its status.

    With `expose`, the names of upstream and operation are in it. An error that is about no call is internal.
    """
    if not isinstance(error, UpstreamError | RejectedError):
        return internal_error(instance)
    facts = facts or CallFacts()
    name = facts.mapped.get(error.status) if isinstance(error, UpstreamStatus) else None
    status = error.status if name and isinstance(error, UpstreamStatus) else _status(error, facts)
    cause = name or error.cause
    words = _words(cause, is_mapped=name is not None)
    return ProblemDetails(
        status=status,
        cause=cause,
        title=words.title,
        detail=words.detail if name else _PASSED.get(status, words.detail),
        instance=instance,
        upstream=error.upstream if expose else "",
        operation=error.operation if expose else "",
        retry_after=_retry_after(error) if status == HTTPStatus.SERVICE_UNAVAILABLE and not name else None,
    )


def out_of_time(instance: str) -> ProblemDetails:
    """Return the document for a request whose deadline passed, whatever it waited for."""
    return _plain(HTTPStatus.GATEWAY_TIMEOUT, "timeout", instance)


def too_large(instance: str) -> ProblemDetails:
    """Return the document for a request whose body is past the limit."""
    return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", instance)


def internal_error(instance: str) -> ProblemDetails:
    """Return the document for an exception that nobody expected; it says nothing about it."""
    return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", instance)


def openapi_problem(description: str) -> dict[str, Any]:
    """Return an OpenAPI Response Object for a problem document."""
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": dict(PROBLEM_SCHEMA)}}}


def _plain(status: HTTPStatus, cause: str, instance: str) -> ProblemDetails:
    words = _WORDS[cause]
    return ProblemDetails(int(status), cause, words.title, words.detail, instance)


def _status(error: UpstreamError | RejectedError, facts: CallFacts) -> int:
    match error:
        case UpstreamStatus(status=status) if _passes(status, facts):
            return status
        case UpstreamTimeout() | DeadlineExceeded():
            return HTTPStatus.GATEWAY_TIMEOUT.value
        case UnsafePath():
            return HTTPStatus.NOT_FOUND.value
        case RejectedError():
            return HTTPStatus.SERVICE_UNAVAILABLE.value
        case _:
            return HTTPStatus.BAD_GATEWAY.value


def _passes(status: int, facts: CallFacts) -> bool:
    """Say whether an upstream's status is the client's business: it asked for just that, with its own credential."""
    match status:
        case HTTPStatus.NOT_FOUND:
            return facts.own_inputs
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return facts.credential_forwarded
        case _:
            return facts.is_write and status in _PASSED_FROM_WRITES


def _words(cause: str, *, is_mapped: bool) -> _Words:
    if is_mapped:
        name = cause.replace("-", " ")
        return _Words(name.capitalize(), f"The request was refused: {name}.")
    return _WORDS.get(cause, _UNKNOWN_FAILURE)


def _retry_after(error: UpstreamError | RejectedError) -> int:
    after = error.retry_after if isinstance(error, RejectedError) else None
    return max(1, math.ceil(after)) if after is not None and math.isfinite(after) else 1
