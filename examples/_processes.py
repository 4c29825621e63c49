"""Run servers as child processes, wait until they answer, and never leave one behind."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

__all__ = ["Server", "ServerError", "free_port", "running"]

PATIENCE = 60.0  # seconds to start in, generous: a cold disk reads a few thousand modules
GRACE = 5.0  # seconds to stop in


@dataclass(frozen=True)
class Server:
    """
    A child process that serves HTTP.

    `module` and `arguments` are what follows `python -m`; it is ready once every address in `probes` answers 200.
    """

    name: str
    module: str
    arguments: Sequence[str]
    probes: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class ServerError(Exception):
    """A child process ended or stayed silent instead of serving; the message holds the end of what it wrote."""


def free_port(wanted: int) -> int:
    """Return `wanted` if nobody listens there, else a port that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            name: tuple[str, int] = probe.getsockname()
            return name[1]
    raise ServerError("there is no free port on 127.0.0.1")


@asynccontextmanager
async def running(servers: Sequence[Server]) -> AsyncGenerator[None]:
    """Start all servers at once, wait until each is ready, and stop them all at the end, however it comes."""
    async with AsyncExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory(prefix="bff-")))
        children = [await stack.enter_async_context(_child(server, logs / server.name)) for server in servers]
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            for child in children:
                await child.ready(client)
        yield


@dataclass(frozen=True)
class _Child:
    server: Server
    process: Process
    log: Path

    async def ready(self, client: httpx.AsyncClient) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE
        for probe in self.server.probes:
            while not await _answers(client, probe):
                if self.process.returncode is not None:
                    raise self._failure(f"ended with status {self.process.returncode}")
                if clock() > deadline:
                    raise self._failure(f"did not answer {probe} within {PATIENCE:.0f} seconds")
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)  # as Ctrl-C does: at SIGTERM a BFF would go on for a while
        try:
            async with asyncio.timeout(GRACE):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def _failure(self, what: str) -> ServerError:
        tail = self.log.read_text(errors="replace").strip().splitlines()[-20:]
        return ServerError("\n".join([f"{self.server.name} {what}. The end of what it wrote:", *tail]))


@asynccontextmanager
async def _child(server: Server, log: Path) -> AsyncGenerator[_Child]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            server.module,
            *server.arguments,
            env={**os.environ, **server.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us to hear; the children are told in order
        )
    child = _Child(server, process, log)
    try:
        yield child
    finally:
        await child.stop()


async def _answers(client: httpx.AsyncClient, probe: str) -> bool:
    try:
        return (await client.get(probe)).is_success
    except httpx.TransportError:
        return False
