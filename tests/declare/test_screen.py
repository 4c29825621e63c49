"""Only functions that may decide something silently, or drop a value, have their text read."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from bff.declare import _source
from bff.declare._screen import may_decide, may_drop


def compares(value: Any) -> Any:
    """A docstring is no statement that makes a value."""
    return value.id == value.type or value.island


def knows_identity(value: Any) -> Any:
    return value is compares


def asks_for_none(value: Any) -> Any:
    return 1 if value is None else 2


def asks_in_a_comprehension(values: Any) -> Any:
    return [value is not None for value in values]


def asks_in_a_lambda(value: Any) -> Any:
    return lambda: value is compares


def asks_by_method(value: Any) -> Any:
    return value.is_(None)


def knows_type(value: Any) -> Any:
    return isinstance(value, str)


def knows_type_among_attributes(value: Any) -> Any:
    return value.id + id(value)


def knows_type_by_a_name_of_its_own(value: Any, callable: Any) -> Any:  # noqa: A002 - it is about such a name
    return callable(value)


def matches(value: Any) -> Any:
    match value:
        case found:
            return found


def tries(value: Any) -> Any:
    try:
        return value.price
    except AttributeError:
        return None


def suppresses(value: Any) -> Any:
    with suppress(AttributeError):
        return value.price


def drops(value: Any) -> Any:
    compares(value)
    return value


def drops_in_a_branch(value: Any) -> Any:
    if value:
        compares(value)
    return value


@pytest.mark.parametrize(
    "function",
    [
        knows_identity,
        asks_for_none,
        asks_in_a_comprehension,
        asks_in_a_lambda,
        asks_by_method,
        knows_type,
        knows_type_among_attributes,
        knows_type_by_a_name_of_its_own,
        matches,
        tries,
        suppresses,
    ],
)
def test_what_may_be_decided_silently_has_its_text_read(function: Callable[..., Any]) -> None:
    assert may_decide(function.__code__)


@pytest.mark.parametrize("function", [drops, drops_in_a_branch])
def test_what_drops_a_value_has_its_text_read(function: Callable[..., Any]) -> None:
    assert may_drop(function.__code__)


def test_what_only_makes_values_has_not() -> None:
    """`id` and `type` are names of attributes far more often than tests."""
    code = compares.__code__
    assert (False, False) == (may_decide(code), may_drop(code))


def test_a_file_is_read_once_however_many_functions_of_it_are(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    read = _source._functions_in

    def counted(text: str) -> Any:
        texts.append(text)
        return read(text)

    monkeypatch.setattr(_source, "_functions_in", counted)
    _source.forget_sources()
    assert all(map(_source.has_statements, (drops, tries, matches)))
    assert len(texts) == 1
