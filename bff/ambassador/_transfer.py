"""Bodies that go part by part over aiohttp's connections: a request's out, an answer's in."""

import asyncio
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import ClientError, ClientPayloadError, StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, StreamWriter

from bff.ambassador._core import Context
from bff.ambassador._message import unquoted
from bff.errors import ContractViolation, UpstreamError, UpstreamUnreachable

__all__ = ["FAULTS", "Incoming", "drop", "send_body", "translated", "violation"]

FAULTS: Final = (ClientError, HttpProcessingError, OSError)
"""What aiohttp raises where a connection breaks or what comes over it is no HTTP."""


class Incoming:
    """The rest of an answer: given back is its connection as soon as everything has come, and closed if it is left."""

    __slots__ = ("_connection", "_context", "_reader", "_release")

    def __init__(
        self, connection: Connection, reader: StreamReader, context: Context, release: Callable[[Connection], None]
    ) -> None:
        self._connection: Connection | None = connection
        self._reader = reader
        self._context = context
        self._release = release
        if self._is_there():
            self._settle()

    async def read(self) -> bytes:
        """Return the next part, empty at the end."""
        try:
            part = await self._reader.readany()
        except OSError as error:
            raise translated(error, self._context) from error
        except FAULTS as error:
            failed = translated(error, self._context)
        else:
            if self._is_there():
                self._settle()
            return part
        # Raised out here, with no cause: aiohttp's errors quote what came, and a chain gets into logs.
        raise failed

    async def aclose(self) -> None:
        """Leave the rest."""
        self.abandon()

    def abandon(self) -> None:
        """Leave the rest; closing takes no waiting here."""
        connection, self._connection = self._connection, None
        if connection is not None:
            drop(connection)

    def _is_there(self) -> bool:
        return self._reader.is_eof() and self._reader.exception() is None

    def _settle(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._release(connection)


async def send_body(parts: AsyncIterable[bytes], protocol: ResponseHandler, *, length: int | None) -> bool:
    """
    Send a body as fast as its peer takes it; say whether it is whole.

    It is not where the peer has answered before, or is gone: nobody reads the rest. Raises `ValueError` where the
    body is not as long as was declared.
    """
    writer = StreamWriter(protocol, asyncio.get_running_loop())
    left = length
    if left is None:
        writer.enable_chunking()
    body = aiter(parts)
    try:
        async for part in body:
            if left is not None:
                left -= len(part)
                if left < 0:
                    raise ValueError(f"the body is longer than the {length} bytes that its content-length declares")
            if protocol.should_close or not await _is_written(writer, part):
                return False
        if left:
            raise ValueError(f"the body is shorter than the {length} bytes that its content-length declares")
    finally:
        # An iterator need not have it; a generator that was left has something to clean up.
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    with suppress(ConnectionError):
        await writer.write_eof()
    return True


async def _is_written(writer: StreamWriter, part: bytes) -> bool:
    try:
        await writer.write(part)
    except ConnectionError:
        return False
    return True


def drop(connection: Connection) -> None:
    """Abort a connection: closing waits until everything is written, and a peer that hangs never reads it."""
    if connection.protocol is not None:
        connection.protocol.abort()
    connection.close()


def translated(error: Exception, context: Context) -> UpstreamError:
    """Return our error for one of `FAULTS` after the request had been sent."""
    if isinstance(error, HttpProcessingError):
        return violation(f"what came is no HTTP: {unquoted(error.message)}", context)
    if isinstance(error, ClientPayloadError):
        what = "the answer is not whole"
    else:
        what = f"the connection broke: {error if isinstance(error, OSError) else 'the server closed it'}"
    return UpstreamUnreachable(what, upstream=context.upstream, operation=context.operation)


def violation(what: str, context: Context) -> ContractViolation:
    """Return the error for an answer that cannot be taken."""
    return ContractViolation(what, upstream=context.upstream, operation=context.operation)
