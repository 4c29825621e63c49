"""Samples of a running server: py-spy looks at its stacks from outside, without stopping it."""

import linecache
import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks._tools import Tool, beside_python

__all__ = ["PY_SPY", "Frame", "Samples", "give", "line_of", "make_room", "parsed", "sampled"]

PY_SPY: Final = Tool("py-spy", beside_python("py-spy"), "`make flame` installs it")

_ROOT: Final = Path(__file__).parents[2]
_INSTALLED: Final = re.compile(r"^/.*/(site-packages|lib/python3\.\d+)/")
_FRAME: Final = re.compile(r"(?P<function>.*?) \((?P<file>.*?)(:(?P<line>\d+))?\)")


@dataclass(frozen=True, slots=True)
class Frame:
    """One level of a stack."""

    function: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """The file's name from its package on, wherever that is installed."""
        if self.file.startswith("<bff plan"):
            return "<bff plan>"
        return _INSTALLED.sub("", self.file.removeprefix(f"{_ROOT}/"))


Samples: TypeAlias = Mapping[tuple[Frame, ...], int]
"""How often each stack was seen, outermost frame first."""


def sampled(pid: int, *, seconds: int, rate: int, folder: Path) -> Samples:
    """Look at a process for some seconds, `rate` times a second; moments at which it has nothing to do are left out."""
    output = folder / "samples"
    command = [PY_SPY.path(), "record", "--pid", str(pid), "--duration", str(seconds), "--rate", str(rate)]
    command += ["--nonblocking", "--full-filenames", "--format", "raw", "--output", str(output)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own arguments
    return parsed(output.read_text())


def make_room() -> int:
    """Return a processor that this process and the children to come leave alone, where there are several."""
    first, *rest = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, rest or [first])
    return first


def give(processor: int, pid: int) -> None:
    """
    Let a process have a processor, before all others as far as that is ours to say.

    One that waits for its turn looks to py-spy as if it worked, at whatever it was at when it lost it.
    """
    os.sched_setaffinity(pid, [processor])
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, -20)


def parsed(text: str) -> Samples:
    """
    Return what py-spy wrote: a stack a line, and how often it was seen.

    >>> parsed("main (app.py:3);run (<frozen x>:7) 5")
    {(Frame(function='main', file='app.py', line=3), Frame(function='run', file='<frozen x>', line=7)): 5}
    """
    found: Counter[tuple[Frame, ...]] = Counter()
    for entry in text.splitlines():
        stack, _, count = entry.rpartition(" ")
        frames = [match for match in map(_FRAME.fullmatch, stack.split(";")) if match is not None]
        found[tuple(Frame(frame["function"], frame["file"], int(frame["line"] or 0)) for frame in frames)] += int(count)
    return dict(found)


def line_of(frame: Frame) -> str:
    """Return the text of the line that a frame is at, as far as there is a file."""
    return linecache.getline(frame.file, frame.line)
