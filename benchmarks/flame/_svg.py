"""Draw samples as a flame graph: one still SVG, whose frames say what they are when they are pointed at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.flame._parts import COLOURS, Level, Source, levels
from benchmarks.flame._samples import Samples

__all__ = ["drawn"]

_WIDTH: Final = 1200
_ROW: Final = 17
_LEGEND: Final = 26
_LETTER: Final = 6.6
_LEAST: Final = 0.002  # of all samples: what is narrower cannot be seen


@dataclass(slots=True)
class _Node:
    """A function below those that called it."""

    samples: int = 0
    calls: "dict[Level, _Node]" = field(default_factory=dict[Level, "_Node"])


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle to draw: where it begins and how wide it is, as shares of all, and how deep it stands."""

    level: Level
    depth: int
    begin: float
    share: float


def drawn(samples: Samples, source: Source, *, title: str) -> str:
    """Return the graph."""
    root = _tree(samples, source)
    boxes = list(_boxes(root, root.samples, 0, 0.0))
    height = _LEGEND + (max(box.depth for box in boxes) + 1) * _ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    style = "<style>text{font:11px monospace;fill:#111}rect{stroke:#fff;stroke-width:.5}</style>"
    shapes = [_rectangle(box, height) for box in boxes]
    back = f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>'  # a page's own may be dark
    return "\n".join([head, f"<title>{escape(title)}</title>", style, back, *_legend(), *shapes, "</svg>\n"])


def _tree(samples: Samples, source: Source) -> _Node:
    """Put stacks together by function."""
    root = _Node()
    for stack, count in samples.items():
        node, found = root, levels(stack, source)
        root.samples += count if found else 0
        for level in found:
            node = node.calls.setdefault(level, _Node())
            node.samples += count
    return root


def _boxes(node: _Node, total: int, depth: int, begin: float) -> Iterator[_Box]:
    for level in sorted(node.calls, key=lambda level: (level.name, level.place)):
        call = node.calls[level]
        share = call.samples / total
        if share >= _LEAST:
            yield _Box(level, depth, begin, share)
            yield from _boxes(call, total, depth + 1, begin)
        begin += share


def _rectangle(box: _Box, height: int) -> str:
    left, width = box.begin * _WIDTH, box.share * _WIDTH
    top = height - (box.depth + 1) * _ROW
    function = box.level.name
    letters = int((width - 6) / _LETTER)
    name = function if len(function) <= letters else f"{function[: letters - 1]}…"
    text = f'<text x="{left + 3:.1f}" y="{top + 12}">{escape(name)}</text>' if letters > 2 else ""  # noqa: PLR2004
    shape = f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_ROW}" fill="{COLOURS[box.level.part]}"/>'
    return f"<g><title>{escape(f'{function} ({box.level.place}): {box.share:.1%}')}</title>{shape}{text}</g>"


def _legend() -> Iterator[str]:
    left = 2.0
    for part, colour in COLOURS.items():
        yield f'<rect x="{left:.0f}" y="4" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{left + 16:.0f}" y="14">{escape(part)}</text>'
        left += 32 + len(part) * _LETTER
