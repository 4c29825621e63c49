"""An upstream on a real socket that fails in every way we know, on request, and counts what reaches it."""

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["CERTIFICATE", "Counting", "FaultServer", "Seen", "no_leaks", "refusing_port", "reset", "unaccepting_port"]

PATIENCE: Final = 20.0  # seconds; how long a test waits for what should take milliseconds
HALF: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf!"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Counting:
    """Let a test wait, without sleeping, until something that is counted is as it should be."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again whenever a count has changed."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                turn = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                await turn

    def notify(self) -> None:
        """Say that a count has changed."""
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)


class FaultServer(Counting):
    """
    Answer `/<fault>` with that fault; `requests`, `accepts` and `open` say what came and what is still there.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__()
        self._tls = tls
        self.host = host
        self.port = port
        self.requests: list[Seen] = []
        self.accepts = 0
        self.open = 0
        self.is_deaf = False
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=1 << 20, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.accepts += 1
        self.open += 1
        try:
            self.notify()
            if self.is_deaf:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                await asyncio.Event().wait()
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._connections.discard(task)
            writer.transport.abort()
            self.notify()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 0
        while True:
            seen = await _read(reader)
            count += 1
            self.requests.append(seen)
            self.notify()
            fault = seen.target.strip("/").partition("?")[0].partition("/")[0]
            if fault == "echo":
                writer.write(answer(json.dumps([seen.method, seen.target, seen.headers, seen.body.decode()]).encode()))
            elif fault == "stale" and count > 1:
                return
            elif fault in ANSWERS:
                writer.write(ANSWERS[fault])
                if fault in UNFINISHED:
                    await writer.drain()
                    writer.write_eof()
                    return
            elif not await self._misbehave(fault, reader, writer):
                return

    async def _misbehave(self, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do what takes time, or more than bytes; say whether the connection goes on."""
        if fault == "hang":
            await reader.read()
        elif fault == "half":
            writer.write(HALF)
            await reader.read()
        elif fault == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while not reader.at_eof():
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.04)
        elif fault == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while not reader.at_eof():
                writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                await writer.drain()
        elif fault in {"reset", "reset-half"}:
            if fault == "reset-half":
                writer.write(HALF)
                await writer.drain()
            reset(writer.transport)
        else:
            raise LookupError(fault)
        return False


def reset(transport: asyncio.WriteTransport) -> None:
    """Close the connection with a RST, as a linger of 0 does."""
    peer: socket.socket = transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _read(reader: asyncio.StreamReader) -> Seen:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines[1:] if line)]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    is_chunked = ("transfer-encoding", "chunked") in [(name.lower(), value) for name, value in headers]
    body = await _chunks(reader) if is_chunked else await reader.readexactly(length)
    return Seen(method, target, [(name.lower(), value) for name, value in headers], body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CERTIFICATE: Final = Path(__file__).with_name("loopback.pem")
"""Of a server at 127.0.0.1, signed by itself, with its key; it protects nothing."""

OK: Final = answer(b'{"ok":true}', content_type="application/json")
ZIPPED: Final = gzip.compress(b'{"ok":true}')
ANSWERS: Final[dict[str, bytes]] = {
    "ok": OK,
    "stale": OK,
    "chunked": b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"ok"\r\n6\r\n:true}\r\n0\r\n\r\n',
    "until-close": b'HTTP/1.1 200 OK\r\n\r\n{"ok":true}',
    "early": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK,
    "gzip": answer(ZIPPED, content_encoding="gzip"),
    "two-gzips": answer(gzip.compress(b'{"ok"') + gzip.compress(b":true}"), content_encoding="gzip"),
    "bad-gzip": answer(b"not gzip at all", content_encoding="gzip"),
    "cut-gzip": answer(ZIPPED[:-9], content_encoding="gzip"),
    "bomb": answer(gzip.compress(bytes(50_000_000)), content_encoding="gzip"),
    "brotli": answer(b"whatever", content_encoding="br"),
    "20mb": answer(bytes(20_000_000)),
    "redirect": answer(b"", "302 Found", location="/ok"),
    "cookie": answer(b"", set_cookie="session=secret; Path=/"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b'HTTP/1.1 304 Not Modified\r\netag: "1"\r\ncontent-length: 10\r\n\r\n',
    "head": b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
    "500": answer(b"boom", "500 Internal Server Error"),
    "503": answer(b"busy", "503 Service Unavailable"),
    "huge-header": answer(b"", x=100_000 * "x"),
    "many-headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "garbage": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "short": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot a hundred",
    "cut-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nnot enough",
    "bad-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nwhatever\r\n0\r\n\r\n",
    "nothing": b"",
    "head-only": b"HTTP/1.1 200 OK\r\ncontent-le",
    "unasked": OK + answer(b"this was never asked for"),
    "long": b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour and more",
}  # fmt: skip
UNFINISHED: Final = frozenset({"until-close", "short", "cut-chunk", "nothing", "head-only"})


@contextlib.contextmanager
def refusing_port() -> Generator[int]:
    """Give a port that nobody listens on, and that nobody else is given meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def unaccepting_port() -> Generator[int]:
    """Give a port where a connection is never made: its queue is full and nobody accepts."""
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            peer = waiting.enter_context(socket.socket())
            peer.setblocking(False)
            peer.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@contextlib.asynccontextmanager
async def no_leaks() -> AsyncGenerator[None]:
    """Assert that as many tasks and file descriptors are there afterwards as were before."""
    before = await _resources()
    yield
    async with asyncio.timeout(PATIENCE):
        # A closed socket is given back on the loop's next turn: there is no event to wait for.
        while (after := await _resources()) > before:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert before == after


async def _resources() -> tuple[int, int]:
    await asyncio.sleep(0)
    return len(asyncio.all_tasks()), _open_files()


def _open_files() -> int:
    # One that is being read from this folder is gone when it is looked at; uvloop keeps one of nothing in reserve.
    return sum(file.is_symlink() and str(file.readlink()) != "/dev/null" for file in Path("/proc/self/fd").iterdir())
