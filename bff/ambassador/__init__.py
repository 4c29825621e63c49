"""One upstream, resiliently: an onion of layers around a wire, usable in any application."""

from bff.ambassador._aiohttp import AiohttpWire
from bff.ambassador._core import Context, Layer, Request, Response, Send, Wire
from bff.ambassador._onion import Onion, OnionStatistics, Policies, build_onion

__all__ = [
    "AiohttpWire",
    "Context",
    "Layer",
    "Onion",
    "OnionStatistics",
    "Policies",
    "Request",
    "Response",
    "Send",
    "Wire",
    "build_onion",
]
