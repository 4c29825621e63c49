"""
What pytest offers to those who ask for it: `pytest_plugins = ["bff.testing.pytest_plugin"]` in a `conftest.py`.

The fixture `fakes` fails a test that calls what it does not fake. A coroutine marked `virtual_time` runs to its end in
virtual time, whether another plugin for asyncio is there or not.
"""

import inspect
from collections.abc import Generator

import pytest

from bff.testing._fakes import Fakes
from bff.testing._virtual import run_virtual

_MARKER = "virtual_time"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{_MARKER}: run this coroutine in virtual time, in which waiting takes none")


@pytest.fixture
def fakes() -> Generator[Fakes]:
    """Give fakes that are checked in the end."""
    made = Fakes()
    yield made
    made.verify()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine that is marked."""
    if pyfuncitem.get_closest_marker(_MARKER) is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run_virtual(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
