"""Resolve names as the system would, and learn for how long what came back holds."""

import asyncio
import ipaddress
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from bff.ambassador._refresher import Found, NotResolved

__all__ = ["Resolver"]

_PATIENCE: Final = 5.0  # seconds for one question, all nameservers and search domains together
_UNSAID: Final = 30.0  # seconds that an address holds for which nobody said how long: one of a file
_LOOPBACK: Final = ("127.0.0.1", "::1")


class Resolver:
    """
    Ask DNS for the IPv4 and IPv6 addresses of a name, after looking into the file `hosts` (`None`: into none).

    Nameservers, search domains and options are those of the file `config`, which is read anew each time. `nameservers`
    and `port` are for another DNS than the system's, as Consul's: `Resolver(nameservers=("127.0.0.1",), port=8600)`.
    """

    def __init__(
        self,
        *,
        nameservers: Sequence[str] = (),
        port: int = 53,
        hosts: str | Path | None = "/etc/hosts",
        config: str | Path = "/etc/resolv.conf",
    ) -> None:
        self._nameservers = tuple(nameservers)
        self._port = port
        self._hosts = Path(hosts) if hosts is not None else None
        self._config = str(config)

    async def __call__(self, name: str, /) -> Found:
        """Return the addresses of `name`; raises `NotResolved`."""
        known = _literal(name) or self._from_file(name.lower().rstrip("."))
        if known:
            return Found(known, _UNSAID)
        resolver = self._resolver()
        for candidate in _candidates(resolver, name):
            found = await _ask_both(resolver, candidate)
            if found.addresses:
                return found
        raise NotResolved(f"{name} has no address")

    def __repr__(self) -> str:
        where = f"at {', '.join(self._nameservers)}, port {self._port}" if self._nameservers else "of the system"
        return f"<Resolver {where}>"

    def _resolver(self) -> dns.asyncresolver.Resolver:
        try:
            resolver = dns.asyncresolver.Resolver(filename=self._config)
        except dns.resolver.NoResolverConfiguration as error:
            if not self._nameservers:
                raise NotResolved(f"no nameserver is known: {error}") from error
            resolver = dns.asyncresolver.Resolver(configure=False)
        if self._nameservers:
            resolver.nameservers = [*self._nameservers]
        resolver.port = self._port
        return resolver

    def _from_file(self, name: str) -> tuple[str, ...]:
        """Return the addresses that the file gives for a name; of `localhost` they are known in any case."""
        found: dict[str, None] = {}
        if self._hosts is None:
            return ()
        try:
            lines = self._hosts.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            address, *names = line.partition("#")[0].split() or [""]
            if name in map(str.lower, names) and _literal(address):
                found[address] = None
        return tuple(found) or (_LOOPBACK if re.fullmatch(r"(.+\.)?localhost", name) else ())


def _candidates(resolver: dns.asyncresolver.Resolver, name: str) -> Iterator[dns.name.Name]:
    """Yield the names that are asked for, one after the other, as resolv.conf(5) has it."""
    try:
        asked = dns.name.from_text(name, None)
    except dns.exception.DNSException as error:
        raise NotResolved(f"{name} is no name: {error}") from error
    has_dots = len(asked) > (1 if resolver.ndots is None else resolver.ndots)
    if asked.is_absolute() or has_dots:
        yield asked.derelativize(dns.name.root)
    if not asked.is_absolute():
        yield from (asked.concatenate(domain) for domain in resolver.search)
        if not has_dots:
            yield asked.concatenate(dns.name.root)


async def _ask_both(resolver: dns.asyncresolver.Resolver, name: dns.name.Name) -> Found:
    """Return the addresses of a name, of which there may be none; a family that cannot be had is left out."""
    answers = await asyncio.gather(
        *(_ask(resolver, name, kind) for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)), return_exceptions=True
    )
    found = [answer for answer in answers if isinstance(answer, Found) and answer.addresses]
    if found:
        return Found(tuple(address for answer in found for address in answer.addresses), min(a.ttl for a in found))
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return Found((), 0.0)


async def _ask(resolver: dns.asyncresolver.Resolver, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Found:
    try:
        answer = await resolver.resolve(name, kind, raise_on_no_answer=False, lifetime=_PATIENCE, search=False)
    except dns.resolver.NXDOMAIN:
        return Found((), 0.0)
    except dns.exception.DNSException as error:
        raise NotResolved(f"{name}: {error}") from error
    except OSError as error:
        raise NotResolved(f"{name}: no nameserver can be reached: {error}") from error
    records = answer.rrset or ()
    return Found(tuple(record.to_text() for record in records), float(answer.chaining_result.minimum_ttl))


def _literal(name: str) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_address(name)),)
    except ValueError:
        return ()
