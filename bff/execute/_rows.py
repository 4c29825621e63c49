"""Ask for all items of a list at once: what comes of them stands in columns, and no item has a frame of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeAlias

from bff._unset import UNSET
from bff.errors import UpstreamStatus
from bff.execute._frame import SETTLED, Failure, Frame
from bff.plan._steps import Batch, Loop, PlannedCall

_NOT_FOUND = 404

Row: TypeAlias = tuple[tuple[Any, ...], tuple[Failure | None, ...], Any]
"""What a frame tells of an item: `(v, f, item)`."""


@dataclass(slots=True, eq=False)
class Column:
    """
    A call that is made for all items of a list: `asked` are its arguments for each of them.

    `outcomes` has what came of every one of those, and `failures` why nothing did.
    """

    call: PlannedCall
    asked: Sequence[tuple[Any, ...]]
    outcomes: dict[tuple[Any, ...], Any] = field(init=False)
    failures: dict[tuple[Any, ...], Failure] = field(default_factory=dict[tuple[Any, ...], Failure])

    def __post_init__(self) -> None:
        self.outcomes = dict.fromkeys(self.asked)

    def take(self, asked: Sequence[tuple[Any, ...]], answer: Any, failure: Failure | None) -> Failure | None:
        """Take what came of a request into account, and return the first failure of what it asked for."""
        outcomes, batch = self.outcomes, self.call.batch
        if failure is not None:
            self.failures.update(dict.fromkeys(asked, failure))
        elif batch is None:
            outcomes[asked[0]] = answer
        else:
            key = batch.key
            found = {key(item): item for item in answer or ()}
            for values in asked:
                item = found.get(values[0], UNSET)
                if item is not UNSET:
                    outcomes[values] = item
                else:
                    self.failures[values] = absent = Failure(missing(self.call), self.call)
                    failure = failure or absent
        return failure


class Rows:
    """
    The items of a loop, with a column for each call in it; `left` counts the outcomes that are still to come.

    In the end they are rows, which generated code reads as it reads frames.
    """

    __slots__ = ("_columns", "frame", "items", "left", "loop")

    def __init__(self, loop: Loop, frame: Frame, items: Sequence[Any], columns: Sequence[Column]) -> None:
        self.loop = loop
        self.frame = frame
        self.items = items
        self.left = sum(len(column.outcomes) for column in columns)
        self._columns = columns

    def batched(self) -> Iterator["Part"]:
        """Yield what is asked for in batches."""
        return (Part(self, column, [*column.outcomes]) for column in self._columns if column.call.batch is not None)

    def lone(self) -> Iterator["Part"]:
        """Yield what is asked for one by one, item after item."""
        columns = (column for column in self._columns if column.call.batch is None)
        pairs = ([(column, values) for values in column.asked] for column in columns)
        for column, values in dict.fromkeys(chain.from_iterable(zip(*pairs, strict=True))):
            yield Part(self, column, (values,))

    def take(self, part: "Part", answer: Any, failure: Failure | None) -> Failure | None:
        """Take what came of a request into account, and return the first failure of what it asked for."""
        self.left -= len(part.asked)
        return part.column.take(part.asked, answer, failure)

    def made(self) -> list[Row]:
        """Return the rows; none of their calls may have failed."""
        values = zip(*(map(column.outcomes.__getitem__, column.asked) for column in self._columns), strict=True)
        return [*zip(values, repeat((None,) * self.loop.size), self.items, strict=False)]

    def framed(self) -> list[Frame]:
        """Return a frame for each item, which has its failures, and knows its place."""
        frames = [Frame(self.loop.size, item, index, self.frame) for index, item in enumerate(self.items)]
        for column in self._columns:
            index = column.call.index
            for frame, values in zip(frames, column.asked, strict=True):
                frame.v[index], frame.f[index] = column.outcomes[values], column.failures.get(values)
                frame.waiting[index] = SETTLED
        return frames


class Part(NamedTuple):
    """What is asked for at once: some of what a column asks, or all of it."""

    rows: Rows
    column: Column
    asked: Sequence[tuple[Any, ...]]

    def chunks(self, batch: Batch) -> Iterator[tuple["Part", tuple[Any, ...]]]:
        """Yield what one request answers, with its arguments."""
        for first in range(0, len(self.asked), batch.max_size):
            chunk = self.asked[first : first + batch.max_size]
            arguments = [*batch.rest]
            arguments[batch.at] = [values[0] for values in chunk]
            yield self._replace(asked=chunk), tuple(arguments)


def missing(call: PlannedCall) -> UpstreamStatus:
    """Return why a call has no answer where a batch was to answer it and has none for it."""
    operation = call.operation
    upstream = operation.owner.name if operation.owner else ""
    return UpstreamStatus(
        "it is not among the items of the batch", status=_NOT_FOUND, upstream=upstream, operation=operation.name
    )
