"""The children that the demo starts: ready when it says so, gone when it ends, loud when they fail."""

import asyncio
import socket
from collections.abc import Sequence

import httpx
import pytest

from examples._processes import Server, ServerError, free_port, running

NAMES = ("catalog", "reviews", "inventory", "orders")


def shop(ports: Sequence[int]) -> Server:
    arguments = [part for name, port in zip(NAMES, ports, strict=True) for part in (f"--{name}", str(port))]
    probes = [f"http://127.0.0.1:{port}/_stats" for port in ports]
    return Server("upstreams", "examples.upstreams", arguments, probes)


def test_servers_answer_once_they_are_said_to_run_and_are_gone_afterwards() -> None:
    server = shop([free_port(0) for _ in NAMES])

    async def main() -> None:
        async with httpx.AsyncClient() as client:
            async with running([server]):
                assert [200] * len(NAMES) == [(await client.get(probe)).status_code for probe in server.probes]
            with pytest.raises(httpx.ConnectError):
                await client.get(server.probes[0])

    asyncio.run(main())


def test_a_server_that_fails_to_start_says_what_it_wrote() -> None:
    server = Server("upstreams", "examples.upstreams", ["--tea"], ["http://127.0.0.1:1/"])

    async def main() -> None:
        async with running([server]):
            raise AssertionError("it cannot have started")

    with pytest.raises(ServerError, match=r"upstreams ended with status 2\.(.|\n)*unrecognized arguments: --tea"):
        asyncio.run(main())


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        assert port != free_port(port)
    assert port == free_port(port)
