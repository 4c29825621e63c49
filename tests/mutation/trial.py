"""Run the tests of a module in a process where something else is imported in its place."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Sequence
from enum import Enum
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from tempfile import TemporaryFile
from types import CodeType, ModuleType
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings

__all__ = ["Verdict", "begin", "verdict_of"]

_TESTS_FAILED: Final = 1
_NOT_COLLECTED: Final = 2
_NOT_IMPORTED: Final = 70
_SAYING_SOMETHING: Final = {0, _TESTS_FAILED, _NOT_COLLECTED}
_LONGEST: Final = 600
_ENDED_BY_US: Final = {signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM}


class Verdict(Enum):
    """What the tests said of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"
    STILLBORN = "stillborn"
    """The module could not be imported: every test finds that, so it says nothing about these."""


class _Instead(MetaPathFinder, Loader):
    """Import `code` as the module `name`."""

    def __init__(self, name: str, code: CodeType) -> None:
        self.name = name
        self.code = code
        self.was_asked = False

    def find_spec(self, fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, origin=self.code.co_filename) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        self.was_asked = True
        exec(self.code, module.__dict__)


def begin(name: str, code: CodeType, tests: Sequence[str], *, seconds: int) -> int:
    """
    Start the tests with `code` as the module `name`; return the process.

    It is ended after `seconds` of work, which a busy machine does not shorten, and in any case after some minutes.
    """
    process = os.fork()
    if process:
        return process
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    signal.alarm(_LONGEST)  # what nobody handles ends the process
    status, terminal = _NOT_IMPORTED, os.dup(2)
    with TemporaryFile() as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
        try:
            status = _run(_Instead(name, code), tests)
        except BaseException:  # noqa: BLE001 - this process ends here, whatever happened
            traceback.print_exc()
        if status not in _SAYING_SOMETHING:
            sys.stdout.flush()
            output.seek(0)
            os.write(terminal, output.read())
        os._exit(status)


def _run(instead: _Instead, tests: Sequence[str]) -> int:
    assert not any(module.partition(".")[0] == "bff" for module in sys.modules)
    sys.meta_path.insert(0, instead)
    # The same examples each time, and no search for smaller ones: that a test fails is all there is to know.
    settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests])
    return int(status) if instead.was_asked else _NOT_IMPORTED


def verdict_of(wait_status: int) -> Verdict:
    """Read how the process of a trial ended."""
    if os.WIFSIGNALED(wait_status) and os.WTERMSIG(wait_status) in _ENDED_BY_US:
        return Verdict.TIMED_OUT
    match os.waitstatus_to_exitcode(wait_status):
        case 0:
            return Verdict.SURVIVED
        case status if status == _TESTS_FAILED:
            return Verdict.KILLED
        case status if status == _NOT_COLLECTED:
            return Verdict.STILLBORN
        case status:
            raise RuntimeError(f"the tests could not be run at all: status {status}")
