"""Lift plain Python functions into the graph: they run per request, on real values."""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_type_hints

from bff.declare import _graph as graph
from bff.declare._fitting import mend_of
from bff.declare._functions import closed_over, words_in
from bff.declare._generics import substituted
from bff.declare._solving import solved
from bff.declare._symbol import Symbol, lifted
from bff.declare._trace import Trace, current_trace
from bff.declare._types import Type, fits, spell, union

P = ParamSpec("P")
R = TypeVar("R")


class Derived(Generic[P, R]):
    """A function that a trace writes down instead of running; anywhere else it is the function itself."""

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        update_wrapper(self, function)

    @property
    def identity(self) -> object:
        """What makes two of these the same in two traces of one endpoint: the code, and what it closes over."""
        function = self.function
        if not inspect.isfunction(function):
            return function
        return (function.__code__, *map(_told_apart, closed_over(function).values()))

    @cached_property
    def hints(self) -> Mapping[str, Type]:
        """The annotations of the parameters, and of the result under `return`."""
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def signature(self) -> inspect.Signature:
        """The signature of the function."""
        return inspect.signature(self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = current_trace()
        if trace is None:
            return self.function(*args, **kwargs)
        return cast("R", Symbol(self._write(trace, args, kwargs)))

    def _write(self, trace: Trace, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> graph.Node:
        name = self.function.__name__
        if inspect.iscoroutinefunction(self.function):
            mend = "make it a plain function; what has to await belongs in an `async def` endpoint"
            raise trace.fail(f"`{name}` is `async def`: a plan calls it and does not await it", mend)
        try:
            self.hints  # noqa: B018 - they are read here for the first time
        except NameError as error:
            mend = "define the name at module level, where the function is"
            raise trace.fail(f"an annotation of `{name}` cannot be read: {error}", mend) from error
        if "return" not in self.hints:
            raise trace.fail(f"`{name}` does not say what it returns", "annotate the result: `-> ...`")
        self._refuse_what_is_of_a_trace(trace)
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise trace.fail(f"`{name}`: {error}", "give it the arguments that it declares") from error
        bound.apply_defaults()
        for parameter in self.signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise trace.fail(f"`{name}` takes any number of arguments", "name its parameters, with types")
        nodes = tuple(self._argument(trace, key, value) for key, value in bound.arguments.items())
        given = {key: node.type for key, node in zip(bound.arguments, nodes, strict=True)}
        return trace.noted(graph.Lifted, self._returns(given), function=self, arguments=nodes)

    def _returns(self, given: Mapping[str, Type]) -> Type:
        """Return the type of the result, with the type variables that the arguments say filled in."""
        found: dict[Type, list[Type]] = {}
        for name, tp in given.items():
            for variable, part in solved(self.hints[name], tp):
                found.setdefault(variable, []).append(part)
        return substituted(self.hints["return"], {variable: union(parts) for variable, parts in found.items()})

    def _refuse_what_is_of_a_trace(self, trace: Trace) -> None:
        """Refuse symbolic values and words of endpoints inside: it runs per request, when there is no trace."""
        name, function = self.function.__name__, self.function
        if not inspect.isfunction(function):
            return
        for held, value in closed_over(function).items():
            if type(value) is Symbol:
                what = f"`{name}` uses the symbolic value `{held}` of the endpoint around it, and runs on real ones"
                raise trace.fail(what, f"make `{held}` a parameter of it")
        word = next((word for word, _ in words_in(function)), None)
        if word is not None:
            what = f"`{name}` uses `{word}`, and runs per request, when nothing is traced"
            raise trace.fail(what, "use it in the endpoint, and give the function its value")

    def _argument(self, trace: Trace, parameter: str, value: object) -> graph.Node:
        name = self.function.__name__
        if parameter not in self.hints:
            mend = f"annotate `{parameter}`: the plan decodes what it asks for"
            raise trace.fail(f"`{name}` does not say what `{parameter}` is", mend)
        node, wanted = lifted(value), self.hints[parameter]
        if not fits(node.type, wanted):
            what = f"`{name}` takes `{spell(wanted)}` as `{parameter}`, and gets `{spell(node.type)}`"
            raise trace.fail(what, mend_of(node, wanted))
        return node


def _told_apart(value: object) -> object:
    """Return what two traces of one endpoint tell a value that a function holds by."""
    if isinstance(value, Derived):
        value = cast("Derived[..., Any]", value).function
    if inspect.isfunction(value):
        # Not all the way down: functions may hold one another.
        held = [each for each in closed_over(value).values() if not callable(each)]
        return (value.__code__, *map(_told_apart, held))
    try:
        hash(value)
    except TypeError:
        return (type(value), repr(value))
    return (type(value), value)


def derived(function: Callable[P, R]) -> Callable[P, R]:
    """
    Lift a plain function: in a traced endpoint it takes symbolic values and runs per request on real ones.

    A parameter typed as a contract gets real instances with all fields. One typed `P` or `Sequence[P]`, with `P` a
    `Protocol` of read-only properties, makes the plan decode just those fields; with a type variable bound to `P`, what
    is read of the result too.
    """
    return Derived(function)
