"""Run an endpoint once on symbolic values, and once more to see that it says the same again."""

import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from bff.declare import _graph as graph
from bff.declare._endpoint import Endpoint
from bff.declare._fitting import mend_of
from bff.declare._graph import Node
from bff.declare._narrowing import narrowed
from bff.declare._profile import Profile
from bff.declare._source import class_place, source_problems
from bff.declare._symbol import Symbol, lift
from bff.declare._trace import Trace, tracing
from bff.declare._types import as_class, fits, spell
from bff.declare._upstream import Upstream
from bff.declare._watch import Watched, watching
from bff.errors import DeclarationError, Problem


@dataclass(frozen=True, slots=True)
class Order:
    """
    The order in which an endpoint is written, block by block; block 0 is the endpoint itself.

    `parents` has the block around each block, `blocks_of` those in whose text each node stands, `writes` the ids of the
    nodes of each block that write, and `fences` the one above each of those, -1 where there is none.
    """

    parents: tuple[int, ...]
    blocks_of: tuple[frozenset[int], ...]
    writes: tuple[tuple[int, ...], ...]
    fences: Mapping[int, int]

    @classmethod
    def of(cls, written: Trace) -> "Order":
        """Return the order of what a trace has written down."""
        writes = tuple(map(tuple, written.writes))
        return cls(tuple(written.parents), tuple(written.blocks_of), writes, {**written.fences})

    def around(self, block: int) -> Iterator[int]:
        """Yield a block and those around it, the innermost first."""
        while block != -1:
            yield block
            block = self.parents[block]


@dataclass(frozen=True, slots=True)
class Traced:
    """The graph of one endpoint: its nodes in the order of their creation, and the one that is the answer."""

    endpoint: Endpoint
    nodes: tuple[Node, ...]
    answer: Node
    order: Order


def trace(endpoint: Endpoint) -> Traced:
    """Trace a plain endpoint; raises `DeclarationError` with everything that is wrong with it."""
    _refuse_upstreams(endpoint)
    with watching(inspect.unwrap(endpoint.function).__code__) as seen:
        first, wrong = _attempt(endpoint, seen)
    problems = source_problems(seen.functions, endpoint.where)
    # What the text shows is the cause of what the trace then stumbles over.
    places = {(problem.file, problem.line) for problem in problems}
    problems += [problem for problem in wrong if (problem.file, problem.line) not in places]
    if first is None or problems:
        raise DeclarationError(problems)
    second, wrong = _attempt(endpoint, seen)
    if second is None:
        raise DeclarationError(wrong)
    if (first.keys, first.answer.id) != (second.keys, second.answer.id):
        raise DeclarationError(_difference(endpoint, first, second))
    return Traced(endpoint, tuple(first.nodes), first.answer, first.order)


def _refuse_upstreams(endpoint: Endpoint) -> None:
    for parameter in endpoint.parameters:
        cls = as_class(parameter.annotation)
        if cls is not None and issubclass(cls, Upstream):
            what = f"`{parameter.name}` is an upstream, which a traced endpoint does not take"
            mend = f"call it on the class, `{cls.__name__}.operation(...)`, or make the endpoint `async def`"
            raise DeclarationError(Problem(what, mend, endpoint.where, *endpoint.place))


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run of an endpoint wrote down."""

    nodes: Sequence[Node]
    keys: Sequence[tuple[object, ...]]
    answer: Node
    order: Order


def _attempt(endpoint: Endpoint, seen: Watched) -> tuple[_Run | None, Sequence[Problem]]:
    """Run an endpoint; return what it wrote down, or else what is wrong."""
    written = Trace(endpoint.where, is_read=endpoint.route.method == "GET")
    try:
        with tracing(written):
            symbols = {p.name: Symbol(written.add(graph.Param, p.annotation, name=p.name)) for p in endpoint.parameters}
            result = _call(endpoint, written, symbols)
            # The answer is looked at after the endpoint has returned, and belongs to the line where it did.
            written.default_place = (inspect.unwrap(endpoint.function).__code__.co_filename, seen.line)
            answer = _answer(written, endpoint, result)
    except DeclarationError as error:
        return None, error.problems
    if written.problems:
        # Something of the user's caught the error that told of it.
        return None, written.problems
    return _Run(written.nodes, written.keys, answer, Order.of(written)), ()


def _call(endpoint: Endpoint, written: Trace, symbols: Mapping[str, Symbol]) -> object:
    profile = _instance(endpoint)
    try:
        return endpoint.function(profile, **symbols)
    except DeclarationError:
        raise
    except Exception as error:
        file, line = _last_place(endpoint, error)
        what, mend = _explained(error)
        raise DeclarationError(Problem(what, mend, written.where, file, line)) from error


def _explained(error: Exception) -> tuple[str, str]:
    """Say what an exception that a trace ran into means."""
    if isinstance(error, ValidationError):
        if any(type(mistake["input"]) is Symbol for mistake in error.errors()):
            what = f"`{error.title}` is a contract, and gets a symbolic value: only a Shape is built from those"
            return what, f"declare a Shape for it: `class {error.title}(Shape)`"
        mistakes = error.errors(include_url=False, include_input=False)
        told = "; ".join(f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}" for mistake in mistakes)
        return f"`{error.title}` does not take these values: {told}", "give it values that fit"
    what = f"it raised {type(error).__name__} while it was traced: {error}"
    return what, "an endpoint runs once, on symbolic values: lift what needs real ones with @derived"


def _instance(endpoint: Endpoint) -> Profile:
    profile = endpoint.profile
    try:
        return profile()
    except Exception as error:
        what = f"`{profile.__name__}()` raised {type(error).__name__}: {error}"
        mend = "a profile is made without arguments: what it needs are attributes of the class"
        place = class_place(profile, "__init__")
        raise DeclarationError(Problem(what, mend, profile.__name__, *place)) from error


def _last_place(endpoint: Endpoint, error: Exception) -> tuple[str, int]:
    """Return the innermost place in the endpoint's own file that an exception went through."""
    file, line = endpoint.place
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (file, frames[-1].lineno or line) if frames else (file, line)


def _answer(written: Trace, endpoint: Endpoint, result: object) -> Node:
    """Return the node of an answer that fits what the endpoint declares."""
    if type(result) is dict:
        what = "the answer is a plain dict: its fields are not checked, and not documented"
        raise written.fail(what, "declare a Shape, and return it with .of(...)")
    node = lift(result)
    if node.scope:
        what = "the answer holds the item of an `each` outside of it"
        raise written.fail(what, "return what is made of the item from the function of the `each`")
    if fits(node.type, endpoint.returns):
        return narrowed(written, node, endpoint.returns)
    if result is None:
        raise written.fail("the endpoint returns nothing", f"return what it declares: `{spell(endpoint.returns)}`")
    what = f"the answer is declared `{spell(endpoint.returns)}`, and is `{spell(node.type)}`"
    raise written.fail(what, mend_of(node, endpoint.returns))


def _difference(endpoint: Endpoint, first: _Run, second: _Run) -> Problem:
    what = "traced twice, the endpoint said two different things: something in it is decided anew each time"
    mend = "such a value is fixed at start-up: make it per request in a @derived function; for the time use now()"
    pairs = zip(first.nodes, first.keys, second.keys, strict=False)
    node = next((node for node, key, other in pairs if key != other), None)
    file, line = (node.file, node.line) if node else endpoint.place
    return Problem(what, mend, endpoint.where, file, line)
