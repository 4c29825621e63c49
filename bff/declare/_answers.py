"""What is wrong with the type that an endpoint declares for its answer."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from bff._unset import UNSET
from bff.declare._types import element, members, spell


def answer_mistakes(returns: Any, *, is_traced: bool) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the type of an answer, `UNSET` where there is none, and how to mend it."""
    if returns is UNSET:
        yield "the endpoint does not say what it answers", "annotate the result: `-> ProductCard`"
    elif any(map(_is_empty, members(returns))):
        what = f"the answer is declared `{spell(returns)}`, which has no fields: nothing of it is sent"
        yield what, "declare a Shape with the fields that the client gets"
    elif is_traced and _is_response(returns):
        yield "a traced endpoint answers no response of its own", "answer a Shape, or make it `async def`"


def _is_empty(tp: Any) -> bool:
    """Say whether a type, or that of the items of a list, is the root of all models."""
    cls = element(tp) or tp
    return isinstance(cls, type) and issubclass(cls, BaseModel) and cls.__module__.startswith(("pydantic.", "bff."))


def _is_response(tp: Any) -> bool:
    return isinstance(tp, type) and any(base.__module__ == "starlette.responses" for base in tp.__mro__)
