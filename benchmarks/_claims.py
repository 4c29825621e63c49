"""What is claimed of `bff`, and whether it was so in this run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks._summary import Summary
from benchmarks._tables import Summaries

__all__ = ["CLAIMS", "Claim", "Verdict", "verdicts"]

_Figure = Callable[[Summary], float]
_Key = tuple[str, str]


@dataclass(frozen=True)
class Claim:
    """That a figure of the one, by case and contender, is at most so many times that of the other."""

    text: str
    one: _Key
    other: _Key
    most: float
    figure: _Figure


@dataclass(frozen=True)
class Verdict:
    """How it was, beside how it should be."""

    text: str
    ratio: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether it was so."""
        return self.ratio <= self.most


def _cpu(summary: Summary) -> float:
    return summary.cpu


def _calls(summary: Summary) -> float:
    return summary.calls


def _of_pages() -> Iterator[Claim]:
    ours = "bff_defaults"
    for page in ("web", "mobile"):
        key = f"pages/{page}"
        for other, most in (
            ("fastapi_aiohttp", 1 / 3),
            ("starlette_pyreqwest", 1.0),
            ("fastify_undici", 1.1),
            ("fastify_cockatiel", 1.0),
        ):
            yield Claim(f"{page} page, everything on: CPU of {other}", (key, ours), (key, other), most, _cpu)


CLAIMS: Final = (
    *_of_pages(),
    Claim(
        "an open breaker: CPU of a success", ("down/down", "bff_defaults"), ("down/up", "bff_defaults"), 1.0, _cpu
    ),
    Claim(
        "1000 endpoints: CPU of 10", ("endpoints/1000", "bff_defaults"), ("endpoints/10", "bff_defaults"), 1.1, _cpu
    ),
    Claim(
        "Zipf, answers shared: calls of none shared", ("zipf/64", "bff_defaults"), ("zipf/64", "bff_unshared"), 0.95,
        _calls,
    ),
)  # fmt: skip


def verdicts(summaries: Summaries) -> list[Verdict]:
    """Return how it was with every claim of which both sides were measured."""
    return [
        Verdict(claim.text, claim.figure(summaries[claim.one]) / claim.figure(summaries[claim.other]), claim.most)
        for claim in CLAIMS
        if claim.one in summaries and claim.other in summaries
    ]
