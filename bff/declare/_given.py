"""Refuse what the words of an endpoint are given by mistake: functions for values, and functions that change things."""

import inspect

from bff.declare._graph import Node
from bff.declare._state import State, changed, state_around
from bff.declare._symbol import Symbol, lift
from bff.declare._trace import Trace
from bff.declare._unwatched import unwatched


@unwatched
def value_of(trace: Trace, word: str, given: object, *, is_lost: bool = False) -> Node:
    """Return the node of a value that a word gets; `is_lost` where it is all that a forgotten `return` left."""
    if is_lost and given is None:
        what = f"the function that `{word}` gets returns nothing"
        raise trace.fail(what, "return what it makes; where it is to be None, `return None` says so")
    if type(given) is Symbol:
        return lift(given)
    if inspect.iscoroutine(given):
        given.close()
        what = f"the function that `{word}` gets is `async def`"
        raise trace.fail(what, "make it a plain function: a plan awaits its calls by itself")
    if inspect.isgenerator(given):
        raise trace.fail(f"the function that `{word}` gets is a generator", "return a value instead of yielding it")
    if callable(given):
        what = f"`{word}` gets a function where it takes a value"
        raise trace.fail(what, "call the function, and give what it returns")
    return lift(given)


def refuse_changes(trace: Trace, word: str, function: object, before: State) -> None:
    """Refuse a function that changes what is around it: it is run once, and not as often as a request needs it."""
    for name in changed(before, state_around(function)):
        what = f"the function that `{word}` gets changes `{name}`: it runs once, on symbolic values"
        raise trace.fail(
            what, "return what it makes, and use what the word returns; sum or collect in a @derived function"
        )
