"""What every request takes, as far as it comes: what follows what is counted out before there is a request."""

from collections.abc import Sequence
from dataclasses import dataclass

from bff.plan._schedule import Schedule, Step


@dataclass(frozen=True, slots=True)
class Flow:
    """
    The steps that are taken at once, without a decision or a loop before them, by number.

    `waits` counts for each step how many it needs, `followers` are those of them that need it, `ranks` says how many
    steps stand in the longest row that begins with it. `first` are those that wait for nothing.
    """

    first: tuple[int, ...]
    waits: tuple[int, ...]
    followers: tuple[tuple[int, ...], ...]
    ranks: tuple[int, ...]
    size: int


def flow_of(scheduled: Schedule) -> Flow:
    """Return the flow of a schedule; steps that are not taken at once wait for nothing and have no followers in it."""
    at_once = scheduled.at_once
    steps = [step if step.number in at_once else None for step in scheduled.steps]
    waits = tuple(len(step.needs.settled) if step else 0 for step in steps)
    followers = tuple(_followers(number, steps) for number in range(len(steps)))
    ranks = [0] * len(steps)
    # What follows a step has a higher number.
    for number in reversed(range(len(steps))):
        ranks[number] = 1 + max((ranks[follower] for follower in followers[number]), default=0)
    first = tuple(number for number in sorted(at_once) if not waits[number])
    return Flow(first, waits, followers, tuple(ranks), len(at_once))


def _followers(number: int, steps: Sequence[Step | None]) -> tuple[int, ...]:
    return tuple(step.number for step in steps if step and number in step.needs.settled)
