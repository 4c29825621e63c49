"""What a tree of processes has used is what all of its members have used."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from benchmarks._tree import Process, cpu_of, forget_peak, parsed, peak_of, tree

WORK = "import time\nwhile time.process_time() < 0.15: pass\n"


@contextmanager
def root(program: str) -> Generator[tuple[int, str]]:
    """Run a program at the head of a session; gives its number and the first line that it writes."""
    command = [sys.executable, "-c", f"import os, subprocess, sys\n{program}\nsys.stdin.read()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline().strip()
        finally:
            process.kill()


def test_the_work_of_a_child_that_has_ended_is_counted() -> None:
    with root(f"subprocess.run([sys.executable, '-c', {WORK!r}], check=True)\nprint(flush=True)") as (pid, _):
        assert [process.pid for process in tree(pid)] == [pid]
        assert cpu_of(pid) >= 0.15


def test_a_grandchild_whose_parent_has_ended_belongs_to_the_tree() -> None:
    grandchild = "[sys.executable, '-c', 'import sys; sys.stdin.read()'], stdout=subprocess.DEVNULL"
    child = f"import subprocess, sys; print(subprocess.Popen({grandchild}).pid)"
    told = f"subprocess.run([sys.executable, '-c', {child!r}], check=True, stdout=subprocess.PIPE, text=True).stdout"
    with root(f"print({told}, flush=True)") as (pid, orphan):
        assert {process.pid for process in tree(pid)} == {pid, int(orphan)}


def test_nobody_else_belongs_to_it() -> None:
    with root("print(flush=True)") as (pid, _):
        assert os.getpid() not in {process.pid for process in tree(pid)}


def test_a_peak_is_known_after_it_has_passed_until_it_is_forgotten() -> None:
    with root("held = bytearray(os.urandom(80_000_000))\ndel held\nprint(flush=True)") as (pid, _):
        high = peak_of(pid)
        forget_peak(pid)
        assert high - peak_of(pid) > 40_000


@pytest.mark.parametrize("name", ["python", "a b", "a) R 9 9 (b", "((", "))"])
def test_a_name_may_hold_blanks_and_brackets(name: str) -> None:
    line = f"7 ({name}) S 1 7 5 0 -1 0 0 0 0 0 10 5 3 2 20 0 1 0 99"
    assert parsed(line) == Process(pid=7, parent=1, session=5, ticks=20)
