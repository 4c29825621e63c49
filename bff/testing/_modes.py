"""The table of what clients get when upstreams fail: data, JSON, Markdown, and a snapshot to keep."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bff.rest._partial import PARTIAL_HEADER
from bff.testing._rows import Row, alone, in_pairs
from bff.testing._rules import KINDS, FaultKind

if TYPE_CHECKING:
    import httpx

__all__ = ["UPDATE", "FailureModes", "Mode", "Outcome", "PageModes", "difference", "outcome_of"]

UPDATE: Final = "BFF_UPDATE_SNAPSHOTS"
"""The environment variable that has snapshots written anew."""

_BARE = r'%"[^"]*"|"(?:[^"\\]|\\.)*"|[^;,\s"]+'
_PART = re.compile(f"({_BARE});cause=({_BARE})")
_HEAD = """\
# What clients get when upstreams fail

Every page with each of its upstreams failing in every way, alone and in pairs: `refused` is no connection, `timeout` no
answer, `status` a 503, `malformed` no JSON, `slow` an answer after nine tenths of the time that one try may take, `any`
each of these. *missing* are the parts of the answer that take a default, *calls* the requests to upstreams, in brackets
how many where it is not one. Made in virtual time, with pauses between tries as long as chance could make them.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a client got.

    `cause` is that of a failure; `missing` pairs the paths that took a default with the cause of each; `committed` are
    the writes that had succeeded; `seconds` are virtual; `calls` counts requests to upstreams by operation.
    """

    status: int
    cause: str
    missing: tuple[tuple[str, str], ...]
    committed: tuple[str, ...]
    seconds: float
    calls: Mapping[str, int]

    @property
    def is_success(self) -> bool:
        """Whether the client got an answer, whole or not."""
        return self.status < HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which upstreams fail, by their names, and what comes of it."""

    failing: tuple[tuple[str, FaultKind], ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PageModes:
    """All of one page: the first mode is that in which nothing fails; `note` says what is to be known of it."""

    title: str
    endpoint: str
    note: str
    modes: tuple[Mode, ...]

    def alone(self) -> list[Row]:
        """Return what comes of one upstream that fails; what looks the same to everyone is one row."""
        return alone([mode for mode in self.modes if len(mode.failing) < 2])  # noqa: PLR2004 - a pair

    def in_pairs(self) -> list[Row]:
        """Return what comes of two upstreams that fail; what looks the same to a client is one row."""
        return in_pairs([mode for mode in self.modes if len(mode.failing) == 2])  # noqa: PLR2004 - a pair


@dataclass(frozen=True, slots=True)
class FailureModes:
    """What each client gets for every page when upstreams fail."""

    pages: tuple[PageModes, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every single outcome as plain data for JSON."""
        return {"kinds": [*KINDS], "pages": [_page_data(page) for page in self.pages]}

    def to_markdown(self) -> str:
        """Return it as tables for people, which differ where something that a client can notice does."""
        return "\n".join([_HEAD, *(line for page in self.pages for line in _page_lines(page))])

    def assert_matches(self, path: str | os.PathLike[str]) -> None:
        """
        Compare with the Markdown that a file keeps; raises `AssertionError` with the difference.

        The file is written where there is none, and where `BFF_UPDATE_SNAPSHOTS=1` is set: degradation that changes
        is then a change to review.
        """
        text = self.to_markdown()
        changed = difference(path, text)
        if changed and (not Path(path).exists() or os.environ.get(UPDATE, "0") != "0"):
            Path(path).write_text(text, encoding="utf-8")
        elif changed:
            mend = f"If this is meant, run again with {UPDATE}=1, and have the change reviewed."
            raise AssertionError(f"clients get something else when upstreams fail:\n\n{changed}\n\n{mend}")


def difference(path: str | os.PathLike[str], text: str) -> str:
    """Return how a text differs from what a file keeps, as a unified diff; empty where it does not."""
    file = Path(path)
    kept = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return "\n".join(difflib.unified_diff(kept, text.splitlines(), str(file), "now", lineterm="", n=2))


def outcome_of(response: "httpx.Response", seconds: float, calls: Mapping[str, int]) -> Outcome:
    """Read what a client got off a response."""
    problem: dict[str, Any] = {}
    if response.headers.get("content-type", "") == "application/problem+json":
        problem = response.json()
    parts = _PART.findall(response.headers.get(PARTIAL_HEADER, ""))
    return Outcome(
        status=response.status_code,
        cause=problem.get("cause", ""),
        missing=tuple((path.strip('"'), cause.strip('"')) for path, cause in parts),
        committed=tuple(problem.get("committed", ())),
        seconds=seconds,
        calls=calls,
    )


def _page_data(page: PageModes) -> dict[str, Any]:
    modes = [{"failing": dict(mode.failing), **_outcome_data(mode.outcome)} for mode in page.modes]
    return {"title": page.title, "endpoint": page.endpoint, "note": page.note, "modes": modes}


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "cause": outcome.cause,
        "missing": dict(outcome.missing),
        "committed": [*outcome.committed],
        "seconds": outcome.seconds,
        "calls": dict(outcome.calls),
    }


def _page_lines(page: PageModes) -> Iterator[str]:
    yield f"## {page.title} ({page.endpoint})"
    yield ""
    if page.note:
        yield from (f"{page.note[0].upper()}{page.note[1:]}.", "")
    for rows in (page.alone(), page.in_pairs()):
        if rows:
            yield "| failing | status | missing | time | calls |"
            yield "|---|---|---|---|---|"
            yield from ("| " + " | ".join([" <br> ".join(row.failing), *row.cells]) + " |" for row in rows)
            yield ""
