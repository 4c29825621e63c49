"""The runner that mutates the pure cores, and a short run of it."""

import os
import signal
import subprocess
import sys
from textwrap import dedent

import pytest

from tests.mutation.__main__ import ACCEPTED, CORES, PACKAGE, ROOT, TESTS, Report, accepted_in, problems_of
from tests.mutation.mutants import Key, mutants_of
from tests.mutation.trial import Verdict, verdict_of

BEFORE = '''
"""A module."""
from math import floor

LIMIT: int = 3

class Gate:
    """A gate."""
    __slots__ = ("held",)

    def opens(self, count: int | None, *others: int) -> bool:
        """Say so."""
        if count is None or not others:
            return False
        self.held += min(count, floor(-LIMIT))
        return count < 3
'''


def changes(source: str) -> list[tuple[str, str, str]]:
    found = mutants_of(dedent(source), "m", "m.py")
    return [(mutant.key.operator, mutant.key.before, mutant.key.after) for mutant in found]


def test_every_small_change_is_made_once_and_none_to_types_texts_and_imports() -> None:
    guard, addition = "if count is None or not others:", "self.held += min(count, floor(-LIMIT))"
    assert [
        ("constant", "LIMIT: int = 3", "LIMIT: int = 4"),
        ("constant", "LIMIT: int = 3", "LIMIT: int = 2"),
        ("condition", guard, "if True:"),
        ("condition", guard, "if False:"),
        ("boolean", guard, "if count is None and (not others):"),
        ("operand", guard, "if not others:"),
        ("operand", guard, "if count is None:"),
        ("comparison", guard, "if count is not None or not others:"),
        ("sign", guard, "if count is None or others:"),
        ("return", "return False", "return None"),
        ("statement", "return False", "pass"),
        ("constant", "return False", "return True"),
        ("arithmetic", addition, "self.held -= min(count, floor(-LIMIT))"),
        ("assignment", addition, "self.held = min(count, floor(-LIMIT))"),
        ("statement", addition, "pass"),
        ("swap", addition, "self.held += max(count, floor(-LIMIT))"),
        ("operand", addition, "self.held += floor(-LIMIT)"),
        ("operand", addition, "self.held += count"),
        ("swap", addition, "self.held += min(count, ceil(-LIMIT))"),
        ("sign", addition, "self.held += min(count, floor(LIMIT))"),
        ("return", "return count < 3", "return None"),
        ("comparison", "return count < 3", "return count <= 3"),
        ("comparison", "return count < 3", "return count >= 3"),
        ("constant", "return count < 3", "return count < 4"),
        ("constant", "return count < 3", "return count < 2"),
    ] == changes(BEFORE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = [a for a in b if a]", ["x = [a for a in b]"]),
        ("x = a if b else c", ["x = a", "x = c"]),
        ("for x in y:\n    z = a + b", ["for x in ():", "pass", "z = a - b"]),
        ("while x:\n    pass", ["while False:"]),
        ("x = 0.0, 'a'", ["x = (1.0, 'a')", "x = (0.0, 'a?')"]),
        ("x = 0.5", ["x = 1.5", "x = 0.25"]),
        ("try:\n    pass\nexcept (A, B):\n    pass", ["except (B,)", "except (A,)"]),
        ("def f(x=1):\n    pass", ["def f(x=2):", "def f(x=0):"]),
        ("def f():\n    yield\n    raise", ["pass", "pass"]),
    ],
)
def test_other_changes(source: str, expected: list[str]) -> None:
    assert expected == [after for _, _, after in changes(source)]


def test_a_mutant_is_known_wherever_its_line_moves_and_from_its_like() -> None:
    source = "def f():\n    g()\n    h()\n    g()\n"
    (first, _, second), moved = mutants_of(source, "m", ""), list(mutants_of("x = y\n\n" + source, "m", ""))
    assert (first.key, second.key) == (moved[0].key, moved[2].key)
    assert [1, 2] == [first.key.nth, second.key.nth]
    assert [2, 4, 4, 6] == [first.line, second.line, moved[0].line, moved[2].line]


def test_each_change_is_made_to_the_module_as_it_was() -> None:
    values: list[object] = []
    for mutant in mutants_of("x = 1\ny = 2\n", "m", "m.py"):
        names: dict[str, object] = {}
        exec(mutant.code, names)
        values.append((names["x"], names["y"]))
    assert [(2, 2), (0, 2), (1, 3), (1, 1)] == values


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, Verdict.SURVIVED),
        (1 << 8, Verdict.KILLED),
        (2 << 8, Verdict.STILLBORN),
        (signal.SIGXCPU, Verdict.TIMED_OUT),
        (signal.SIGKILL, Verdict.TIMED_OUT),
    ],
)
def test_the_end_of_a_trial_says_what_the_tests_said(status: int, expected: Verdict) -> None:
    assert expected is verdict_of(status)


@pytest.mark.parametrize("status", [3 << 8, 5 << 8, 70 << 8, signal.SIGSEGV])
def test_a_trial_without_tests_is_no_verdict(status: int) -> None:
    with pytest.raises(RuntimeError, match="could not be run"):
        verdict_of(status)


def test_a_survivor_needs_a_reason_and_a_reason_a_survivor() -> None:
    key = Key("_m", "f", "constant", "x = 1", "x = 2")
    survived = Report("_m", {key: Verdict.SURVIVED}, {key: 7})
    killed = Report("_m", {key: Verdict.KILLED}, {key: 7})
    assert ["not accepted: _m.py:7 f [constant]\n    - x = 1\n    + x = 2"] == problems_of([survived], [])
    assert ["accepted, but no survivor: _m.py f [constant]\n    - x = 1\n    + x = 2"] == problems_of([killed], [key])
    assert [] == problems_of([survived], [key]) == problems_of([killed], [])


def test_every_core_and_its_tests_are_there() -> None:
    """Who moves or renames one tells the runner; `make mutants` alone would notice, and late."""
    paths = [ROOT / PACKAGE.replace(".", "/") / f"{core}.py" for core in CORES]
    paths += [ROOT / TESTS / file for files in CORES.values() for file in files]
    assert [] == [path.name for path in paths if not path.is_file()]


def test_every_accepted_survivor_is_of_a_core_and_has_a_reason() -> None:
    accepted = accepted_in(ACCEPTED)
    assert {key.module for key in accepted} <= set(CORES)
    assert [] == [key for key, reason in accepted.items() if not reason.strip().endswith(".")]


def test_the_budgets_tests_notice_every_change_but_those_that_change_nothing() -> None:
    """The other cores take minutes: `make mutants`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    command = [sys.executable, "-m", "tests.mutation", "_budget"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (0, "") == (result.returncode, result.stderr), result.stdout
