"""The connections of one event loop: made, lent to one request after another, and closed when they have idled."""

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, AI_ADDRCONFIG, IPPROTO_TCP, SOCK_STREAM, AddressFamily, SocketKind
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection  # pyright: ignore[reportUnknownVariableType] - it takes any tuple

from bff.ambassador._channel import Channel

__all__ = ["Pool", "Site", "Verify"]

Verify: TypeAlias = str | ssl.SSLContext | bool
_Known: TypeAlias = list[tuple[AddressFamily, SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]]

_KEEP_ALIVE: Final = 4.0  # seconds; below the 5 of uvicorn and others, so that we rarely use what they just closed
_STAGGER: Final = 0.25  # seconds before the next address of a name is tried as well (RFC 8305 section 8)
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(eq=False, slots=True)
class Site:
    """
    An origin, and the connections to it that nobody uses now, the last used one last.

    `host` is what a request there names, `name` what its certificate has to have, `None` without TLS; `known` is
    where to connect to, for a host that is no name.
    """

    pool: "Pool"
    address: str
    port: int
    host: str
    name: str | None
    known: _Known | None
    idle: list[Channel] = field(default_factory=list[Channel])

    def take(self) -> Channel | None:
        """Return the connection that was used last, if there is one that can be expected to be still there."""
        idle = self.idle
        while idle:
            channel = idle.pop()
            if channel.is_open:
                if self.pool.loop.time() - channel.idle_since < _KEEP_ALIVE:
                    return channel
                channel.abort()
        return None

    def give(self, channel: Channel) -> None:
        """Keep a connection for the next request, if there can be one over it."""
        if not channel.is_reusable() or self.pool.is_closed:
            channel.abort()
            return
        channel.is_used = True
        channel.idle_since = now = self.pool.loop.time()
        self.idle.append(channel)
        if self.pool.timer is None:
            self.pool.watch(now)

    async def connect(self) -> Channel:
        """Return a new connection; raises `OSError` where there is none to be had."""
        pool = self.pool
        loop = pool.loop
        try:
            addresses = self.known or await loop.getaddrinfo(
                self.address, self.port, type=SOCK_STREAM, flags=AI_ADDRCONFIG
            )
            peer = await start_connection(addresses, happy_eyeballs_delay=_STAGGER, loop=loop)
        except UnicodeError:
            raise OSError("its host is no name") from None
        except RuntimeError as error:
            # uvloop's word for a descriptor that another connection has not quite given back.
            raise OSError(str(error)) from error
        tls = None if self.name is None else pool.tls
        try:
            _, channel = await loop.create_connection(
                lambda: Channel(loop, release=self.give, forget=pool.channels.discard),
                sock=peer,
                ssl=tls,
                server_hostname=self.name,
            )
        except BaseException:
            peer.close()
            raise
        if pool.is_closed:
            channel.abort()
            raise ConnectionAbortedError("the wire was closed meanwhile")
        pool.channels.add(channel)
        return channel


class Pool:
    """All sites, and all open connections, of one loop; one timer closes what has idled."""

    def __init__(self, loop: asyncio.AbstractEventLoop, verify: Verify) -> None:
        self.loop = loop
        self.channels: set[Channel] = set()
        self.sites: dict[tuple[str, str], Site] = {}
        self.is_closed = False
        self._verify = verify
        self.timer: asyncio.TimerHandle | None = None

    @property
    def tls(self) -> ssl.SSLContext:
        """How to speak to those that have a certificate."""
        return self._verify if isinstance(self._verify, ssl.SSLContext) else _context(self._verify)

    def site(self, origin: str, host: str) -> Site:
        """Return where requests to an origin go, which may be named by another `host`."""
        site = self.sites.get((origin, host))
        if site is None:
            url = urlsplit(origin)
            address, port = url.hostname or "", url.port or _PORTS[url.scheme]
            name = None
            if url.scheme == "https":
                name = ((urlsplit(f"//{host}").hostname if host else address) or "").rstrip(".")
            site = Site(self, address, port, host or _ascii(url.netloc), name, _known(address, port))
            self.sites[origin, host] = site
        return site

    def watch(self, now: float) -> None:
        """See to it that what idles from now on is closed, where nothing did."""
        self.timer = self.loop.call_at(now + _KEEP_ALIVE, self._sweep)

    async def aclose(self) -> None:
        """Close every connection."""
        self.is_closed = True
        if self.timer is not None:
            self.timer.cancel()
        # Where the loop is gone, so are its connections.
        if self.loop.is_closed():
            return
        for channel in list(self.channels):
            channel.close()
        while self.channels:  # noqa: ASYNC110 - what the loop does on its next turn
            await asyncio.sleep(0)

    def _sweep(self) -> None:
        self.timer = None
        now = self.loop.time()
        oldest = now
        for site in self.sites.values():
            kept: list[Channel] = []
            for channel in site.idle:
                if channel.is_open and now - channel.idle_since < _KEEP_ALIVE:
                    kept.append(channel)
                else:
                    channel.abort()
            site.idle[:] = kept
            if kept:
                oldest = min(oldest, kept[0].idle_since)
        if oldest < now:
            self.watch(oldest)


def _known(address: str, port: int) -> _Known | None:
    try:
        version = ip_address(address).version
    except ValueError:
        return None
    if version == 4:  # noqa: PLR2004
        return [(AF_INET, SOCK_STREAM, IPPROTO_TCP, "", (address, port))]
    # The zone of a link-local address is looked up.
    return None if "%" in address else [(AF_INET6, SOCK_STREAM, IPPROTO_TCP, "", (address, port, 0, 0))]


def _ascii(netloc: str) -> str:
    if netloc.isascii():
        return netloc
    host, colon, port = netloc.partition(":")
    return f"{host.encode('idna').decode('ascii')}{colon}{port}"


@cache
def _context(verify: str | bool) -> ssl.SSLContext:
    # Building one takes milliseconds: upstreams with the same bundle share it.
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    context.set_alpn_protocols(["http/1.1"])
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
