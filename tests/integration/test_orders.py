"""On real sockets: a client that hangs up after the first write leaves no order half done, and before it none begun."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from bff import BFF, ClientProfile, Upstream, call, endpoint
from tests.support.serving import served

PATIENCE = 20.0


class Step(BaseModel):
    name: str


class Orders(Upstream):
    @call.get("/steps/{name}")
    def look(self, name: str) -> Step: ...

    @call.post("/steps/{name}")
    def do(self, name: str) -> Step: ...


class Shop(ClientProfile):
    deadline = 15.0

    @endpoint.post("/orders")
    def place(self) -> str:
        Orders.look("stock")
        Orders.do("reserve")
        Orders.do("create")
        return Orders.do("confirm").name


class Kitchen:
    """Serves the steps of an order, each when it is told to, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.left: list[str] = []
        self.news = asyncio.Event()
        self.go = {name: asyncio.Event() for name in ("stock", "reserve", "create", "confirm")}
        self.app = FastAPI()
        self.app.add_api_route("/steps/{name}", self.step, methods=["GET", "POST"])

    async def step(self, name: str, request: Request) -> Step:
        self.asked.append(name)
        self.keys.append(request.headers.get("idempotency-key", ""))
        self.news.set()
        waiting = asyncio.create_task(self.go[name].wait())
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=0.01)
            if await request.is_disconnected():
                self.left.append(name)
                self.news.set()
                waiting.cancel()
                break
        return Step(name=name)

    async def until(self, names: list[str]) -> None:
        """Wait until just these steps have been asked for."""
        await self._until(lambda: self.asked == names)

    async def until_left(self, name: str) -> None:
        """Wait until the connection of a step was closed while it was under way."""
        await self._until(lambda: name in self.left)

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.news.clear()
                await self.news.wait()


@contextlib.asynccontextmanager
async def shop() -> AsyncGenerator[tuple[Kitchen, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serve a kitchen and a shop before it, and send an order as a client would."""
    kitchen = Kitchen()
    async with served(kitchen.app) as port:
        app = BFF(Shop, upstreams={Orders: f"http://127.0.0.1:{port}"}, observers=())
        async with served(app) as front:
            reader, writer = await asyncio.open_connection("127.0.0.1", front)
            head = "POST /orders HTTP/1.1\r\nhost: shop\r\nidempotency-key: mine\r\ncontent-length: 0\r\n\r\n"
            writer.write(head.encode())
            yield kitchen, reader, writer
            writer.close()


def test_an_order_that_is_waited_for_is_answered() -> None:
    async def main() -> None:
        async with shop() as (kitchen, reader, _):
            for event in kitchen.go.values():
                event.set()
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            assert head.startswith(b"HTTP/1.1 200")
            assert "confirm" == json.loads(await reader.readexactly(len(b'"confirm"')))
            assert ["stock", "reserve", "create", "confirm"] == kitchen.asked
            assert "" == kitchen.keys[0]
            assert 3 == len({*kitchen.keys[1:]})

    asyncio.run(main())


def test_a_client_that_hangs_up_before_the_first_write_has_nothing_begun() -> None:
    async def main() -> None:
        async with shop() as (kitchen, _, writer):
            await kitchen.until(["stock"])
            writer.transport.abort()
            await kitchen.until_left("stock")
            assert ["stock"] == kitchen.asked

    asyncio.run(main())


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_client_that_hangs_up_after_the_first_write_leaves_no_order_half_done(at: int) -> None:
    async def main() -> None:
        async with shop() as (kitchen, _, writer):
            names = [*kitchen.go]
            for number, name in enumerate(names, start=1):
                await kitchen.until(names[:number])
                if number == at + 1:
                    writer.transport.abort()
                kitchen.go[name].set()
            assert names == kitchen.asked
            assert [] == kitchen.left

    asyncio.run(main())
