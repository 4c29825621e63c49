"""Make one call of an operation: write the request, read the answer, and refuse one that is not as promised."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bff.ambassador._core import Context, Request, Response, Send
from bff.ambassador._fields import Fields, Part
from bff.ambassador._freshness import freshness_of
from bff.declare._operation import Operation
from bff.declare._scope import CallRecord, RequestScope
from bff.errors import ContractViolation, DeadlineExceeded, RejectedError, UpstreamError, UpstreamStatus
from bff.events import CallFailed

if TYPE_CHECKING:
    from bff.declare._connection import Connection

CREDENTIALS = ("authorization", "cookie")
IDEMPOTENCY_KEY = "idempotency-key"

_SUCCESS = (200, 299)


class StandIn(Protocol):
    """Gives for a connection another one, that takes its place."""

    def __call__(self, real: "Connection", /) -> "Connection":
        """Return what is sent with instead."""
        ...


STAND_IN: Final[ContextVar[StandIn | None]] = ContextVar("bff_stand_in", default=None)
"""What takes the place of connections for whatever runs in the current context: tests set it, nobody else does."""


class Binding:
    """
    An operation on a connected upstream.

    `headers` go with every call; of the client's, those in `accepts` do too. `prefix` is the path of the base URL.
    """

    __slots__ = (
        "_fixed",
        "_full_name",
        "_template",
        "accepts",
        "connection",
        "emitter",
        "is_read",
        "method",
        "name",
        "operation",
        "origin",
        "prefix",
        "send",
        "upstream",
    )

    def __init__(self, connection: "Connection", operation: Operation[..., Any]) -> None:
        self.connection = connection
        self.operation = operation
        self.upstream = connection.name
        self.send = connection.send_of(operation)
        self.origin = connection.address.origin
        self.prefix = connection.address.prefix
        self.accepts = connection.accepts
        self.emitter = connection.emitter
        # What is asked of the operation at every call.
        self.name = operation.name
        self.method = operation.method
        self.is_read = operation.is_read
        self._template = operation.template
        self._full_name = f"{connection.name}.{operation.name}"
        typed = () if operation.template.content is None else (("content-type", "application/json"),)
        self._fixed = Part((*connection.headers, *typed))

    def carries_credential(self, scope: RequestScope) -> bool:
        """Say whether the client's own credential went along."""
        return any(name in scope.forwarded and name in self.accepts for name in CREDENTIALS)

    def write(self, values: Sequence[Any], scope: RequestScope | None) -> Request:
        """Return the request of a call."""
        template = self._template
        target = self.prefix + template.target(values)
        own = [] if template.headers is None else template.headers(values)
        content = b"" if template.content is None else template.content(values)
        if scope is not None:
            own.append(("x-request-id", scope.request_id))
            if scope.forwarded:
                own += [(name, value) for name, value in scope.forwarded.items() if name in self.accepts]
            if not self.is_read and not any(name == IDEMPOTENCY_KEY for name, _ in (*self._fixed.pairs, *own)):
                own.append((IDEMPOTENCY_KEY, scope.writes.key(self._full_name)))
        return Request(self.method, self.origin, target, Fields(self._fixed, own), content)


async def exchange(
    binding: Binding,
    values: Sequence[Any],
    decode: Callable[[bytes], Any],
    *,
    scope: RequestScope | None,
    deadline: float | None,
) -> Any:
    """
    Make one call and return its answer, decoded.

    `values` are the arguments, one for each parameter; `deadline` is absolute on the loop's clock. Raises
    `UpstreamError` and `RejectedError`.
    """
    if scope is None:
        context = Context(binding.upstream, binding.name, deadline)
    else:
        context = Context(binding.upstream, binding.name, deadline, scope.request_id, scope.is_retry, False, scope.loop)
        context.after_write = scope.has_written
    started, response = perf_counter(), None
    try:
        request = binding.write(values, scope)
        stand_in = STAND_IN.get()
        send = binding.send if stand_in is None else stand_in(binding.connection).send_of(binding.operation)
        if scope is None or binding.is_read:
            response = await send(request, context)
        else:
            response = await _written(binding, send, request, context, scope)
        value = _value(binding, response, decode, context, started)
        if scope is not None:
            scope.freshness.append(freshness_of(response.headers))
        return value
    except (UpstreamError, RejectedError) as error:
        context.count_in(error)
        raise
    finally:
        if scope is not None:
            begin, duration = started - scope.began, perf_counter() - started
            status = None if response is None else response.status
            record = CallRecord(binding.upstream, binding.name, begin, duration, context.attempts, status)
            scope.calls.append(record)


def _value(
    binding: Binding, response: Response, decode: Callable[[bytes], Any], context: Context, started: float
) -> Any:
    """Return what an answer says; raises where it is none of success, or not as promised."""
    if not _SUCCESS[0] <= response.status <= _SUCCESS[1]:
        raise _unsuccessful(binding, response, context)
    try:
        return decode(response.content)
    except ValidationError as error:
        misfit = _misfit(error)
    # Raised out here: the other error quotes the answer.
    raise _violated(binding, misfit, response, context, perf_counter() - started)


def _misfit(error: ValidationError) -> ErrorDetails:
    """Return what is wrong with an answer without a word of it; the error itself would quote it."""
    return error.errors(include_url=False, include_input=False, include_context=False)[0]


async def _written(binding: Binding, send: Send, request: Request, context: Context, scope: RequestScope) -> Response:
    """Send a write, and keep in mind that it went out, and whether it was done."""
    scope.writes.sent += 1
    try:
        response = await send(request, context)
    except (UpstreamError, RejectedError) as error:
        is_unsent = isinstance(error, RejectedError) and not isinstance(error, DeadlineExceeded)
        if is_unsent or (isinstance(error, UpstreamError) and not error.sent):
            scope.writes.sent -= 1
        raise
    if _SUCCESS[0] <= response.status <= _SUCCESS[1]:
        scope.writes.committed.append(binding.operation)
    return response


def _unsuccessful(binding: Binding, response: Response, context: Context) -> UpstreamStatus:
    return UpstreamStatus(
        f"it answered {response.status}",
        status=response.status,
        upstream=binding.upstream,
        operation=binding.name,
        attempts=context.attempts,
    )


def _violated(
    binding: Binding, misfit: ErrorDetails, response: Response, context: Context, duration: float
) -> ContractViolation:
    """Return the error for an answer that is not what the contract promises; it names the place, never the value."""
    place = ".".join(str(part) for part in misfit["loc"])
    # The one message of pydantic's that quotes what came.
    what = "its tag is none of those expected" if misfit["type"] == "union_tag_invalid" else misfit["msg"]
    message = f"{place}: {what}" if place else what
    upstream, operation, attempts = context.upstream, context.operation, context.attempts
    violation = ContractViolation(message, upstream=upstream, operation=operation, attempts=attempts)
    # The layers saw an answer; that it cannot be used is known only here.
    if binding.emitter.wants(CallFailed):
        failed = CallFailed(
            upstream=upstream,
            operation=operation,
            cause=violation.cause,
            detail=str(violation),
            duration=duration,
            attempts=attempts,
            request_id=context.request_id,
            call=context.call,
            status=response.status,
        )
        binding.emitter.emit(failed)
    return violation
