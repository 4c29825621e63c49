"""What a function leaves open is told by its code where that is all there is to it, else by its signature."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from bff.declare._functions import required


class Holder:
    def method(self, item: Any, other: Any = 1, *, key: Any) -> None: ...

    def loose(*args: Any, key: Any) -> None: ...

    def given(self: Any = None, item: Any = None) -> None: ...

    @classmethod
    def of(cls, *sources: Any, **values: Any) -> None: ...

    def __call__(self, item: Any) -> None: ...


def plain(one: Any, /, two: Any, three: Any = 3, *more: Any, four: Any, five: Any = 5, **rest: Any) -> None: ...


def one(item: Any) -> None: ...


@functools.wraps(plain)
def wrapping(*args: Any, **kwargs: Any) -> None: ...


HOLDER = Holder()
FUNCTIONS: list[Callable[..., Any]] = [
    plain,
    wrapping,
    lambda: None,
    one,
    HOLDER.method,
    HOLDER.loose,
    HOLDER.given,  # type: ignore[misc]
    Holder.method,
    Holder.of,
    HOLDER,
    functools.partial(plain, 1),
    functools.partialmethod(Holder.method, 1).__get__(HOLDER),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_leaves_open_what_its_signature_says(function: Callable[..., Any]) -> None:
    loose = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    assert [p.name for p in parameters if p.default is p.empty and p.kind not in loose] == required(function)
