"""Draw samples as a flame graph: one still SVG, whose frames say what they are when they are pointed at."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.flame._samples import Frame, Samples

__all__ = ["drawn"]

_WIDTH: Final = 1200
_ROW: Final = 17
_LEGEND: Final = 26
_LETTER: Final = 6.4
_LEAST: Final = 0.002  # of all samples: what is narrower cannot be seen


@dataclass(slots=True)
class _Node:
    """A function below those that called it; `part` is that of the innermost frames it stands for."""

    samples: int = 0
    parts: dict[str, int] = field(default_factory=dict[str, int])
    calls: "dict[tuple[str, str], _Node]" = field(default_factory=dict[tuple[str, str], "_Node"])


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle to draw: where it begins and how wide it is, as shares of all, and how deep it stands."""

    name: tuple[str, str]
    depth: int
    begin: float
    share: float
    part: str


def drawn(
    samples: Samples, part_of: Callable[[tuple[Frame, ...]], str], *, colours: Mapping[str, str], title: str
) -> str:
    """Return the graph; a frame has the colour of the part that most of its time belongs to."""
    root = _tree(samples, part_of)
    boxes = list(_boxes(root, root.samples, 0, 0.0))
    height = _LEGEND + (max(box.depth for box in boxes) + 1) * _ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    style = "<style>text{font:11px monospace;fill:#111}rect{stroke:#fff;stroke-width:.5}</style>"
    used = [part for part in colours if part in root.parts]
    shapes = [_rectangle(box, height, colours) for box in boxes]
    return "\n".join([head, f"<title>{escape(title)}</title>", style, *_legend(used, colours), *shapes, "</svg>\n"])


def _tree(samples: Samples, part_of: Callable[[tuple[Frame, ...]], str]) -> _Node:
    """Put stacks together by function; how the server came to run its loop is the same everywhere, and left out."""
    root = _Node()
    for stack, count in samples.items():
        part = part_of(stack)
        start = max(
            (place for place, frame in enumerate(stack) if frame.file.endswith("asyncio/runners.py")), default=0
        )
        node = root
        for name in [None, *((frame.function, frame.place) for frame in stack[start:])]:
            if name is not None:
                node = node.calls.setdefault(name, _Node())
            node.samples += count
            node.parts[part] = node.parts.get(part, 0) + count
    return root


def _boxes(node: _Node, total: int, depth: int, begin: float) -> Iterator[_Box]:
    for name, call in sorted(node.calls.items()):
        share = call.samples / total
        if share >= _LEAST:
            yield _Box(name, depth, begin, share, max(call.parts, key=lambda part: call.parts[part]))
            yield from _boxes(call, total, depth + 1, begin)
        begin += share


def _rectangle(box: _Box, height: int, colours: Mapping[str, str]) -> str:
    left, width = box.begin * _WIDTH, box.share * _WIDTH
    top = height - (box.depth + 1) * _ROW
    function, file = box.name
    letters = int((width - 6) / _LETTER)
    name = function if len(function) <= letters else f"{function[: letters - 1]}…"
    text = f'<text x="{left + 3:.1f}" y="{top + 12}">{escape(name)}</text>' if letters > 2 else ""  # noqa: PLR2004
    shape = f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_ROW}" fill="{colours[box.part]}"/>'
    return f"<g><title>{escape(f'{function} ({file}): {box.share:.1%}')}</title>{shape}{text}</g>"


def _legend(parts: list[str], colours: Mapping[str, str]) -> Iterator[str]:
    left = 2.0
    for part in parts:
        yield f'<rect x="{left:.0f}" y="4" width="12" height="12" fill="{colours[part]}"/>'
        yield f'<text x="{left + 16:.0f}" y="14">{escape(part)}</text>'
        left += 32 + len(part) * _LETTER
