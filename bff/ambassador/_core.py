"""The one verb for the network: a `Request` and its `Context` go in, a `Response` comes out or an error is raised."""

import asyncio
import json
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from bff.ambassador._masking import masked
from bff.errors import RejectedError, UpstreamError

if TYPE_CHECKING:
    from bff.ambassador._limit import Limit
    from bff.ambassador._member import Member
    from bff.ambassador._stream import Stream

__all__ = ["Context", "Layer", "Request", "Response", "Send", "Watch", "Wire"]


@dataclass(slots=True, init=False)
class Request:
    """
    One request to one address.

    `origin` is `scheme://host[:port]`; `target` is the path and query as they go over the wire, fully
    percent-encoded and beginning with a slash; header names are lower case. `host` is the authority that `Host` and
    TLS name where `origin` holds an address that it was resolved to; empty, it is the origin's own. A `content` that
    is no bytes is sent part by part and once; a `content-length` among the headers holds for it. `original` is the
    request of another library that this one stands for: a wire of that library sends it as it is.
    """

    method: str
    origin: str
    target: str
    headers: Sequence[tuple[str, str]]
    content: bytes | AsyncIterable[bytes]
    host: str
    original: Any = field(compare=False)

    def __init__(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        content: bytes | AsyncIterable[bytes] = b"",
        host: str = "",
        *,
        original: Any = None,
    ) -> None:
        self.method = method
        self.origin = origin
        self.target = target
        self.headers = headers
        self.content = content
        self.host = host
        self.original = original

    @property
    def is_replayable(self) -> bool:
        """Say whether the body is there to be sent more than once."""
        return isinstance(self.content, bytes)

    # What credentials and a user's data are in is not shown.
    def __repr__(self) -> str:
        size = f"{len(self.content)} bytes" if isinstance(self.content, bytes) else "a stream"
        return f"<Request {self.method} {self.origin}{masked(self.target)}, {len(self.headers)} headers, {size}>"


@dataclass(slots=True, init=False)
class Response:
    """
    An answer: `headers` is case-insensitive, `content` is decoded (no content coding left).

    One that was asked for with `Context.is_streamed` has no content and a `stream`, which is to be read or closed, and
    says in `extensions` what httpx has there (`http_version`, `reason_phrase`, ...).
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    stream: "Stream | None"
    extensions: Mapping[str, Any] | None

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        content: bytes,
        stream: "Stream | None" = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.stream = stream
        self.extensions = extensions

    def json(self) -> Any:
        """Return the body as JSON; raises `ValueError` where it is none."""
        return json.loads(self.content)

    # As above.
    def __repr__(self) -> str:
        size = "a stream" if self.stream is not None else f"{len(self.content)} bytes"
        return f"<Response {self.status}, {len(self.headers)} headers, {size}>"


class Watch(Protocol):
    """
    Ends a try when its time is up.

    `seconds` are how long it was set for, where that is known. A wire that has to wait for a connection holds it
    meanwhile: a try's own time is for what the upstream does with it.
    """

    seconds: float | None

    def hold(self) -> None:
        """Let no time pass until `resume()`."""
        ...

    def resume(self) -> None:
        """Ring as much later as it was held."""
        ...

    def release(self) -> bool:
        """Let go of the try, and take back what ended it; say whether that was nobody else."""
        ...


@dataclass(slots=True, init=False)
class Context:
    """
    What the layers need to know about the call around a request, and what they say of it.

    `deadline` is the caller's own, absolute on the running loop's clock (`loop.time()`), or `None`. `is_retry` says
    that the caller asks again himself, so that nobody else does: tries of several layers multiply. `is_streamed` asks
    for an answer as soon as its head is there. `after_write` says that the caller has written something, and wants no
    answer to what was asked before. `loop` is the running one, which the layers ask for the time.
    The layers write the rest: `is_hedge` says of a try that it was sent beside another, `call` is the number that
    events carry, `attempts` how many tries have been started, `limit` the call's time and `task` whom it cancels,
    `watch` what watches over the time of the current try, `address` where that one goes, of several, `tried` an address
    that has been tried or a list of those, `can_move` that the last answer's `Retry-After` speaks for its address
    alone, and another takes tries. Tries that run at the same time have a context each, a `twin()` of the call's.
    """

    upstream: str
    operation: str
    deadline: float | None
    request_id: str
    is_retry: bool
    is_streamed: bool
    loop: asyncio.AbstractEventLoop = field(repr=False, compare=False)
    after_write: bool = field(init=False)
    is_hedge: bool = field(init=False)
    task: "asyncio.Task[Any] | None" = field(init=False, repr=False, compare=False)
    call: int = field(init=False)
    attempts: int = field(init=False)
    limit: "Limit | None" = field(init=False, repr=False, compare=False)
    watch: "Watch | None" = field(init=False, repr=False, compare=False)
    address: "Member | None" = field(init=False, repr=False, compare=False)
    tried: "Member | list[Member] | None" = field(init=False, repr=False, compare=False)
    can_move: bool = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        upstream: str,
        operation: str = "",
        deadline: float | None = None,
        request_id: str = "",
        is_retry: bool = False,
        is_streamed: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.upstream = upstream
        self.operation = operation
        self.deadline = deadline
        self.request_id = request_id
        self.is_retry = is_retry
        self.is_streamed = is_streamed
        self.loop = asyncio.get_running_loop() if loop is None else loop
        self.after_write = False
        self.is_hedge = False
        self.task = None
        self.call = 0
        self.attempts = 0
        self.limit = None
        self.watch = None
        self.address = None
        self.tried = None
        self.can_move = False

    def count_in(self, error: BaseException | None) -> None:
        """Write into an error how many tries there were; whoever makes a context does so, before it goes on."""
        if isinstance(error, UpstreamError | RejectedError):
            error.attempts = self.attempts

    def twin(self) -> "Context":
        """Return a context for a try that runs at the same time: it counts on, and both know what either tried."""
        if not isinstance(self.tried, list):
            self.tried = [] if self.tried is None else [self.tried]
        twin = Context(self.upstream, loop=self.loop)
        for each in fields(self):  # `copy` knows nothing of a compiled class
            setattr(twin, each.name, getattr(self, each.name))
        twin.task = twin.watch = None
        return twin


Send: TypeAlias = Callable[[Request, Context], Awaitable[Response]]
Layer: TypeAlias = Callable[[Send], Send]


class Wire(Protocol):
    """
    Put one request on a connection and read the whole answer, or its head where `context.is_streamed`.

    Raises `UpstreamUnreachable` (refused, reset, cut short), `UpstreamTimeout` (no connection within the
    connect timeout), `ContractViolation` (more decoded bytes than `max_body`, broken framing or coding),
    `Overloaded` (no connection to be had from our own pool). It does not follow redirects, keep cookies or
    read proxy variables; a cancelled call closes its connection at once. One that has to wait for a connection holds
    `context.watch` meanwhile.
    """

    async def send(self, request: Request, context: Context, /) -> Response:
        """Send one request."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
