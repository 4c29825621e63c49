"""Between a client and the addresses of its upstream: connections that are made, kept and lost; and two wires on it."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Final

import httpx

from benchmarks.simulation._server import Server
from bff.ambassador import Context, Request, Response
from bff.errors import UpstreamTimeout, UpstreamUnreachable

__all__ = ["ModelTransport", "ModelWire", "Network"]

# Linux sends a SYN that nobody answers again after 1 s, 3 s, 7 s, ... and gives up after 127 s.
_SYN_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Network:
    """The addresses, and the idle connections that one client has to them."""

    def __init__(self, servers: Mapping[str, Server], random: Random) -> None:
        self.servers = servers
        self._addresses = tuple(servers)
        self._random = random
        self._kept: Counter[str] = Counter()
        for name, server in servers.items():
            # Kept connections to a process that dies end with it; those to a host that vanishes seem to be there.
            server.on_death = partial(self._forget, name)

    def any_address(self) -> str:
        """Draw an address, as the service of a cluster does for a connection."""
        return self._random.choice(self._addresses)

    async def connect(self, origin: str, within: float | None) -> None:
        """
        Take a kept connection or make one.

        Raises `ConnectionRefusedError`, and `TimeoutError` after `within` seconds without an answer.
        """
        server = self.servers[origin]
        server.count()
        if self._kept[origin] > 0:
            self._kept[origin] -= 1
        else:
            await _connected(server, within)

    async def ask(self, origin: str) -> int:
        """Send a request over a connection just had and return the answer's status; raises `ConnectionResetError`."""
        status = await self.servers[origin].submit()
        self._kept[origin] += 1
        return status

    def _forget(self, origin: str) -> None:
        if self.servers[origin].state == "refusing":
            self._kept[origin] = 0


async def _connected(server: Server, within: float | None) -> None:
    left = within if within is not None else sum(_SYN_PAUSES)
    for pause in _SYN_PAUSES:
        if server.state == "refusing":
            raise ConnectionRefusedError
        if server.is_accepting:
            return
        await asyncio.sleep(min(pause, left))
        left -= pause
        if left <= 0:
            break
    raise TimeoutError


class ModelWire:
    """The network as `bff` speaks through it."""

    def __init__(self, network: Network, *, connect: float | None) -> None:
        self._network = network
        self._connect = connect

    async def send(self, request: Request, context: Context, /) -> Response:
        """Send one request; raises what `Wire` says."""
        try:
            await self._network.connect(request.origin, self._connect)
            status = await self._network.ask(request.origin)
        except (ConnectionRefusedError, ConnectionResetError) as error:
            unreachable = UpstreamUnreachable("no connection", upstream=context.upstream)
            unreachable.sent = isinstance(error, ConnectionResetError)
            raise unreachable from error
        except TimeoutError as error:
            timeout = UpstreamTimeout("no connection in time", upstream=context.upstream)
            timeout.sent = False
            raise timeout from error
        return Response(status, {}, b"")

    async def aclose(self) -> None:
        """Have nothing to close."""


class ModelTransport(httpx.AsyncBaseTransport):
    """
    The network as httpx speaks through it, with the limits and timeouts of httpx's own transport.

    At most 100 connections, by httpx's default; what is said of timeouts comes with each request. That its pool
    loses connections to cancellations is left out.
    """

    def __init__(self, network: Network, *, connections: int = 100) -> None:
        self._network = network
        self._slots = asyncio.Semaphore(connections)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises `httpx.TransportError`s."""
        timeouts: Mapping[str, float | None] = request.extensions["timeout"]
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        try:
            async with asyncio.timeout(timeouts["pool"]):
                await self._slots.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("no connection became free", request=request) from error
        try:
            status = await self._send(origin, timeouts, request)
        finally:
            self._slots.release()
        return httpx.Response(status, request=request)

    async def _send(self, origin: str, timeouts: Mapping[str, float | None], request: httpx.Request) -> int:
        try:
            await self._network.connect(origin, timeouts["connect"])
        except ConnectionRefusedError as error:
            raise httpx.ConnectError("refused", request=request) from error
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time", request=request) from error
        try:
            async with asyncio.timeout(timeouts["read"]):
                return await self._network.ask(origin)
        except ConnectionResetError as error:
            raise httpx.ReadError("reset", request=request) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time", request=request) from error
