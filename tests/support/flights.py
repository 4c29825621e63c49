"""How many calls of an onion are under way, or wait for one that is."""

from bff.ambassador import Onion
from bff.ambassador._flights import Flight

__all__ = ["under_way"]


def under_way(onion: Onion) -> int:
    assert onion.parts.flights is not None
    slots = onion.parts.flights._by_target.values()
    flights = [flight for slot in slots for flight in ([slot] if isinstance(slot, Flight) else slot.values())]
    return len(flights) + sum(not turn.done() for flight in flights for turn in flight.waiting or ())
