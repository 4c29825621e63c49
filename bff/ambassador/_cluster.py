"""The addresses of one upstream: which of them gets a try, and what each try says of its address."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf

from bff.ambassador._balancer import new_balancer
from bff.ambassador._core import Context
from bff.ambassador._ejector import Ejector
from bff.ambassador._member import Member
from bff.events import (
    AddressEjected,
    AddressesChanged,
    AddressParked,
    AddressReturned,
    Emitter,
    PanicChanged,
)
from bff.policy import LoadBalancing, OutlierDetection

__all__ = ["AddressStatistics", "Cluster"]


@dataclass(frozen=True, slots=True)
class AddressStatistics:
    """
    What is known of one address.

    `active` is how many tries are under way, `latency` the moving average in seconds where `"peak_ewma"` keeps one.
    `ejected_until` and `parked_until` are on the loop's clock, `None` where it gets tries, as of the latest one;
    `ejections` is how often it was ejected lately.
    """

    address: str
    weight: float
    active: int
    latency: float | None
    ejected_until: float | None
    ejections: int
    parked_until: float | None


class Cluster:
    """
    The addresses of one upstream and what is known of them, shared by all of its onions.

    Pure: it never waits, and is told the time. `usable` are the addresses that get tries until `changes_at`; before
    that, only failures need to be told the time, unless `is_timed`.
    """

    def __init__(
        self,
        name: str,
        origins: Iterable[str] = (),
        *,
        host: str = "",
        balancing: LoadBalancing,
        outliers: OutlierDetection | None,
        random: Callable[[], float],
        emitter: Emitter = Emitter.none,
    ) -> None:
        self.name = name
        self.changes_at = inf
        self.is_panic = False
        self.balancer = new_balancer(balancing, random=random)
        self.is_timed = self.balancer.is_timed
        self.ejector = Ejector(outliers, random=random)
        self._host = host
        self._weights = balancing.weights
        self._random = random
        self._emitter = emitter
        self.members: Sequence[Member] = [self._member(origin) for origin in origins]
        self.usable: Sequence[Member] = self.members

    def advance(self, now: float) -> None:
        """Let it be `now`: whose time is over gets tries again."""
        if now >= self.changes_at:
            self._settle(now)

    def another(self, context: Context, now: float) -> Member:
        """Return an address for the next try of a call that has tried some: another one, where there is one."""
        tried = context.tried
        if not isinstance(tried, list):
            context.tried = tried = [] if tried is None else [tried]
        others = [member for member in self.usable if member not in tried]
        member = self.balancer.pick(others or self.usable, now)
        tried.append(member)
        return member

    def succeeded(self, member: Member, took: float, now: float) -> None:
        """Take an answer that speaks for the health of its address, `took` seconds after it was asked for."""
        member.calls += 1
        if member.is_troubled:
            self.ejector.pardon(member)
        if self.is_timed:
            self.balancer.observe(member, took, now)

    def failed(self, member: Member, status: int | None, penalty: float, now: float) -> None:
        """Take a failure, `None` one without an answer; `penalty` is the latency in seconds that it counts as."""
        self.balancer.observe(member, penalty, now)
        cause = self.ejector.blame(member, status, now)
        if cause is None or member not in self.members:
            return
        seconds = self.ejector.eject(member, self.members, now)
        if seconds is not None:
            self._emitter.emit(AddressEjected(self.name, member.origin, cause, seconds, member.ejections))
            self._settle(now)

    def refused(self, member: Member, penalty: float, now: float) -> None:
        """Take an answer that speaks neither for the health of its address nor against it."""
        self.balancer.observe(member, penalty, now)

    def parked(self, member: Member, seconds: float, now: float) -> bool:
        """Leave an address alone for as long as it asks; say whether there are others meanwhile."""
        if member in self.members:
            granted = self.ejector.park(member, seconds, now)
            if granted is not None:
                self._emitter.emit(AddressParked(self.name, member.origin, granted))
                self._settle(now)
        return any(other.parked_until <= now for other in self.usable)

    def replace(self, origins: Sequence[str], now: float) -> None:
        """Let these be the addresses from now on; what is known of those that stay is kept."""
        known = {member.origin: member for member in self.members}
        wanted = dict.fromkeys(origins)
        added = [origin for origin in wanted if origin not in known]
        removed = [origin for origin in known if origin not in wanted]
        if added or removed:
            kept = [member for member in self.members if member.origin in wanted]
            self.members = [*kept, *map(self._member, added)]
            addresses = tuple(member.origin for member in self.members)
            self._emitter.emit(AddressesChanged(self.name, addresses, tuple(added), tuple(removed)))
            self._settle(now)

    def statistics(self) -> tuple[AddressStatistics, ...]:
        """Return what is known of each address."""
        return tuple(self._statistics_of(member) for member in self.members)

    def _member(self, origin: str) -> Member:
        # Chance says who begins: many processes that start together do not all ask the first one first.
        weight = self._weights.get(origin, 1.0)
        return Member(origin, self._host, weight, turn=self._random() * weight)

    def _settle(self, now: float) -> None:
        standing = self.ejector.settle(self.members, now)
        self.usable, self.changes_at = standing.usable, standing.changes_at
        for member in standing.returned:
            self._emitter.emit(AddressReturned(self.name, member.origin))
        if self.is_panic != standing.is_panic:
            self.is_panic = standing.is_panic
            self._emitter.emit(PanicChanged(self.name, self.is_panic, sum(not m.is_ejected for m in self.members)))

    def _statistics_of(self, member: Member) -> AddressStatistics:
        is_parked = member not in self.usable and not member.is_ejected
        return AddressStatistics(
            address=member.origin,
            weight=member.weight,
            active=member.active,
            latency=member.cost or None,
            ejected_until=member.ejected_until if member.is_ejected else None,
            ejections=member.ejections,
            parked_until=member.parked_until if is_parked else None,
        )
