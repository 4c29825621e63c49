"""A connection to nowhere: whatever asks over it gets its answer from memory, as bytes, in the loop's next turn."""

import asyncio
import socket
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from typing_extensions import override

from benchmarks._transport import Detached

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 02 Mar 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nLast-Modified: Mon, 02 Mar 2026 09:00:00 GMT\r\nConnection: keep-alive\r\n"
    b'ETag: "69a55f90-400"\r\nCache-Control: max-age=60\r\nAccept-Ranges: bytes\r\n\r\n'
)
_END: Final = b"\r\n\r\n"


class Transport(Detached):
    """The near end of the connection; a request without a body ends with its head."""

    def __init__(self, protocol: asyncio.BaseProtocol, answers: Mapping[bytes, bytes]) -> None:
        super().__init__()
        self._protocol = protocol
        self._answers = answers
        self._asked = b""
        self._loop = asyncio.get_running_loop()

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._asked += data
        if self._asked.endswith(_END):
            target = self._asked.split(b" ", 2)[1]
            self._asked = b""
            self._loop.call_soon(self._feed, self._answers[target])

    @override
    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def _feed(self, answer: bytes) -> None:
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            while answer:
                with memoryview(self._protocol.get_buffer(len(answer))) as buffer:
                    part, answer = answer[: len(buffer)], answer[len(buffer) :]
                    buffer[: len(part)] = part
                self._protocol.buffer_updated(len(part))
        elif isinstance(self._protocol, asyncio.Protocol):
            self._protocol.data_received(answer)

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    @override
    def get_write_buffer_size(self) -> int:
        return 0

    @override
    def abort(self) -> None:
        """Have nothing to close."""


@contextmanager
def connecting_nowhere(bodies: Mapping[str, bytes]) -> Generator[str]:
    """Give an origin whose connections, if made meanwhile by the running loop, are answered with `bodies` by target."""
    answers = {target.encode(): _HEAD % len(body) + body for target, body in bodies.items()}

    async def create_connection(
        factory: Callable[[], asyncio.BaseProtocol], *_: object, sock: socket.socket, **__: object
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        sock.close()
        protocol = factory()
        transport = Transport(protocol, answers)
        protocol.connection_made(transport)
        return transport, protocol

    with (
        socket.create_server(("127.0.0.1", 0)) as listening,  # our wire connects a socket first; nobody reads from it
        patch.object(asyncio.get_running_loop(), "create_connection", create_connection),
    ):
        yield "http://{}:{}".format(*listening.getsockname())
