"""OpenTelemetry's conventions for HTTP, as far as values follow them; the names are held against its own by a test."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

__all__ = ["BUCKETS", "SERVER_ERRORS", "Server", "error_type", "known_method", "server_of"]

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Of durations, in seconds."""

SERVER_ERRORS: Final = 500  # and above: what is an error to a server
_ERRORS: Final = 400  # and above: to a client
# RFC 9110 section 9.3 and RFC 5789: others would be a client's to make up.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


@dataclass(frozen=True, slots=True)
class Server:
    """Whom a URL names."""

    scheme: str
    host: str
    port: int


def server_of(url: str) -> Server:
    """
    Return whom an absolute http or https URL names.

    >>> server_of("https://catalog.example/products/7?q=REDACTED")
    Server(scheme='https', host='catalog.example', port=443)
    """
    end = url.find("/", 8)  # past the scheme
    return _server(url if end < 0 else url[:end])


@lru_cache(1024)
def _server(origin: str) -> Server:
    parts = urlsplit(origin)
    return Server(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def known_method(method: str) -> str:
    """Return a method that has a meaning, `_OTHER` for one that somebody made up."""
    return method if method in _METHODS else "_OTHER"


def error_type(status: int | None, cause: str, *, errors: int = _ERRORS) -> str | None:
    """Return `error.type`: a cause, the status where that is an error, or nothing."""
    if status is None:
        return cause or None
    return str(status) if status >= errors else None
