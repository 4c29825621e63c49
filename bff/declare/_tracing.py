"""Run an endpoint once on symbolic values, and once more to see that it says the same again."""

import difflib
import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain

from pydantic import ValidationError

from bff.declare import _graph as graph
from bff.declare._caller import caller_type
from bff.declare._endpoint import Endpoint
from bff.declare._fitting import mend_of
from bff.declare._graph import Node
from bff.declare._narrowing import narrowed
from bff.declare._once import explained
from bff.declare._profile import Profile
from bff.declare._profile_settings import SETTINGS
from bff.declare._settings import near_miss
from bff.declare._source import class_place, dropped_problems, source_problems
from bff.declare._state import ClassState, hidden, state_after, state_of_class
from bff.declare._symbol import Symbol, lift
from bff.declare._trace import Trace, tracing
from bff.declare._types import as_class, fits, spell
from bff.declare._unwatched import unwatched
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
    seen = Watched()
    first, wrong = _attempt(endpoint, seen)
    problems = source_problems(seen.functions, endpoint.where)
    # What the text shows is the cause of what the trace then stumbles over.
    places = {(problem.file, problem.line) for problem in problems}
    problems += [problem for problem in wrong if (problem.file, problem.line) not in places]
    places |= {(problem.file, problem.line) for problem in problems}
    problems += [problem for problem in _idle(endpoint, seen) if (problem.file, problem.line) not in places]
    if first is None or problems:
        raise DeclarationError(problems)
    second, wrong = _attempt(endpoint, seen, first)
    if second is None:
        raise DeclarationError(wrong)
    if (first.written.keys, first.answer.id) != (second.written.keys, second.answer.id):
        raise DeclarationError(_difference(endpoint, first.written, second.written))
    return Traced(endpoint, tuple(first.written.nodes), first.answer, Order.of(first.written))


def _idle(endpoint: Endpoint, seen: Watched) -> list[Problem]:
    """Return what an endpoint does at start-up alone, or not at all."""
    once = [Problem(*explained(name), endpoint.where, *place) for place, name in seen.once.items()]
    return once + dropped_problems(seen.functions, endpoint.where, is_read=endpoint.route.method == "GET")


def _refuse_upstreams(endpoint: Endpoint) -> None:
    for parameter in endpoint.parameters:
        cls = as_class(parameter.annotation)
        if cls is not None and issubclass(cls, Upstream):
            what = f"`{parameter.name}` is an upstream, which a traced endpoint does not take"
            mend = f"call it on the class, `{cls.__name__}.operation(...)`, or make the endpoint `async def`"
            raise DeclarationError(Problem(what, mend, endpoint.where, *endpoint.place))


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run of an endpoint wrote down, and how it left the class."""

    written: Trace
    answer: Node
    state: Sequence[ClassState]


def _attempt(endpoint: Endpoint, seen: Watched, before: _Run | None = None) -> tuple[_Run | None, Sequence[Problem]]:
    """Run an endpoint; return what it wrote down, or else what is wrong; `before` is the run before it."""
    profile, is_read = endpoint.profile, endpoint.route.method == "GET"
    is_whole, code = profile.on_partial == "fail", inspect.unwrap(endpoint.function).__code__
    caller = before.written.caller if before else caller_type(profile)
    written = Trace(endpoint.where, is_read=is_read, caller=caller, is_whole=is_whole)
    written.before = before.written if before else None
    state = before.state if before else state_of_class(profile)
    try:
        with tracing(written):
            symbols = {p.name: Symbol(written.add(graph.Param, p.annotation, name=p.name)) for p in endpoint.parameters}
            with watching(code, seen) if before is None else nullcontext():
                result, state = _call(endpoint, written, symbols, state)
            # The answer is looked at after the endpoint has returned, and belongs to the line where it did.
            written.default_place = (code.co_filename, seen.line)
            answer = _answer(written, endpoint, result)
    except DeclarationError as error:
        return None, error.problems
    if written.problems:
        # Something of the user's caught the error that told of it.
        return None, written.problems
    return _Run(written, answer, state), ()


def _call(
    endpoint: Endpoint, written: Trace, symbols: Mapping[str, Symbol], before: Sequence[ClassState]
) -> tuple[object, Sequence[ClassState]]:
    """Return what an endpoint returns, and the state of its class then; refuse one that has changed that."""
    profile = _instance(endpoint)
    held = _hides(profile)
    try:
        result = endpoint.function(profile, **symbols)
    except DeclarationError as error:
        place = _last_place(endpoint, error)
        # In a thread of the user's no line of the endpoint runs.
        told = [p if p.file else Problem(p.what, p.mend, written.where, *place) for p in error.problems]
        raise DeclarationError(told) from error
    except Exception as error:
        file, line = _last_place(endpoint, error)
        what, mend = _explained(error)
        raise DeclarationError(Problem(what, mend, written.where, file, line)) from error
    after, names = _changed(endpoint.profile, before)
    names += _hides(profile) - held
    if names:
        what = f"the endpoint changes `{endpoint.profile.__name__}.{names[0]}`: that is done once, at start-up"
        mend = "a profile holds nothing between requests: what is counted or kept belongs in an upstream"
        raise DeclarationError(Problem(what, mend, written.where, *endpoint.place))
    return result, after


@unwatched
def _hides(profile: Profile) -> set[str]:
    return {*hidden(profile)}


@unwatched
def _changed(profile: type[Profile], before: Sequence[ClassState]) -> tuple[Sequence[ClassState], list[str]]:
    """Return the state of a class, and the names of what has changed in it since."""
    after = state_after(profile, before)
    states = zip(before, after, strict=True)
    return after, [*chain(*(state.changed(now) for state, now in states))]


def _explained(error: Exception) -> tuple[str, str]:
    """Say what an exception that a trace ran into means."""
    if isinstance(error, ValidationError):
        if any(type(mistake["input"]) is Symbol for mistake in error.errors()):
            what = f"`{error.title}` is a contract, and gets a symbolic value: only a Shape is built from those"
            return what, f"declare a Shape for it: `class {error.title}(Shape)`"
        mistakes = error.errors(include_url=False, include_input=False)
        told = "; ".join(f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}" for mistake in mistakes)
        return f"`{error.title}` does not take these values: {told}", "give it values that fit"
    if isinstance(error, RecursionError):
        what = "it calls itself without an end: how deep a tree is, nobody knows before a request runs"
        return what, "write out as many levels as the page shows, or go through the real tree in a @derived function"
    what = f"it raised {type(error).__name__} while it was traced: {error}"
    if isinstance(error, TypeError) and "argument" in str(error):
        return what, "give it the arguments that it takes"
    if isinstance(error, AttributeError) and error.name is not None:
        near = difflib.get_close_matches(error.name, dir(error.obj), n=1)
        return what, f"did you mean `{near[0]}`?" if near else "use a name that it has"
    if isinstance(error, NameError):
        return what, "define the name, or import it"
    return what, "an endpoint runs once, on symbolic values: lift what needs real ones with @derived"


def _instance(endpoint: Endpoint) -> Profile:
    profile = endpoint.profile
    try:
        made = profile()
    except Exception as error:
        what = f"`{profile.__name__}()` raised {type(error).__name__}: {error}"
        mend = "a profile is made without arguments: what it needs are attributes of the class"
        place = class_place(profile, "__init__")
        raise DeclarationError(Problem(what, mend, profile.__name__, *place)) from error
    late = next((name for name in vars(made) if name in SETTINGS or near_miss(name, SETTINGS)), None)
    if late is not None:
        what = f"`{late}` is set in `__init__`, where settings are not read"
        mend = f"set it in the body of the class: `{near_miss(late, SETTINGS) or late} = ...`"
        raise DeclarationError(Problem(what, mend, profile.__name__, *class_place(profile, "__init__")))
    return made


def _last_place(endpoint: Endpoint, error: Exception) -> tuple[str, int]:
    """Return the innermost place in the endpoint's own file that an exception went through."""
    file, line = endpoint.place
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (file, frames[-1].lineno or line) if frames else (file, line)


@unwatched
def _answer(written: Trace, endpoint: Endpoint, result: object) -> Node:
    """Return the node of an answer that fits what the endpoint declares."""
    if type(result) is dict:
        what = "the answer is a plain dict: its fields are not checked, and not documented"
        raise written.fail(what, "declare a Shape, and return it with .of(...)")
    node = lift(result)
    if fits(node.type, endpoint.returns):
        return narrowed(written, node, endpoint.returns)
    if result is None:
        raise written.fail("the endpoint returns nothing", f"return what it declares: `{spell(endpoint.returns)}`")
    what = f"the answer is declared `{spell(endpoint.returns)}`, and is `{spell(node.type)}`"
    raise written.fail(what, mend_of(node, endpoint.returns))


def _difference(endpoint: Endpoint, first: Trace, second: Trace) -> Problem:
    what = "traced twice, the endpoint said two different things: something in it is decided anew each time"
    mend = "such a value is fixed at start-up: make it per request in a @derived function; for the time use now()"
    pairs = zip(first.nodes, first.keys, second.keys, strict=False)
    node = next((node for node, key, other in pairs if key != other), None)
    file, line = (node.file, node.line) if node else endpoint.place
    return Problem(what, mend, endpoint.where, file, line)
