"""What each client of the examples gets when services fail is kept beside them: a change shows up in review."""

import importlib
from pathlib import Path

import pytest

from bff.testing import failure_modes

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["web_bff", "mobile_bff", "iot_bff"])
def test_the_table_of_failures_is_as_committed(name: str) -> None:
    app = importlib.import_module(f"examples.{name}.app").app
    failure_modes(app).assert_matches(EXAMPLES / name / "failure-modes.md")
