"""Choose the wire for an upstream."""

from typing import TYPE_CHECKING, TypeAlias

from bff.ambassador._core import Wire
from bff.ambassador._lean import LeanWire

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Transport", "Verify", "new_wire"]

Transport: TypeAlias = "httpx.AsyncBaseTransport"
Verify: TypeAlias = "str | ssl.SSLContext | bool"


def new_wire(
    transport: "Transport | None", *, connect: float | None, verify: "Verify", max_body: int = 10_000_000
) -> Wire:
    """Return the default wire, or one that speaks through `transport`."""
    if transport is None:
        return LeanWire(connect=connect, verify=verify, max_body=max_body)
    from bff.ambassador._httpx import HttpxWire

    return HttpxWire(transport, connect=connect, max_body=max_body)
