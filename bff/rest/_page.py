"""Answer one request for an endpoint: run it, write the reply, and stop at once when the client has left."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol, TypeAlias

from bff.declare._exchange import IDEMPOTENCY_KEY
from bff.declare._scope import RequestScope
from bff.events import Emitter, RequestFinished
from bff.execute._run import Outcome, RequestFailed
from bff.rest._cut import cut
from bff.rest._identity import request_id
from bff.rest._problems import CallFacts, problem_for, too_large
from bff.rest._received import Received
from bff.rest._reply import Headers, Manner, Reply, failure, success
from bff.rest._server_timing import server_timing
from bff.rest._trust import Trust, attempt, seconds
from bff.rest._watch import Watch

ASGIScope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLIENT_CLOSED_REQUEST = 499
"""The status that nginx logs where the client left first; nobody gets to see it."""

_REQUEST_ID = "x-request-id"
_WITHOUT_LENGTH = (304, 204)


class Runner(Protocol):
    """Runs an endpoint for one request, and knows how its answers are written."""

    def __call__(self, params: Mapping[str, Any], scope: RequestScope, /) -> Awaitable[Outcome]:
        """Return what the endpoint makes; raises `RequestFailed` where it fails."""
        ...

    @property
    def encode(self) -> Callable[[Any], bytes]:
        """What writes an answer as JSON."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """
    An endpoint that is ready to serve.

    `deadline` is in seconds; `forward` are the headers that its upstreams may see; `path` is the template that it is
    served under; `max_items` is how long its lists may be, `max_body` how many bytes a request's body may have; whom
    `trust` covers is believed about deadline and tries.
    """

    runner: Runner
    manner: Manner
    profile: str
    method: str
    path: str
    deadline: float
    expose: bool
    forward: tuple[str, ...]
    has_calls: bool
    emitter: Emitter
    max_items: int | None
    max_body: int
    trust: Trust | None

    def begin(self, asgi: ASGIScope) -> RequestScope:
        """Return the scope of a request whose deadline starts now."""
        headers = Received(asgi["headers"])
        loop = asyncio.get_running_loop()
        started = loop.time()
        forwarded = {name: headers[name] for name in self.forward if name in headers} if self.forward else {}
        number = request_id(headers.get(_REQUEST_ID))
        scope = RequestScope(started, perf_counter(), started + self.deadline, number, headers, forwarded, loop)
        if not self.manner.is_read:
            given = headers.get(IDEMPOTENCY_KEY)
            scope.writes.base = f"{given} {self.method} {asgi['path']}" if given else ""
        if self.trust is not None and self.trust.covers(asgi):
            told = seconds(headers)
            scope.deadline = scope.deadline if told is None else min(scope.deadline, started + told)
            scope.is_retry = attempt(headers) > 1
        return scope

    def refuse(self, asgi: ASGIScope, scope: RequestScope) -> Reply:
        """Return the reply to a request whose body is too large."""
        reply = failure(too_large(asgi["path"]), self.manner.chosen_by)
        self._sign(reply.headers, reply, scope)
        self._report(asgi, scope, reply)
        return reply

    async def reply(
        self, asgi: ASGIScope, receive: Receive, params: Mapping[str, Any], scope: RequestScope
    ) -> Reply | None:
        """Return the reply to a request, `None` where there is nobody left to get it."""
        watch = Watch(receive, scope.loop) if self.has_calls else None
        try:
            made = await self.runner(params, scope)
        except asyncio.CancelledError:
            if watch is None or not watch.is_cause():
                raise
            self._report(asgi, scope, Reply(CLIENT_CLOSED_REQUEST, [], b"", cause="client-closed"))
            return None
        except RequestFailed as failed:
            facts = _facts(failed)
            problem = problem_for(failed.error, instance=asgi["path"], expose=self.expose, facts=facts)
            problem = replace(problem, committed=scope.committed_names)
            reply = failure(problem, self.manner.chosen_by)
        else:
            reply = self._success(made, scope)
        finally:
            if watch is not None:
                ending = watch.end()
                if ending is not None:
                    await ending
        self._sign(reply.headers, reply, scope)
        self._report(asgi, scope, reply)
        return reply

    def _success(self, made: Outcome, scope: RequestScope) -> Reply:
        body = self.runner.encode(made.value)
        cuts: Mapping[str, int] | None = None
        if self.max_items is not None:
            body, cuts = cut(body, self.max_items)
        return success(
            body,
            self.manner,
            missing=made.missing,
            freshness=scope.freshness,
            if_none_match=scope.headers.get("if-none-match"),
            cuts=cuts,
        )

    def _sign(self, headers: Headers, reply: Reply, scope: RequestScope) -> None:
        if reply.status not in _WITHOUT_LENGTH:
            headers.append((b"content-length", b"%d" % len(reply.body)))
        headers.append((b"x-request-id", scope.request_id.encode()))
        if self.expose:
            total = perf_counter() - scope.began
            headers.append((b"server-timing", server_timing(scope.calls, total=total).encode()))

    def report_other(self, asgi: ASGIScope, scope: RequestScope, status: int) -> None:
        """Tell the observers of an answer that is not ours: the request never came to the endpoint."""
        self._report(asgi, scope, Reply(status, [], b""))

    def _report(self, asgi: ASGIScope, scope: RequestScope, reply: Reply) -> None:
        if not self.emitter.wants(RequestFinished):
            return
        duration = perf_counter() - scope.began
        self.emitter.emit(
            RequestFinished(
                profile=self.profile,
                method=self.method,
                route=self.path,
                path=asgi["path"],
                status=reply.status,
                duration=duration,
                size=len(reply.body),
                calls=len(scope.calls),
                missing=reply.missing,
                cause=reply.cause,
                request_id=scope.request_id,
                scheme=asgi.get("scheme", "http"),
            )
        )


def _facts(failed: RequestFailed) -> CallFacts:
    operation = failed.operation
    if operation is None:
        return CallFacts()
    return CallFacts(
        own_inputs=failed.is_own,
        credential_forwarded=failed.is_credentialed,
        is_write=not operation.is_read,
        mapped=operation.options.errors,
    )


async def send_reply(reply: Reply, send: Send) -> None:
    """Send a reply over ASGI."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
