"""The one verb for the network: a `Request` and its `Context` go in, a `Response` comes out or an error is raised."""

import asyncio
import json
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from bff.ambassador._masking import masked
from bff.errors import RejectedError, UpstreamError

if TYPE_CHECKING:
    from bff.ambassador._member import Member
    from bff.ambassador._stream import Stream
    from bff.ambassador._timer import Alarm

__all__ = ["Context", "Layer", "Request", "Response", "Send", "Wire"]


@dataclass(slots=True)
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
    headers: Sequence[tuple[str, str]] = ()
    content: bytes | AsyncIterable[bytes] = b""
    host: str = ""
    original: object = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def is_replayable(self) -> bool:
        """Say whether the body is there to be sent more than once."""
        return isinstance(self.content, bytes)

    # What credentials and a user's data are in is not shown.
    def __repr__(self) -> str:
        size = f"{len(self.content)} bytes" if isinstance(self.content, bytes) else "a stream"
        return f"<Request {self.method} {self.origin}{masked(self.target)}, {len(self.headers)} headers, {size}>"


@dataclass(slots=True)
class Response:
    """
    An answer: `headers` is case-insensitive, `content` is decoded (no content coding left).

    One that was asked for with `Context.is_streamed` has no content and a `stream`, which is to be read or closed, and
    says in `extensions` what httpx has there (`http_version`, `reason_phrase`, ...).
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    stream: "Stream | None" = None
    extensions: Mapping[str, Any] | None = None

    def json(self) -> Any:
        """Return the body as JSON; raises `ValueError` where it is none."""
        return json.loads(self.content)

    # As above.
    def __repr__(self) -> str:
        size = "a stream" if self.stream is not None else f"{len(self.content)} bytes"
        return f"<Response {self.status}, {len(self.headers)} headers, {size}>"


@dataclass(slots=True)
class Context:
    """
    What the layers need to know about the call around a request, and what they say of it.

    `deadline` is the caller's own, absolute on the running loop's clock (`loop.time()`), or `None`. `is_retry` says
    that the caller asks again himself, so that nobody else does: tries of several layers multiply. `is_streamed` asks
    for an answer as soon as its head is there. `after_write` says that the caller has written something, and wants no
    answer to what was asked before. `loop` is the running one, which the layers ask for the time.
    The layers write the rest: `task` is the one that makes the call, where that is known, `is_hedge` says of a try that it was sent beside another, `call` is the number that
    events carry, `attempts` how many tries have been started, `limit` the alarm that rings when the call's time is up,
    `watch` the one of the current try, `address` where that one goes, of several, `tried` an address that has been
    tried or a list of those, `can_move` that the last answer's `Retry-After` speaks for its address alone, and another
    takes tries. Tries that run at the same time have a context each, a `twin()` of the call's.
    """

    upstream: str
    operation: str = ""
    deadline: float | None = None
    request_id: str = ""
    is_retry: bool = False
    is_streamed: bool = False
    after_write: bool = False
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop, repr=False, compare=False)
    is_hedge: bool = field(default=False, init=False)
    task: "asyncio.Task[Any] | None" = field(default=None, init=False, repr=False, compare=False)
    call: int = field(default=0, init=False)
    attempts: int = field(default=0, init=False)
    limit: "Alarm | None" = field(default=None, init=False, repr=False, compare=False)
    watch: "Alarm | None" = field(default=None, init=False, repr=False, compare=False)
    address: "Member | None" = field(default=None, init=False, repr=False, compare=False)
    tried: "Member | list[Member] | None" = field(default=None, init=False, repr=False, compare=False)
    can_move: bool = field(default=False, init=False, repr=False, compare=False)

    def count_in(self, error: BaseException | None) -> None:
        """Write into an error how many tries there were; whoever makes a context does so, before it goes on."""
        if isinstance(error, UpstreamError | RejectedError):
            error.attempts = self.attempts

    def twin(self) -> "Context":
        """Return a context for a try that runs at the same time: it counts on, and both know what either tried."""
        if not isinstance(self.tried, list):
            self.tried = [] if self.tried is None else [self.tried]
        twin = copy(self)
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
    `context.watch` meanwhile: a try's own time is for what the upstream does with it.
    """

    async def send(self, request: Request, context: Context, /) -> Response:
        """Send one request."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
