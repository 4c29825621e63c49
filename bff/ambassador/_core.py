"""The one verb for the network: a `Request` and its `Context` go in, a `Response` comes out or an error is raised."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from bff.ambassador._member import Member
    from bff.ambassador._timer import Alarm

__all__ = ["Context", "Layer", "Request", "Response", "Send", "Wire"]


@dataclass(slots=True)
class Request:
    """
    One request to one address.

    `origin` is `scheme://host[:port]`; `target` is the path and query as they go over the wire, fully
    percent-encoded and beginning with a slash; header names are lower case. `host` is the authority that `Host` and
    TLS name where `origin` holds an address that it was resolved to; empty, it is the origin's own.
    """

    method: str
    origin: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    content: bytes = b""
    host: str = ""


@dataclass(slots=True)
class Response:
    """A whole answer: `headers` is case-insensitive, `content` is decoded (no content coding left)."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the body as JSON; raises `ValueError` where it is none."""
        return json.loads(self.content)


@dataclass(slots=True)
class Context:
    """
    What the layers need to know about the call around a request, and what they say of it.

    `deadline` is the caller's own, absolute on the running loop's clock (`loop.time()`), or `None`. `is_retry` says
    that the caller asks again himself, so that nobody else does: tries of several layers multiply.
    The layers write the rest: `attempts` is how many tries have been started, `limit` the alarm that rings when the
    call's time is up, `watch` the one of the current try, `tried` the address that has been tried or a list of
    those, `can_move` that the last answer's `Retry-After` speaks for its address alone, and another takes tries.
    Tries that run at the same time have a context each, a `twin()` of the call's.
    """

    upstream: str
    operation: str = ""
    deadline: float | None = None
    request_id: str = ""
    is_retry: bool = field(default=False, kw_only=True)
    attempts: int = field(default=0, kw_only=True)
    limit: "Alarm | None" = field(default=None, kw_only=True, repr=False, compare=False)
    watch: "Alarm | None" = field(default=None, kw_only=True, repr=False, compare=False)
    tried: "Member | list[Member] | None" = field(default=None, kw_only=True, repr=False, compare=False)
    can_move: bool = field(default=False, kw_only=True, repr=False, compare=False)

    def twin(self) -> "Context":
        """Return a context for a try that runs at the same time: it counts on, and both know what either tried."""
        if not isinstance(self.tried, list):
            self.tried = [] if self.tried is None else [self.tried]
        return replace(self)


Send: TypeAlias = Callable[[Request, Context], Awaitable[Response]]
Layer: TypeAlias = Callable[[Send], Send]


class Wire(Protocol):
    """
    Put one request on a connection and read the whole answer.

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
