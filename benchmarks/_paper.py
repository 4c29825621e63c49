"""What pictures look like: SVG that is readable on light and on dark paper, the same bytes for the same figures."""

import re
from typing import Any, Final

__all__ = ["INK", "inked", "settings"]

INK: Final = "#010203"
"""Stands for whatever colour the reader's text has."""

_STYLE: Final = "<style>:root{--ink:#333}@media(prefers-color-scheme:dark){:root{--ink:#ccc}}</style>"


def settings(salt: str) -> dict[Any, Any]:
    """Return what matplotlib is to be set to; `salt` goes into the names inside the file."""
    return {
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": salt,  # the same picture gives the same file
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": INK,
        "grid.alpha": 0.12,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }


def inked(svg: str) -> str:
    """Let the reader's colour scheme decide the colour of ink, and their machine the font; tenths of a pixel do."""
    svg = svg.replace(INK, "var(--ink, #808080)")
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", svg)
    svg = re.sub(r" *<metadata>.*?</metadata>\n", "", svg, flags=re.DOTALL)
    svg = re.sub(r' d="[^"]*"', lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0]), svg)
    return svg.replace("<defs>", f"{_STYLE}\n <defs>", 1)
