"""What the rounds come to: the middle one, and how far apart they were."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks._measure import Measured

__all__ = ["AtRateSummary", "Summary", "summary"]


@dataclass(frozen=True)
class AtRateSummary:
    """Medians of what answers were like at a fixed rate: requests a second, seconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Summary:
    """
    Medians over the rounds.

    Seconds of CPU time a request, the least and the most of any round, answers a second, kilobytes, calls a request.
    """

    cpu: float
    least: float
    most: float
    rate: float
    memory: float
    calls: float
    at_rate: AtRateSummary | None


def summary(rounds: Sequence[Measured]) -> Summary:
    """Return what the rounds of one contender on one case come to."""

    def middle(of: Callable[[Measured], float]) -> float:
        return median(map(of, rounds))

    at_rates = [measured.at_rate for measured in rounds if measured.at_rate is not None]
    return Summary(
        cpu=middle(lambda measured: measured.cpu),
        least=min(measured.cpu for measured in rounds),
        most=max(measured.cpu for measured in rounds),
        rate=middle(lambda measured: measured.rate),
        memory=middle(lambda measured: measured.memory),
        calls=middle(lambda measured: measured.calls),
        at_rate=AtRateSummary(
            rate=median(one.rate for one in at_rates),
            p50=median(one.p50 for one in at_rates),
            p99=median(one.p99 for one in at_rates),
        )
        if at_rates
        else None,
    )
