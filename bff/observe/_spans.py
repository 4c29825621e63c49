"""Spans of calls and tries, made of the events that begin and end them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Setter, TextMapPropagator
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, Tracer

from bff.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    CallCancelled,
    CallCoalesced,
    CallFailed,
    CallFinished,
    CallStarted,
    Event,
    HedgeWon,
)
from bff.observe._conventions import error_type, known_method, server_of

__all__ = ["Spans"]

_RECENT: Final = 1024  # calls that have ended, and that others who shared their answer may still refer to


class _Lower(Setter[dict[str, str]]):
    """Write headers by their lower-case names."""

    def set(self, carrier: dict[str, str], key: str, value: str) -> None:
        carrier[key.lower()] = value


_LOWER: Final = _Lower()


class Spans:
    """
    Keep the span of each call that is under way, and of each of its tries.

    A call's span is a child of whatever is current where it is made; its tries' are its own children. Attributes of
    theirs are OpenTelemetry's for HTTP clients, besides ours, which begin with `bff.`.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._calls: dict[int, Span] = {}
        self._recent: dict[int, SpanContext] = {}
        self._attempts: dict[tuple[int, int], Span] = {}
        self.handlers: Final[Mapping[type[Event], Callable[[Any], None]]] = {
            CallStarted: self._call,
            CallFinished: self._finished,
            CallFailed: self._failed,
            CallCancelled: self._cancelled,
            CallCoalesced: self._coalesced,
            AttemptStarted: self._attempt,
            AttemptFinished: self._ended,
            AttemptFailed: self._decided,
            HedgeWon: self._won,
        }

    def __len__(self) -> int:
        """Return how many spans have begun and not ended."""
        return len(self._calls) + len(self._attempts)

    def headers_for(self, event: AttemptStarted, propagator: TextMapPropagator) -> dict[str, str]:
        """Return the headers by which an upstream goes on from the span of a try."""
        headers: dict[str, str] = {}
        span = self._attempts.get((event.call, event.attempt))
        if span is not None:
            propagator.inject(headers, trace.set_span_in_context(span), _LOWER)
        return headers

    def _call(self, event: CallStarted) -> None:
        name = f"{event.upstream}.{event.operation}" if event.operation else event.upstream
        attributes = {"bff.upstream": event.upstream, "bff.operation": event.operation}
        self._calls[event.call] = self._tracer.start_span(name, kind=SpanKind.INTERNAL, attributes=attributes)

    def _finished(self, event: CallFinished) -> None:
        self._end(event, event.status, None)

    def _failed(self, event: CallFailed) -> None:
        span = self._calls.get(event.call)
        if span is not None:
            # What a status says needs no words.
            span.set_status(StatusCode.ERROR, event.detail if event.status is None else None)
        self._end(event, event.status, error_type(event.status, event.cause))

    def _cancelled(self, event: CallCancelled) -> None:
        # Neither a success nor an error of anybody's: the status stays unset.
        self._end(event, None, "cancelled")

    def _end(self, event: CallFinished | CallFailed | CallCancelled, status: int | None, wrong: str | None) -> None:
        span = self._calls.pop(event.call, None)
        if span is None:
            return
        span.set_attribute("bff.attempts", event.attempts)
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        if wrong is not None:
            span.set_attribute("error.type", wrong)
        span.end()
        self._recent[event.call] = span.get_span_context()
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]

    def _coalesced(self, event: CallCoalesced) -> None:
        span, leading = self._calls.get(event.call), self._calls.get(event.leader_call)
        leader = self._recent.get(event.leader_call) if leading is None else leading.get_span_context()
        if span is not None and leader is not None:
            span.add_link(leader)

    def _attempt(self, event: AttemptStarted) -> None:
        call = self._calls.get(event.call)
        context: Context | None = None if call is None else trace.set_span_in_context(call)
        method, server = known_method(event.method), server_of(event.url)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": server.host,
            "server.port": server.port,
            "url.full": event.url,
            "bff.upstream": event.upstream,
            "bff.operation": event.operation,
            "bff.attempt.kind": event.kind,
        }
        if event.attempt > 1:
            attributes["http.request.resend_count"] = event.attempt - 1
        if method != event.method:
            attributes["http.request.method_original"] = event.method
        peer = server_of(event.address)
        if peer != server:
            attributes |= {"network.peer.address": peer.host, "network.peer.port": peer.port}
        name = method if method == event.method else "HTTP"
        span = self._tracer.start_span(name, context, SpanKind.CLIENT, attributes)
        self._attempts[event.call, event.attempt] = span

    def _ended(self, event: AttemptFinished) -> None:
        span = self._attempts.pop((event.call, event.attempt), None)
        if span is None:
            return
        if event.status is not None:
            span.set_attribute("http.response.status_code", event.status)
        wrong = error_type(event.status, event.cause)
        if wrong is not None:
            span.set_attribute("error.type", wrong)
            if wrong != "cancelled":
                span.set_status(StatusCode.ERROR)
        span.end()

    def _decided(self, event: AttemptFailed) -> None:
        span = self._calls.get(event.call)
        if span is not None and event.refused:
            span.set_attribute("bff.retry.refused", event.refused)

    def _won(self, event: HedgeWon) -> None:
        span = self._calls.get(event.call)
        if span is not None:
            span.set_attribute("bff.hedge.won", event.attempt)
