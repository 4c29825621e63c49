"""What is known of the steps of a request, or of one item of a list in it, and who waits for them."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from bff.errors import ContractViolation, RejectedError, UpstreamError
from bff.plan._steps import PlannedCall


class Failure(NamedTuple):
    """Why a step has no value, and the call that is to blame; `None` where the answer breaks a promise of its own."""

    error: UpstreamError | RejectedError
    call: PlannedCall | None


class Gate:
    """
    Lets something happen once everything that it waits for is over.

    `left` counts that, and one more until it is known that nothing is to be added.
    """

    __slots__ = ("_then", "left")

    def __init__(self, then: Callable[[], None]) -> None:
        self.left = 1
        self._then = then

    def release(self) -> None:
        """One thing is over, or there is nothing to be added."""
        self.left -= 1
        if self.left == 0:
            self._then()


SETTLED: Final[list[Gate]] = []
"""Who waits for what is settled."""


class Frame:
    """
    The outcomes of the steps that are taken once for a request, or once for an item of a list.

    `v` holds values and `f` failures by the index of a step, `waiting` the gates that wait for it once it has begun,
    `SETTLED` in the end. A frame that is inside another one sees its outcomes through `outer`. `broken` holds optional
    values of the item that break a promise of their own, by node.
    """

    __slots__ = ("broken", "depth", "f", "index", "item", "outer", "v", "waiting")

    def __init__(self, size: int, item: Any = None, index: int = 0, outer: "Frame | None" = None) -> None:
        self.item = item
        self.index = index
        self.outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        self.v: list[Any] = [None] * size
        self.f: list[Failure | None] = [None] * size
        self.waiting: list[list[Gate] | None] = [None] * size
        self.broken: dict[int, ContractViolation] = {}

    def __iter__(self) -> Iterator[Any]:
        """Take the frame apart as a row is: see `Rows`."""
        return iter((self.v, self.f, self.item))

    def at(self, depth: int) -> "Frame":
        """Return the frame around this one in which steps of a depth have their outcomes."""
        frame = self
        while frame.depth > depth:
            assert frame.outer is not None
            frame = frame.outer
        return frame
