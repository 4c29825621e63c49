"""The glossary has every policy, field by field, and every cause that a client may be told."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from bff import policy
from bff.rest._problems import _WORDS

GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
POLICIES = [getattr(policy, name) for name in policy.__all__]


def mapped(name: str) -> set[str]:
    """Return the fields of a policy that have a row of their own, or one with others, in the table of the policies."""
    rows = re.findall(rf"^\| `{name}\.([^|]*)\|", GLOSSARY, re.MULTILINE)
    return {field.strip("`, ") for row in rows for field in row.split(",")}


@pytest.mark.parametrize("cls", POLICIES, ids=lambda cls: cls.__name__)
def test_every_field_of_a_policy_has_its_names_elsewhere(cls: type) -> None:
    assert is_dataclass(cls)
    assert {field.name for field in fields(cls) if field.init} == mapped(cls.__name__)


def test_every_cause_is_named() -> None:
    own = {"internal", "too-large"}  # of a request that made no call
    assert set() == {cause for cause in _WORDS.keys() - own if f"`{cause}`" not in GLOSSARY}
