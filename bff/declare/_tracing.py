"""Run an endpoint once on symbolic values, and once more to see that it says the same again."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from bff.declare import _graph as graph
from bff.declare._endpoint import Endpoint
from bff.declare._graph import Node
from bff.declare._profile import Profile
from bff.declare._source import source_problems
from bff.declare._symbol import Symbol, lift
from bff.declare._trace import Trace, tracing
from bff.declare._types import fits, is_model, is_nullable, spell, unwrap, without_none
from bff.errors import DeclarationError, Problem


@dataclass(frozen=True, slots=True)
class Traced:
    """The graph of one endpoint: its nodes in the order of their creation, and the one that is the answer."""

    endpoint: Endpoint
    nodes: tuple[Node, ...]
    answer: Node


def trace(endpoint: Endpoint) -> Traced:
    """Trace a plain endpoint; raises `DeclarationError` with everything that is wrong with it."""
    problems = source_problems(endpoint.function, endpoint.where)
    try:
        first, answer = _run(endpoint)
        second, other = _run(endpoint)
    except DeclarationError as error:
        # What the text shows is the cause of what the trace then stumbles over.
        places = {(problem.file, problem.line) for problem in problems}
        rest = [problem for problem in error.problems if (problem.file, problem.line) not in places]
        raise DeclarationError([*problems, *rest]) from None
    if problems:
        raise DeclarationError(problems)
    if (first.keys, answer.id) != (second.keys, other.id):
        raise DeclarationError(_difference(endpoint, first, second))
    return Traced(endpoint, tuple(first.nodes), answer)


def _run(endpoint: Endpoint) -> tuple[Trace, Node]:
    written = Trace(endpoint.where)
    with tracing(written):
        symbols = {p.name: Symbol(written.add(graph.Param, p.annotation, name=p.name)) for p in endpoint.parameters}
        result = _call(endpoint, written, symbols)
        _check_answer(endpoint, result)
        return written, lift(result)


def _call(endpoint: Endpoint, written: Trace, symbols: Mapping[str, Symbol]) -> object:
    try:
        return endpoint.function(_instance(endpoint.profile), **symbols)
    except DeclarationError:
        raise
    except Exception as error:
        file, line = _last_place(endpoint, error)
        what = f"it raised {type(error).__name__} while it was traced: {error}"
        mend = "an endpoint runs once, on symbolic values: lift what needs real ones with @derived"
        raise DeclarationError(Problem(what, mend, written.where, file, line)) from error


def _instance(profile: type[Profile]) -> Profile:
    return profile()


def _last_place(endpoint: Endpoint, error: Exception) -> tuple[str, int]:
    """Return the innermost place in the endpoint's own file that an exception went through."""
    file, line = endpoint.place
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (file, frames[-1].lineno or line) if frames else (file, line)


def _check_answer(endpoint: Endpoint, result: object) -> None:
    file, line = endpoint.place

    def refuse(what: str, mend: str) -> DeclarationError:
        return DeclarationError(Problem(what, mend, endpoint.where, file, line))

    if isinstance(result, dict):
        what = "the answer is a plain dict: its fields are not checked, and not documented"
        raise refuse(what, "declare a Shape, and return it with .of(...)")
    node = lift(cast("Any", result))
    if fits(node.type, endpoint.returns):
        return
    what = f"the answer is declared `{spell(endpoint.returns)}`, and is `{spell(node.type)}`"
    if is_nullable(node.type) and fits(without_none(node.type), endpoint.returns):
        raise refuse(what, f"declare it `{spell(endpoint.returns)} | None`, or give a default")
    wanted = unwrap(endpoint.returns)
    mend = f"shape it: `{spell(wanted)}.of(...)`" if is_model(wanted) else "make the types agree"
    raise refuse(what, mend)


def _difference(endpoint: Endpoint, first: Trace, second: Trace) -> Problem:
    what = "traced twice, the endpoint said two different things: something in it is decided anew each time"
    mend = "such a value is fixed at start-up: make it per request in a @derived function; for the time use now()"
    pairs = zip(first.nodes, first.keys, second.keys, strict=False)
    node = next((node for node, key, other in pairs if key != other), None)
    file, line = (node.file, node.line) if node else endpoint.place
    return Problem(what, mend, endpoint.where, file, line)
