"""Ask once what many items ask for: equal calls are one, and those that have a batch wait to go together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bff.execute._frame import Failure, Frame
from bff.execute._rows import Part, missing
from bff.plan._steps import Batch, PlannedCall


@dataclass(slots=True, eq=False)
class Group:
    """The items that ask for the same; `outcome` is what came of it, once it is there."""

    values: tuple[Any, ...]
    frames: list[Frame]
    outcome: tuple[Any, Failure | None] | None = None


Queued: TypeAlias = list[Group] | Part
"""What waits to be asked for in batches: groups that have come one by one, or what a loop asks for at once."""

Share: TypeAlias = tuple[Group, Any, Failure | None]
"""What a group gets of an answer."""


@dataclass(slots=True)
class Joins:
    """The groups of one request, by step, and those that have not been asked for yet."""

    _groups: dict[int, dict[object, Group]] = field(default_factory=dict[int, dict[object, Group]])
    queued: dict[PlannedCall, Queued] = field(default_factory=dict[PlannedCall, Queued])

    def group(self, call: PlannedCall, frame: Frame, values: tuple[Any, ...]) -> tuple[Group, bool]:
        """Return the group that an item belongs to, and whether it is a new one."""
        groups = self._groups.get(call.number)
        if groups is None:
            groups = self._groups[call.number] = {}
        group = Group(values, [frame])
        try:
            known = groups.setdefault(values, group)
        except TypeError:
            # What cannot be compared quickly is equal to itself alone.
            return group, True
        if known is group:
            return group, True
        known.frames.append(frame)
        return known, False

    def queue(self, call: PlannedCall, group: Group) -> None:
        """Keep a group until all that can ask has asked."""
        queued = self.queued.setdefault(call, [])
        assert isinstance(queued, list)
        queued.append(group)


def chunks(groups: Sequence[Group], batch: Batch) -> Iterator[tuple[Sequence[Group], tuple[Any, ...]]]:
    """Yield groups that one request answers, with its arguments."""
    for first in range(0, len(groups), batch.max_size):
        chunk = groups[first : first + batch.max_size]
        arguments = [*batch.rest]
        arguments[batch.at] = [group.values[0] for group in chunk]
        yield chunk, tuple(arguments)


def shared_out(
    chunk: Sequence[Group],
    call: PlannedCall,
    batch: Batch,
    answer: Sequence[Any] | None,
    failure: Failure | None,
) -> Iterator[Share]:
    """Yield what each group gets of the answer to a batch: its item, or that there is none."""
    found = {batch.key(item): item for item in answer or ()}
    for group in chunk:
        key = group.values[0]
        if failure is None and key not in found:
            yield group, None, Failure(missing(call), call)
        else:
            yield group, found.get(key), failure
