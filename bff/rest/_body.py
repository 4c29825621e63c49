"""Read no more of a request's body than a client may send."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import HTTPException

__all__ = ["Limited", "Shared", "declares_more", "has_body"]

_Message: TypeAlias = MutableMapping[str, Any]


def declares_more(length: str | None, limit: int) -> bool:
    """
    Say whether a `Content-Length` is past the limit.

    >>> declares_more("1001", 1000), declares_more(None, 1000)
    (True, False)
    """
    return length is not None and length.isdecimal() and int(length[:19]) > limit


def has_body(headers: Mapping[str, str]) -> bool:
    """Say whether a request has a body (RFC 9112 section 6.3); `headers` are by lower-case names."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


class Shared:
    """
    A request whose body the endpoint itself may read.

    What comes after the body is for whoever watches the client: until then, its messages are the endpoint's.
    """

    def __init__(self, receive: Callable[[], Awaitable[_Message]]) -> None:
        self._receive = receive
        self._is_read = asyncio.Event()

    async def receive(self) -> _Message:
        """Receive a message, as the endpoint does."""
        message = await self._receive()
        if not message.get("more_body"):
            self._is_read.set()
        return message

    async def after_body(self) -> _Message:
        """Receive a message that is no part of the body."""
        await self._is_read.wait()
        return await self._receive()


class Limited:
    """
    A request whose body ends at `limit` bytes.

    Once it `is_exceeded`, whoever reads gets an exception, and what is then answered goes nowhere: the answer is ours.
    """

    def __init__(
        self,
        limit: int,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        self.is_exceeded = False
        self._left = limit
        self._receive = receive
        self._send = send

    async def receive(self) -> _Message:
        """Receive a message; raises `HTTPException` (413), which FastAPI passes on from wherever it reads."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.is_exceeded = True
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    async def send(self, message: _Message) -> None:
        """Send a message, unless there is nothing more to be said."""
        if not self.is_exceeded:
            await self._send(message)
