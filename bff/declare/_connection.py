"""An upstream's settings made into something to send with: one wire, and a set of layers for each set of policies."""

import random as chance
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from bff.ambassador._address import address
from bff.ambassador._addresses import Addresses, new_addresses
from bff.ambassador._auth import authenticating
from bff.ambassador._core import Context, Request, Response, Send, Wire
from bff.ambassador._onion import Onion, build_onion
from bff.ambassador._parts import OnionStatistics
from bff.ambassador._policies import Policies, PolicyOptions
from bff.ambassador._wires import new_wire
from bff.declare._exchange import Binding
from bff.declare._operation import Operation
from bff.events import Emitter

_DEFAULT_HEADERS = {"accept": "application/json", "user-agent": "bff"}


class Connection:
    """
    Where an upstream is, and how it is called.

    Operations share one set of layers, and with it breaker, slots and budget, unless they say something of their own;
    what is known of addresses all of them share.
    `accepts` are the client's headers that may travel on, in lower case.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], emitter: Emitter, *, wire: Wire | None = None) -> None:
        self.name = name
        self.settings = settings
        self.address = address(settings["base_url"])
        self.accepts = frozenset(header.lower() for header in settings["accept_headers"])
        self.emitter = emitter
        self._policies = Policies(**{key: settings[key] for key in PolicyOptions.__annotations__})
        own = {header.lower(): value for header, value in settings["headers"].items()}
        self.headers = tuple({**_DEFAULT_HEADERS, **self.address.headers, **own}.items())
        timeout = self._policies.timeout
        self._wire = wire or new_wire(
            settings["transport"],
            connect=timeout.connect if timeout else None,
            verify=settings["verify"],
            max_body=settings["max_body"],
        )
        auth = settings["auth"]
        self._send = self._wire.send if auth is None else authenticating(auth)(self._wire.send)
        self._addresses = self._new_addresses()
        self._onion = self._new_onion(self._policies)
        self._own: dict[str, Onion] = {}
        self._bindings: dict[Operation[..., Any], Binding] = {}

    def policies_of(self, operation: Operation[..., Any]) -> Policies:
        """Return how an operation is called: its own policies over the upstream's."""
        return replace(self._policies, **cast("Any", operation.options.policies))

    def binding(self, operation: Operation[..., Any]) -> Binding:
        """Return an operation ready to be sent, the same for all pages that call it."""
        if operation not in self._bindings:
            self._bindings[operation] = Binding(self, operation)
        return self._bindings[operation]

    def send_of(self, operation: Operation[..., Any]) -> Send:
        """Return what sends an operation's requests through its layers."""
        send = self._onion_of(operation).send
        if operation.is_read:
            return send

        async def written(request: Request, context: Context) -> Response:
            try:
                return await send(request, context)
            finally:
                # A write and the reads that it concerns may have different layers.
                for onion in (self._onion, *self._own.values()):
                    onion.forget_flights()

        return written

    def force_breaker(self, state: Literal["open", "closed"] | None) -> None:
        """Hold the breakers open or closed, or let them judge again."""
        for onion in (self._onion, *self._own.values()):
            onion.force_breaker(state)

    def statistics(self) -> Mapping[str, OnionStatistics]:
        """Return what the layers know now, by operation; under the empty name what operations share."""
        return {"": self._onion.statistics(), **{name: onion.statistics() for name, onion in self._own.items()}}

    def __repr__(self) -> str:
        return f"<{self.name} at {self.address}: {' > '.join(self._onion.layers)}>"

    async def aclose(self) -> None:
        """Close every connection."""
        for onion in (self._onion, *self._own.values()):
            onion.close()
        if self._addresses is not None:
            await self._addresses.aclose()
        await self._wire.aclose()

    def _onion_of(self, operation: Operation[..., Any]) -> Onion:
        if not operation.options.policies:
            return self._onion
        if operation.name not in self._own:
            self._own[operation.name] = self._new_onion(self.policies_of(operation), operation.name)
        return self._own[operation.name]

    def _new_addresses(self) -> Addresses | None:
        return new_addresses(
            self.address,
            name=self.name,
            balancing=self._policies.balancing,
            outliers=self._policies.outliers,
            emitter=self.emitter,
            resolver=self.settings["resolver"],
            random=chance.random,
        )

    def _new_onion(self, policies: Policies, operation: str = "") -> Onion:
        return build_onion(
            policies,
            send=self._send,
            name=self.name,
            operation=operation,
            emitter=self.emitter.telling(policies.deadline_header is not None),
            addresses=self._addresses,
        )
