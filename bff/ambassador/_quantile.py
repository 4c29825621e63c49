"""Follow a quantile of a stream of numbers that changes, at the same small cost for each."""

from bisect import insort
from typing import Final

__all__ = ["MovingQuantile"]

_WEIGHT: Final = 0.04  # of the newest number in the spread: about the latest 50 count
_STEP: Final = 0.01  # of the spread


class MovingQuantile:
    """
    Estimate the value that the share `quantile` of the latest numbers stay below.

    The first `warm_up` numbers are kept and give an exact beginning; until then `value` is `None`. After them each
    moves the estimate one step towards itself: up by `step / (1 - quantile)`, down by `step / quantile`, so that it
    rests where just that share comes from below. As failsafe-go's `MovingQuantile`, but with a step that grows with the
    mean distance of the numbers from the estimate and not from one another: it finds its way back from afar.
    """

    __slots__ = ("_down", "_first", "_quantile", "_spread", "_up", "_warm_up", "value")

    def __init__(self, quantile: float, *, warm_up: int) -> None:
        self.value: float | None = None
        self._quantile = quantile
        self._up = _STEP / (1 - quantile)
        self._down = _STEP / quantile
        self._spread = 0.0
        self._warm_up = warm_up
        self._first: list[float] = []

    def add(self, number: float) -> float | None:
        """Take the next number of the stream, and return the estimate."""
        value = self.value
        if value is None:
            return self._begin(number)
        distance = number - value
        if distance < 0:
            spread = self._spread = self._spread - _WEIGHT * (distance + self._spread)
            value -= self._down * spread
        else:
            spread = self._spread = self._spread + _WEIGHT * (distance - self._spread)
            value += self._up * spread
        self.value = value
        return value

    def _begin(self, number: float) -> float | None:
        first = self._first
        insort(first, number)
        if len(first) < self._warm_up:
            return None
        value = self.value = first[int(self._quantile * len(first))]
        self._spread = sum(abs(number - value) for number in first) / len(first)
        self._first = []
        return value
