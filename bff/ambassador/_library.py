"""httpx, or its living fork httpx2: the same interface, other classes."""

import sys
from typing import Protocol, cast

import httpx

__all__ = ["HTTPX", "Library", "library_of"]


class Library(Protocol):
    """What is asked of such a module; in the types, all of them are httpx."""

    AsyncBaseTransport: type[httpx.AsyncBaseTransport]
    AsyncHTTPTransport: type[httpx.AsyncHTTPTransport]
    Auth: type[httpx.Auth]
    ByteStream: type[httpx.ByteStream]
    Request: type[httpx.Request]
    Response: type[httpx.Response]
    URL: type[httpx.URL]

    ConnectError: type[httpx.ConnectError]
    ConnectTimeout: type[httpx.ConnectTimeout]
    LocalProtocolError: type[httpx.LocalProtocolError]
    PoolTimeout: type[httpx.PoolTimeout]
    ReadError: type[httpx.ReadError]
    ReadTimeout: type[httpx.ReadTimeout]
    RemoteProtocolError: type[httpx.RemoteProtocolError]
    TimeoutException: type[httpx.TimeoutException]
    TransportError: type[httpx.TransportError]
    UnsupportedProtocol: type[httpx.UnsupportedProtocol]


HTTPX = cast("Library", httpx)


def library_of(thing: "httpx.AsyncBaseTransport | httpx.Auth") -> Library:
    """Return the module that `thing` is of; whoever has one of httpx2's has imported it."""
    fork = cast("Library | None", sys.modules.get("httpx2"))
    return fork if fork is not None and isinstance(thing, (fork.AsyncBaseTransport, fork.Auth)) else HTTPX
