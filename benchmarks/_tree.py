"""What a tree of processes has used: CPU time of all of them, the ended ones too, and the most memory they have had."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Process", "cpu_of", "forget_peak", "peak_of", "tree"]

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_FORGET_PEAK: Final = "5"  # what `clear_refs` takes it for


@dataclass(frozen=True)
class Process:
    """
    One line of `/proc/PID/stat`.

    `ticks` is the CPU time of all its threads, user's and system's, and that of the children that it has waited for.
    """

    pid: int
    parent: int
    session: int
    ticks: int


def tree(root: int) -> list[Process]:
    """
    Return a process and all that came of it.

    The root is the head of a session of its own, so a grandchild whose parent has ended is found by its session.
    """
    members = {root}
    found: dict[int, Process] = {}
    processes = sorted(_processes(), key=lambda process: process.pid)
    before = -1
    while before != len(found):  # a child may have a smaller number than its parent, where numbers have run over
        before = len(found)
        for process in processes:
            if process.pid in members or process.parent in members or process.session == root:
                members.add(process.pid)
                found[process.pid] = process
    return list(found.values())


def cpu_of(root: int) -> float:
    """Return the seconds of CPU time that the tree has used so far."""
    return sum(process.ticks for process in tree(root)) * _TICK


def peak_of(root: int) -> int:
    """Return the most memory that the tree has had, in kilobytes: the sum of what each process had at its peak."""
    return sum(_peak(process.pid) for process in tree(root))


def forget_peak(root: int) -> None:
    """Begin to look for peaks anew."""
    for process in tree(root):
        with suppress(OSError):
            Path(f"/proc/{process.pid}/clear_refs").write_text(_FORGET_PEAK)


def _processes() -> Iterator[Process]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):  # it may end while we look
                yield parsed(Path(entry.path, "stat").read_text())


def parsed(line: str) -> Process:
    """
    Return what a line of `/proc/PID/stat` says; the name, in brackets, may hold blanks and brackets.

    >>> parsed("7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 10 5 3 2 20 0")
    Process(pid=7, parent=1, session=7, ticks=20)
    """
    pid, _, rest = line.partition(" ")
    fields = rest.rpartition(")")[2].split()
    return Process(int(pid), int(fields[1]), int(fields[3]), sum(map(int, fields[11:15])))


def _peak(pid: int) -> int:
    with suppress(OSError, IndexError):  # one that has ended has no memory
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    return 0
