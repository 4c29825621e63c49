"""Several addresses on virtual time, each a script of its own."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from bff import LoadBalancing, OutlierDetection
from bff.ambassador import Context, Onion, Policies, Request, Response, build_onion
from bff.ambassador._addresses import Addresses
from bff.ambassador._cluster import Cluster
from bff.events import Emitter, Event
from tests.support.scripted import ScriptedWire

__all__ = ["Places"]


class Places:
    """
    A wire to several addresses, and onions that share what is known of them; `events` is all that they told.

    `wires` are by address, which is `http://` and a letter.
    """

    def __init__(
        self,
        wires: Mapping[str, ScriptedWire],
        *,
        balancing: LoadBalancing | None = None,
        outliers: OutlierDetection | None = None,
        seed: int = 1,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self.wires = wires
        self.events: list[Event] = []
        self.random = chance or random.Random(seed).random
        self.emitter = Emitter([self.events.append])
        self.cluster = Cluster(
            "test",
            [f"http://{name}" for name in wires],
            balancing=balancing or LoadBalancing(),
            outliers=outliers,
            random=self.random,
            emitter=self.emitter,
        )

    async def send(self, request: Request, context: Context, /) -> Response:
        """Answer as the address that was chosen does."""
        return await self.wires[request.origin.removeprefix("http://")].send(request, context)

    def onion(self, **policies: Any) -> Onion:
        """Return layers, all off but those that are given, over these addresses."""
        off: dict[str, Any] = {"timeout": None, "retry": None, "breaker": None, "bulkhead": None}
        return build_onion(
            Policies(**{**off, **policies}),
            send=self.send,
            name="test",
            emitter=self.emitter,
            addresses=Addresses(self.cluster),
            random=self.random,
        )

    def counts(self) -> dict[str, int]:
        """Return how many tries each address got."""
        return dict(Counter({name: len(wire.sent) for name, wire in self.wires.items()}))

    def told(self, kind: type[Event]) -> list[Any]:
        """Return the events of one class."""
        return [event for event in self.events if isinstance(event, kind)]
