"""A connection to nowhere: whatever asks over it gets its answer from memory, as bytes, in the loop's next turn."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from typing_extensions import override

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 02 Mar 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nLast-Modified: Mon, 02 Mar 2026 09:00:00 GMT\r\nConnection: keep-alive\r\n"
    b'ETag: "69a55f90-400"\r\nCache-Control: max-age=60\r\nAccept-Ranges: bytes\r\n\r\n'
)
_END: Final = b"\r\n\r\n"


class Transport(asyncio.Transport):
    """The near end of the connection; a request without a body ends with its head."""

    def __init__(self, protocol: asyncio.BaseProtocol, answers: Mapping[bytes, bytes], near: socket.socket) -> None:
        super().__init__({"socket": near, "peername": near.getpeername(), "sockname": near.getsockname()})
        self._protocol = protocol
        self._answers = answers
        self._near = near
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
    def is_closing(self) -> bool:
        return False

    @override
    def close(self) -> None:
        self._near.close()

    abort = close

    @override
    def pause_reading(self) -> None:
        """Have nothing to pause: an answer comes at once and whole."""

    @override
    def resume_reading(self) -> None:
        """As `pause_reading`."""


def connect_nowhere(bodies: Mapping[str, bytes]) -> str:
    """Let connections that the running loop makes be answered by target with `bodies`; returns an address for them."""
    loop = asyncio.get_running_loop()
    answers = {target.encode(): _HEAD % len(body) + body for target, body in bodies.items()}
    listening = socket.create_server(("127.0.0.1", 0))  # never accepts: it is there for clients that make sockets first

    async def create_connection(
        factory: Callable[[], asyncio.BaseProtocol], *_: Any, sock: socket.socket | None = None, **__: Any
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        protocol = factory()
        transport = Transport(protocol, answers, sock or socket.create_connection(listening.getsockname()))
        protocol.connection_made(transport)
        return transport, protocol

    loop.create_connection = create_connection  # type: ignore[method-assign,assignment]
    return "http://{}:{}".format(*listening.getsockname())
