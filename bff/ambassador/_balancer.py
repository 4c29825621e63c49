"""Choose the address that gets the next try."""

from collections.abc import Callable, Sequence
from math import exp
from typing import Final, Protocol

from bff.ambassador._member import Member
from bff.policy import LoadBalancing

__all__ = ["Balancer", "LeastRequest", "PeakEwma", "RandomChoice", "RoundRobin", "new_balancer"]

_DECAY: Final = 10.0  # seconds until what was seen counts for a third: Finagle's
_UNKNOWN: Final = 1e12  # seconds; more than any latency times any number of tries


class Balancer(Protocol):
    """
    Choose one of several addresses, of which there is at least one.

    Pure: told the time, given chance. Where `is_timed` is false it need not be told the time, nor latencies.
    """

    is_timed: bool

    def pick(self, among: Sequence[Member], now: float) -> Member:
        """Return the address for the next try."""
        ...

    def observe(self, member: Member, took: float, now: float) -> None:
        """Take the seconds after which a try ended."""
        ...


class LeastRequest:
    """
    Take the less busy of two that are drawn at random (Mitzenmacher's two choices).

    Where weights differ, all are weighed by `weight / (active + 1)` and take turns in that proportion, as Envoy's do:
    of two draws the heavier one would always win.
    """

    is_timed = False

    def __init__(self, *, random: Callable[[], float], is_weighted: bool = False) -> None:
        self._random = random
        self._is_weighted = is_weighted

    def pick(self, among: Sequence[Member], _now: float, /) -> Member:
        """Return the less busy of two."""
        count = len(among)
        if count == 1:
            return among[0]
        if self._is_weighted:
            return _next_in_turn(among, [member.weight / (member.active + 1) for member in among])
        # One number gives both: the first, and which of the others.
        draw = int(self._random() * (count * (count - 1)))
        first = among[draw % count]
        second = among[(draw + draw // count + 1) % count]
        return second if second.active < first.active else first

    def observe(self, member: Member, took: float, now: float) -> None:
        """Learn nothing: how many are under way is all that counts."""


class PeakEwma:
    """
    Take the one of two drawn at random that should answer sooner, by its latest latencies and what it has to do.

    Finagle's `PeakEwma`: a moving average that forgets within ten seconds but takes a new peak at once, times the tries
    under way. An address of which nothing is known gets one try, and no second one before that has ended.
    """

    is_timed = True

    def __init__(self, *, random: Callable[[], float]) -> None:
        self._random = random

    def pick(self, among: Sequence[Member], now: float) -> Member:
        """Return the one of two that should answer sooner."""
        count = len(among)
        if count == 1:
            return among[0]
        draw = int(self._random() * (count * (count - 1)))
        first = among[draw % count]
        second = among[(draw + draw // count + 1) % count]
        return second if self._load(second, now) < self._load(first, now) else first

    def observe(self, member: Member, took: float, now: float) -> None:
        """Move the average towards `took`, or up to it."""
        passed = now - member.seen_at
        if took > member.cost:
            member.cost = took
        else:
            kept = exp(-passed / _DECAY) if passed > 0 else 1.0
            member.cost = member.cost * kept + took * (1 - kept)
        member.seen_at = now

    def _load(self, member: Member, now: float) -> float:
        self.observe(member, 0.0, now)
        if member.cost == 0.0 and member.active:
            return _UNKNOWN + member.active
        return member.cost * (member.active + 1) / member.weight


class RoundRobin:
    """Take turns in proportion to the weights, evenly spread: nginx's smooth weighted round robin."""

    is_timed = False

    def pick(self, among: Sequence[Member], _now: float, /) -> Member:
        """Return the next in turn."""
        return _next_in_turn(among, [member.weight for member in among])

    def observe(self, member: Member, took: float, now: float) -> None:
        """Learn nothing: a turn is a turn."""


class RandomChoice:
    """Draw in proportion to the weights."""

    is_timed = False

    def __init__(self, *, random: Callable[[], float]) -> None:
        self._random = random

    def pick(self, among: Sequence[Member], _now: float, /) -> Member:
        """Return any."""
        point = self._random() * sum([member.weight for member in among])
        for member in among:
            point -= member.weight
            if point < 0:
                return member
        return among[-1]  # the sum of floats is not quite what its parts are

    def observe(self, member: Member, took: float, now: float) -> None:
        """Learn nothing: chance has no memory."""


def new_balancer(policy: LoadBalancing, *, random: Callable[[], float]) -> Balancer:
    """Return what chooses as `policy` says."""
    match policy.algorithm:
        case "least_request":
            return LeastRequest(random=random, is_weighted=len({1.0, *policy.weights.values()}) > 1)
        case "peak_ewma":
            return PeakEwma(random=random)
        case "round_robin":
            return RoundRobin()
        case "random":
            return RandomChoice(random=random)


def _next_in_turn(among: Sequence[Member], weights: Sequence[float]) -> Member:
    """Give every address its weight in credit, take the richest, and let it pay for all."""
    best = among[0]
    for member, weight in zip(among, weights, strict=True):
        member.turn += weight
        if member.turn > best.turn:
            best = member
    best.turn -= sum(weights)
    return best
