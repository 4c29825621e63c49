"""What happens to a client's request."""

from msgspec import Struct

from bff.events._event import Event

__all__ = ["RequestFinished"]


class RequestFinished(Event, Struct, frozen=True):  # made in a quarter of the time that a dataclass takes
    """
    A client's request was answered, or the client left first (`status` 499, as nginx has it).

    `route` is the path template, `missing` the response paths that took a default, `calls` how many
    upstream calls were started.
    """

    profile: str
    method: str
    route: str
    path: str
    status: int
    duration: float
    size: int
    calls: int
    missing: tuple[str, ...]
    cause: str
    request_id: str
    scheme: str = "http"
