"""The request that a call is made for: what it may cost, what it brings along, and what came of its calls."""

import asyncio
import hashlib
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec import Struct

from bff.ambassador._freshness import Freshness
from bff.declare._operation import Operation
from bff.errors import ContractViolation, RejectedError, UpstreamError


class CallRecord(Struct):  # which is made in half of the time that a dataclass takes: there is one for every call
    """One call that was made: when it began (seconds after the request), how long it took, how often it was tried."""

    upstream: str
    operation: str
    start: float
    duration: float
    attempts: int
    status: int | None


class FailedCall(NamedTuple):
    """A call that an `async def` endpoint made in vain; `is_credentialed`: it carried the client's own credential."""

    error: UpstreamError | RejectedError
    operation: Operation[..., Any]
    values: Sequence[Any]
    is_credentialed: bool


@dataclass(slots=True)
class Writes:
    """
    The writes of a request; `sent` counts those that went out, or may have.

    `committed` are the operations of those that were answered with success. Each gets an `Idempotency-Key` of its own,
    made of `base`, the operation and how often that was called before: a client that asks the same again with the key
    that it gave has every write sent with the same key as the first time.
    """

    base: str = ""
    sent: int = 0
    committed: list[Operation[..., Any]] = field(default_factory=list[Operation[..., Any]])
    _seen: dict[str, int] = field(default_factory=dict[str, int])

    def key(self, name: str) -> str:
        """Return the key of the next write of an operation, as draft-ietf-httpapi-idempotency-key-header has it."""
        self.base = self.base or os.urandom(16).hex()
        number = self._seen[name] = self._seen.get(name, -1) + 1
        digest = hashlib.sha256(f"{self.base}\0{name}\0{number}".encode(), usedforsecurity=False)
        return digest.hexdigest()[:32]


@dataclass(slots=True, init=False)
class RequestScope:
    """
    One request of a client.

    `deadline` is absolute on the loop's clock, `started` its beginning there and `began` that of `perf_counter`, by
    which durations are told: an event loop's clock may be as coarse as a millisecond. `forwarded` are the headers,
    lower case, that the profile lets travel on. Calls add to `freshness` and `calls`, optional parts of the answer
    that break a promise of their own to `broken`, by the number of their node; `failed` is the last that an
    `async def` endpoint made in vain. `writes` are what was sent to change something. `caller` is what the profile's
    `identify` returned. Where it `is_retry`, whoever asks does so again, and calls for it are not. `loop` is the
    running one.
    """

    started: float
    began: float
    deadline: float
    request_id: str
    headers: Mapping[str, str] = field(repr=False)
    forwarded: Mapping[str, str] = field(repr=False)
    loop: asyncio.AbstractEventLoop = field(repr=False)
    freshness: list[Freshness]
    calls: list[CallRecord]
    failed: FailedCall | None
    broken: dict[int, ContractViolation]
    caller: Any
    is_retry: bool
    _writes: Writes | None
    _now: datetime | None

    def __init__(
        self,
        started: float,
        began: float,
        deadline: float,
        request_id: str,
        headers: Mapping[str, str],
        forwarded: Mapping[str, str],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # By hand, as there is one for every request: a dataclass calls what makes each of the lists.
        self.started = started
        self.began = began
        self.deadline = deadline
        self.request_id = request_id
        self.headers = headers
        self.forwarded = forwarded
        self.loop = asyncio.get_running_loop() if loop is None else loop
        self.freshness = []
        self.calls = []
        self.failed = None
        self.broken = {}
        self.caller = None
        self.is_retry = False
        self._writes = None
        self._now = None

    @property
    def writes(self) -> Writes:
        """The writes of the request; most have none."""
        if self._writes is None:
            self._writes = Writes()
        return self._writes

    @property
    def has_written(self) -> bool:
        """Whether a write was sent, so that what follows it has to go on to its end."""
        return self._writes is not None and self._writes.sent > 0

    @property
    def committed_names(self) -> tuple[str, ...]:
        """The writes that were done, as `upstream.operation`, in order."""
        committed = self._writes.committed if self._writes is not None else ()
        return tuple(f"{op.owner.name}.{op.name}" if op.owner else op.name for op in committed)

    def header(self, name: str) -> str | None:
        """Return a header of the request, by its lower-case name."""
        return self.headers.get(name)

    @property
    def now(self) -> datetime:
        """The time of the request, in UTC."""
        if self._now is None:
            self._now = datetime.now(UTC)
        return self._now


_scope: ContextVar[RequestScope | None] = ContextVar("bff_request", default=None)


def current_scope() -> RequestScope | None:
    """Return the request that is being answered in this context, if any."""
    return _scope.get()


@contextmanager
def entered(scope: RequestScope) -> Generator[None]:
    """Make `scope` the request that calls in this task, and in those that it starts, are made for."""
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
