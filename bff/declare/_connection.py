"""An upstream's settings made into something to send with: one wire, and a set of layers for each set of policies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from bff.ambassador._aiohttp import AiohttpWire
from bff.ambassador._core import Wire
from bff.ambassador._onion import Onion, OnionStatistics, Policies, build_onion
from bff.declare._exchange import Binding
from bff.declare._operation import Operation
from bff.events import Emitter
from bff.policy import Timeout

_DEFAULT_HEADERS = {"accept": "application/json", "user-agent": "bff"}


from urllib.parse import urlsplit
from collections import namedtuple
A=namedtuple("A","origin prefix headers")
def address(u):
    p=urlsplit(u); return A(f"{p.scheme}://{p.netloc}", p.path.rstrip("/"), {})
HttpxWire=None
class Connection:
    """
    Where an upstream is, and how it is called.

    Operations share one set of layers, and with it breaker, slots and budget, unless they say something of their own.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], emitter: Emitter) -> None:
        self.name = name
        self._settings = settings
        self._emitter = emitter
        policies = {key: settings[key] for key in ("timeout", "retry", "breaker", "bulkhead") if key in settings}
        self._policies = Policies(**policies)
        self._address = address(settings["base_url"])
        headers = {**_DEFAULT_HEADERS, **self._address.headers, **_lowered(settings.get("headers") or {})}
        self._headers = tuple(headers.items())
        self.accepts = frozenset(header.lower() for header in settings.get("accept_headers") or ())
        self._wire = self._new_wire()
        self._onion = self._new_onion(self._policies)
        self._own: dict[str, Onion] = {}

    def binding(self, operation: Operation[..., Any]) -> Binding:
        """Return an operation ready to be sent."""
        return Binding(
            operation=operation,
            upstream=self.name,
            send=self._onion_of(operation).send,
            origin=self._address.origin,
            prefix=self._address.prefix,
            headers=self._headers,
            accepts=self.accepts,
        )

    def statistics(self) -> Mapping[str, OnionStatistics]:
        """Return what the layers know now, by operation; under the empty name what operations share."""
        return {"": self._onion.statistics(), **{name: onion.statistics() for name, onion in self._own.items()}}

    def __repr__(self) -> str:
        return f"<{self.name} at {self._address.origin}{self._address.prefix}: {' > '.join(self._onion.layers)}>"

    async def aclose(self) -> None:
        """Close every connection."""
        for onion in (self._onion, *self._own.values()):
            onion.close()
        await self._wire.aclose()

    def _onion_of(self, operation: Operation[..., Any]) -> Onion:
        own = operation.options.policies
        if not own:
            return self._onion
        if operation.name not in self._own:
            self._own[operation.name] = self._new_onion(replace(self._policies, **cast("Any", own)), operation.name)
        return self._own[operation.name]

    def _new_onion(self, policies: Policies, operation: str = "") -> Onion:
        send = self._wire.send
        return build_onion(policies, send=send, name=self.name, operation=operation, emitter=self._emitter)

    def _new_wire(self) -> Wire:
        settings = self._settings
        transport = settings.get("transport")
        max_body = settings.get("max_body", 10_000_000)
        if transport is not None:
            return HttpxWire(transport, max_body=max_body)
        timeout: Timeout | None = self._policies.timeout
        connect = timeout.connect if timeout else None
        return AiohttpWire(connect=connect, verify=settings.get("verify", True), max_body=max_body)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
