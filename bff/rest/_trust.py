"""Believe what a peer says of a request's deadline and of its tries, where the peer may say so."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Trust", "attempt", "seconds", "trust"]

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

DEADLINE_HEADER = "x-envoy-expected-rq-timeout-ms"
ATTEMPT_HEADER = "x-envoy-attempt-count"

_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Trust:
    """Which peers are believed: those in `networks`, or with `is_everyone` all of them."""

    is_everyone: bool = False
    networks: tuple[_Network, ...] = ()

    def covers(self, asgi: Mapping[str, Any]) -> bool:
        """Say whether the peer of a request is believed; one without an address is where everyone is."""
        if self.is_everyone:
            return True
        client = asgi.get("client")
        try:
            address = ipaddress.ip_address(client[0]) if client else None
        except ValueError:
            return False
        if address is None:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.networks)


def trust(peer: bool | Sequence[str]) -> Trust | None:
    """Return what a profile's `trusted_peer` means, `None` where it believes nobody."""
    if isinstance(peer, bool):
        return Trust(is_everyone=True) if peer else None
    return Trust(networks=tuple(ipaddress.ip_network(network) for network in peer))


def seconds(headers: Mapping[str, str]) -> float | None:
    """
    Return how long the peer waits for the answer, in seconds; `None` where it does not say.

    >>> seconds({"x-envoy-expected-rq-timeout-ms": "250"}), seconds({"x-envoy-expected-rq-timeout-ms": "soon"})
    (0.25, None)
    """
    milliseconds = _number(headers.get(DEADLINE_HEADER))
    return milliseconds / 1000 if milliseconds else None


def attempt(headers: Mapping[str, str]) -> int:
    """
    Return which of the peer's tries this request is, the first being 1.

    >>> attempt({"x-envoy-attempt-count": "2"}), attempt({})
    (2, 1)
    """
    return _number(headers.get(ATTEMPT_HEADER)) or 1


def _number(text: str | None) -> int | None:
    """Return a whole number, `None` for what is none: what a peer says wrongly is not said."""
    if text is None or len(text) > _DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    return int(text)
