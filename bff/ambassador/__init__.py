"""One upstream, resiliently: an onion of layers around a wire, usable in any application."""

import importlib
from typing import TYPE_CHECKING

from bff.ambassador._client import Ambassador
from bff.ambassador._cluster import AddressStatistics
from bff.ambassador._core import Context, Layer, Request, Response, Send, Wire
from bff.ambassador._lean import LeanWire
from bff.ambassador._onion import Onion, build_onion
from bff.ambassador._parts import OnionStatistics
from bff.ambassador._policies import Policies
from bff.ambassador._stream import Stream
from bff.ambassador._streamed import StreamedResponse

if TYPE_CHECKING:
    from bff.ambassador._dns import Resolver
    from bff.ambassador._httpx import HttpxWire
    from bff.ambassador._transport import AmbassadorTransport

__all__ = [
    "AddressStatistics",
    "Ambassador",
    "AmbassadorTransport",
    "Context",
    "HttpxWire",
    "Layer",
    "LeanWire",
    "Onion",
    "OnionStatistics",
    "Policies",
    "Request",
    "Resolver",
    "Response",
    "Send",
    "Stream",
    "StreamedResponse",
    "Wire",
    "build_onion",
]


def __getattr__(name: str) -> object:
    """Import httpx only for those who speak through it, and a DNS client for those who resolve (PEP 562)."""
    home = {"HttpxWire": "_httpx", "AmbassadorTransport": "_transport", "Resolver": "_dns"}.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    return value
