"""Which part of a request a sample belongs to: the innermost frame that is anybody's in particular decides."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.flame._samples import Frame, Samples

__all__ = ["COLOURS", "part_of", "shares"]

SERVER: Final = "server"
EDGE: Final = "edge"
EXECUTOR: Final = "executor"
ONION: Final = "exchange and onion"
WIRE: Final = "wire"
CODECS: Final = "codecs"
PAGE: Final = "the page's own functions"
LOOP: Final = "event loop: polling, reading, scheduling"
OTHER: Final = "other"
COLOURS: Final[Mapping[str, str]] = {
    SERVER: "#8fb8de",
    EDGE: "#a5d6a7",
    EXECUTOR: "#fff176",
    ONION: "#ffcc80",
    WIRE: "#ef9a9a",
    CODECS: "#ce93d8",
    PAGE: "#bcaaa4",
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
    (r"bff/plan/_(codecs|subsets|plain|decod\w*|encod\w*)\.py|pydantic\w*/|msgspec/|json/", CODECS),
    (r"bff/(execute|plan)/|<bff plan", EXECUTOR),
    (r"bff/|fastapi/|starlette/|anyio/", EDGE),
    (r"examples/|benchmarks/", PAGE),
    (r"uvicorn/protocols/|uvicorn/middleware/", SERVER),
    (r"asyncio/runners\.py|uvicorn/", LOOP),
)
_OWNERS: Final = [(re.compile(rf"({pattern})"), part) for pattern, part in _FILES]
# Compiled decoders and encoders have no frame: the line that calls one is the last there is.
_CODING: Final = re.compile(r"\b(decode|encode|validate_json|to_json|dump_json)\(")
_NO_CODING: Final = re.compile(r"\.(decode|encode)\((\"[a-z0-9-]*\")?\)")  # of text, as in `name.decode("latin-1")`


def part_of(stack: Sequence[Frame], source: Callable[[Frame], str]) -> str:
    """Return the part that a sample belongs to; `source` gives the text of the line that a frame is at."""
    for position, frame in enumerate(reversed(stack)):
        owner = next((part for pattern, part in _OWNERS if pattern.match(frame.place)), None)
        if owner is None:
            continue
        if position == 0 and owner != SERVER and _CODING.search(_NO_CODING.sub("", source(frame))):
            return CODECS
        return owner
    return OTHER


def shares(samples: Samples, source: Callable[[Frame], str]) -> Mapping[str, float]:
    """Return by part what share of the samples is its own."""
    counts: Counter[str] = Counter()
    for stack, count in samples.items():
        counts[part_of(stack, source)] += count
    return {part: counts[part] / counts.total() for part in COLOURS if counts[part]}
