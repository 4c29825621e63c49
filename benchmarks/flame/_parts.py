"""Which part of a request a sample belongs to: the innermost frame that is anybody's in particular decides."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from benchmarks.flame._samples import Frame, Samples

__all__ = ["COLOURS", "Level", "Source", "levels", "part_of", "shares"]

Source: TypeAlias = Callable[[Frame], str]
"""Gives the text of the line that a frame is at."""

SERVER: Final = "server"
EDGE: Final = "edge"
LOG: Final = "access log"
EXECUTOR: Final = "executor"
ONION: Final = "exchange and onion"
WIRE: Final = "wire"
CODECS: Final = "codecs"
PAGE: Final = "page's functions"
WRITING: Final = "writing to sockets"
LOOP: Final = "event loop and polling"
OTHER: Final = "other"
COLOURS: Final[Mapping[str, str]] = {
    SERVER: "#8fb8de",
    EDGE: "#a5d6a7",
    LOG: "#c5e1a5",
    EXECUTOR: "#fff176",
    ONION: "#ffcc80",
    WIRE: "#ef9a9a",
    CODECS: "#ce93d8",
    PAGE: "#bcaaa4",
    WRITING: "#b0a8b9",
    LOOP: "#cfd8dc",
    OTHER: "#eeeeee",
}
"""The parts in the order of a request, and how they are drawn."""


_WIRES: Final = (
    "aiohttp", "channel", "decoding", "headers", "httpx", "lean", "message", "pool", "stream", "transfer", "wires"
)  # fmt: skip
_FILES: Final[Sequence[tuple[str, str]]] = (
    (rf"bff/ambassador/_({'|'.join(_WIRES)})\w*\.py|aiohttp/|httptools/", WIRE),
    (r"bff/(ambassador|declare)/", ONION),
    (r"bff/plan/_(codecs|subsets|plain|structs|tame|decod\w*|encod\w*)\.py|pydantic\w*/|msgspec/|json/", CODECS),
    (r"bff/(execute|plan)/|<bff plan", EXECUTOR),
    (r"bff/_logging\.py|logging/", LOG),
    (r"bff/|fastapi/|starlette/|anyio/", EDGE),
    (r"examples/|benchmarks/", PAGE),
    (r"uvicorn/protocols/|uvicorn/middleware/", SERVER),
    (r"asyncio/runners\.py|uvicorn/", LOOP),
)
_OWNERS: Final = [(re.compile(rf"({pattern})"), part) for pattern, part in _FILES]
# What is compiled has no frame: the line that calls it is the last there is.
_WRITING: Final = re.compile(r"transport\.(write|writelines)\(")
_CODING: Final = re.compile(r"\b(decode|encode|validate_json|to_json|dump_json)\(")
_NO_CODING: Final = re.compile(r"\.(decode|encode)\((\"[a-z0-9-]*\")?\)")  # of text, as in `name.decode("latin-1")`


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a stack, as it is drawn."""

    name: str
    place: str
    part: str


def levels(stack: Sequence[Frame], source: Source) -> list[Level]:
    """
    Return a stack from the loop's running on, each level with its part, and on top what has no frame of its own.

    Empty for what py-spy read while it changed: nothing in it leads to the loop.
    """
    start = max((at for at, frame in enumerate(stack) if frame.place == "asyncio/runners.py"), default=len(stack))
    found: list[Level] = []
    for frame in stack[start:]:
        found.append(Level(frame.function, frame.place, _owner(frame) or (found[-1].part if found else OTHER)))
    compiled = _compiled(source(stack[-1])) if found else None
    return [*found, Level(compiled, "compiled", compiled)] if compiled else found


def part_of(stack: Sequence[Frame], source: Source) -> str:
    """Return the part that a sample belongs to; `source` gives the text of the line that a frame is at."""
    if stack and (compiled := _compiled(source(stack[-1]))):
        return compiled
    return next((owner for owner in map(_owner, reversed(stack)) if owner), OTHER)


def shares(samples: Samples, source: Source) -> Mapping[str, float]:
    """Return by part what share of the samples is its own."""
    counts: Counter[str] = Counter()
    for stack, count in samples.items():
        counts[part_of(stack, source)] += count
    return {part: counts[part] / counts.total() for part in COLOURS if counts[part]}


def _owner(frame: Frame) -> str | None:
    return next((part for pattern, part in _OWNERS if pattern.match(frame.place)), None)


def _compiled(line: str) -> str | None:
    """Return the part that a line calls which has no frames of its own."""
    if _WRITING.search(line):
        return WRITING
    return CODECS if _CODING.search(_NO_CODING.sub("", line)) else None
