"""Clients on a real socket: told apart by their host, and stopped before they have sent too much."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import httpx
import pytest
import uvicorn
from pydantic import BaseModel

from bff import BFF, ClientProfile, endpoint


class Note(BaseModel):
    text: str


class Desk(ClientProfile):
    max_request_body = 1000

    @endpoint.get("/who")
    def who(self) -> str:
        return self.name

    @endpoint.post("/notes")
    async def add(self, body: Note) -> int:
        return len(body.text)


class Phone(Desk):
    host = "m.localhost"


@contextlib.asynccontextmanager
async def serving() -> AsyncGenerator[int]:
    app = BFF(Desk, Phone, observers=(), drain=0.0)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off", timeout_keep_alive=30))
    async with asyncio.TaskGroup() as tasks:
        # What belongs to signals is left out: there are other servers in this process.
        running = tasks.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0)
            assert not running.done()
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True


def test_a_host_chooses_the_client() -> None:
    async def main() -> list[object]:
        async with serving() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            hosts = ["m.localhost", f"M.LOCALHOST:{port}", "localhost", f"127.0.0.1:{port}"]
            return [(await client.get("/who", headers={"host": host})).json() for host in hosts]

    assert ["phone", "phone", "desk", "desk"] == asyncio.run(main())


async def said(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Return the status line and the rest of an answer, its body read by its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    return head.split(b"\r\n")[0].decode(), await reader.readexactly(length)


@pytest.mark.parametrize(
    "head",
    [b"content-length: 1000000\r\n", b"content-length: 1000000\r\nexpect: 100-continue\r\n"],
    ids=["declared", "asked first"],
)
def test_a_body_that_is_declared_too_large_need_not_be_sent(head: bytes) -> None:
    async def main() -> tuple[str, bytes]:
        async with serving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"POST /notes HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" + head + b"\r\n")
                return await said(reader)
            finally:
                writer.close()

    status, body = asyncio.run(main())
    assert status.startswith("HTTP/1.1 413 ")
    assert b'"cause":"too-large"' in body


def test_a_body_that_grows_too_large_is_refused_while_it_comes() -> None:
    """In chunks, with no end in sight: the answer comes though the client has not finished."""

    async def main() -> tuple[str, bytes]:
        async with serving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"POST /notes HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
                for _ in range(3):
                    writer.write(b"190\r\n" + b"x" * 400 + b"\r\n")
                    await writer.drain()
                return await said(reader)
            finally:
                writer.close()

    status, body = asyncio.run(main())
    assert status.startswith("HTTP/1.1 413 ")
    assert b'"status":413' in body


def test_what_is_small_enough_comes_through_in_chunks() -> None:
    async def parts() -> AsyncGenerator[bytes]:
        for part in (b'{"text":', b'"abc"', b"}"):
            yield part

    async def main() -> httpx.Response:
        async with serving() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            return await client.post("/notes", content=parts(), headers={"content-type": "application/json"})

    reply = asyncio.run(main())
    assert (200, 3) == (reply.status_code, reply.json())
