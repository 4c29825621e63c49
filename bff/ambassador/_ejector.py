"""Leave out for a while an address that fails where others do not, or that asked to be left alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Literal, TypeAlias

from bff.ambassador._member import Member
from bff.policy import OutlierDetection

__all__ = ["Cause", "Ejector", "Standing"]

Cause: TypeAlias = Literal["5xx", "gateway", "local", "failure-rate"]

_OFF: Final = OutlierDetection(None, consecutive_gateway=None, consecutive_local=None, failure_rate=None, panic=0.0)
_GATEWAY: Final = frozenset({502, 503, 504})
_JITTER: Final = 0.1  # of an ejection, so that addresses do not come back in step
_LONGEST_PARKING: Final = 300.0  # seconds, whatever an address asks for: Envoy's
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Standing:
    """
    Which addresses get tries: `usable`, as of a moment and until `changes_at`.

    `is_panic` says that too few are left to be choosy, `returned` which have just come back.
    """

    usable: Sequence[Member]
    changes_at: float
    is_panic: bool = False
    returned: Sequence[Member] = ()


class Ejector:
    """
    Decide which addresses get no tries for a while: Envoy's outlier detection, one address at a time.

    Pure: told the time, given chance for the jitter. Failures of three kinds are counted apart: answers of 5xx, of a
    gateway (502, 503, 504), and tries without any answer. It has no sweep: a window of `interval` seconds opens with
    the first failure after the last one, and an address forgets one ejection for every interval that it was well.
    Without a policy nothing is ejected, only parked.
    """

    __slots__ = ("_policy", "_random")

    def __init__(self, policy: OutlierDetection | None, *, random: Callable[[], float]) -> None:
        self._policy = policy or _OFF
        self._random = random

    def pardon(self, member: Member) -> None:
        """Take an answer that speaks for a member whose last tries had failed."""
        member.is_troubled = False
        member.in_a_row = member.gateway_in_a_row = member.local_in_a_row = 0

    def blame(self, member: Member, status: int | None, now: float) -> Cause | None:
        """Count a failure, `None` one without an answer; return why the member should be ejected, if it should."""
        policy = self._policy
        if now - member.window_at >= policy.interval:
            member.window_at = now
            member.calls = member.failed = 0
        member.is_troubled = True
        member.calls += 1
        member.failed += 1
        if status is None:
            member.local_in_a_row += 1
        else:
            member.local_in_a_row = 0
            member.in_a_row += 1
            member.gateway_in_a_row = member.gateway_in_a_row + 1 if status in _GATEWAY else 0
        if member.gateway_in_a_row >= (policy.consecutive_gateway or inf):
            return "gateway"
        if member.in_a_row >= (policy.consecutive_5xx or inf):
            return "5xx"
        if member.local_in_a_row >= (policy.consecutive_local or inf):
            return "local"
        if member.calls >= policy.min_calls and member.failed >= (policy.failure_rate or inf) * member.calls:
            return "failure-rate"
        return None

    def eject(self, member: Member, among: Sequence[Member], now: float) -> float | None:
        """Take a member out and return for how many seconds, or `None` where too many are out, or it is alone."""
        policy = self._policy
        out = sum([other.is_ejected for other in among])
        is_too_many = out > 0 and out + 1 > policy.max_ejected * len(among) + _ROUNDING
        if member.is_ejected or is_too_many or len(among) == 1:
            return None
        if member.ejections:
            well = int((now - member.ejected_until) / policy.interval)
            member.ejections = max(member.ejections - well, 0)
        member.ejections += 1
        longest = min(policy.ejection * member.ejections, policy.max_ejection)
        seconds = longest * (1 - _JITTER * self._random())
        member.is_ejected = True
        member.ejected_until = now + seconds
        return seconds

    def park(self, member: Member, seconds: float, now: float) -> float | None:
        """Leave a member alone as it asked; return for how many seconds, or `None` where it is left alone already."""
        capped = min(seconds, _LONGEST_PARKING)
        if now + capped <= max(member.parked_until, now):
            return None
        member.parked_until = now + capped
        return capped

    def settle(self, members: Sequence[Member], now: float) -> Standing:
        """
        Take back those whose time is over, and say which members get tries from now on.

        Where less than the share `panic` is not ejected, ejections are ignored; where all that is left is parked,
        parking is too.
        """
        returned = [member for member in members if member.is_ejected and member.ejected_until <= now]
        for member in returned:
            member.is_ejected = False
            member.calls = member.failed = 0
            self.pardon(member)
        ends = [member.ejected_until for member in members if member.is_ejected]
        ends += [member.parked_until for member in members if member.parked_until > now]
        changes_at = min(ends, default=inf)
        healthy = [member for member in members if not member.is_ejected]
        is_panic = len(healthy) < self._policy.panic * len(members)
        usable = [member for member in (members if is_panic else healthy) if member.parked_until <= now]
        if not usable:
            return Standing(list(members), changes_at, is_panic=len(members) > 1, returned=returned)
        return Standing(usable, changes_at, is_panic, returned)
