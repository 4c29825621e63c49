"""An operation: one request that an upstream answers, read from a typed stub."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload
from typing import get_type_hints as hints_of

from pydantic import TypeAdapter

from bff._frames import user_frame
from bff._unset import UNSET, Unset
from bff.declare import _graph as graph
from bff.declare._fitting import mend_of
from bff.declare._stub import read_stub
from bff.declare._symbol import Symbol, lift, told_apart, trace_now
from bff.declare._template import Parameter, Template
from bff.declare._trace import Trace, current_trace
from bff.declare._types import fits, spell
from bff.declare._unwatched import unwatched
from bff.errors import DeclarationError, Problem
from bff.policy import Bulkhead, CircuitBreaker, Coalescing, FaultInjection, Hedging, RateLimit, Retry, Timeout

if TYPE_CHECKING:
    from bff.declare._upstream import Upstream

P = ParamSpec("P")
R = TypeVar("R")

POLICIES = ("timeout", "retry", "breaker", "bulkhead", "coalescing", "hedging", "rate_limit", "fault")
"""Which policies an operation may set for itself: where its upstream is, is not its own to say."""

READS = frozenset({"GET", "HEAD"})
"""Methods whose calls may run in any order, be merged, or not be made at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a `call.*` may say besides its path; a policy left `UNSET` is the upstream's."""

    errors: Mapping[int, str] = field(default_factory=lambda: MappingProxyType[int, str]({}))
    batch_of: str | None = None
    key: str | None = None
    max_size: int = 100
    timeout: Timeout | Unset | None = UNSET
    retry: Retry | Unset | None = UNSET
    breaker: CircuitBreaker | Unset | None = UNSET
    bulkhead: Bulkhead | Unset | None = UNSET
    coalescing: Coalescing | Unset | None = UNSET
    hedging: Hedging | Unset | None = UNSET
    rate_limit: RateLimit | Unset | None = UNSET
    fault: FaultInjection | Unset | None = UNSET
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Options":
        """Return options as they were given; those that there are not are kept by name, to be told of."""
        known = {name: value for name, value in given.items() if name in cls.__slots__ and name != "unknown"}
        return cls(**known, unknown=tuple(given.keys() - known.keys()))

    @property
    def policies(self) -> dict[str, object]:
        """The policies that the operation sets for itself."""
        named = ((name, getattr(self, name)) for name in POLICIES)
        return {name: policy for name, policy in named if policy is not UNSET}


class Operation(Generic[P, R]):
    """
    One request that an upstream answers.

    On the class it builds a symbolic value in a trace and is typed as its result; on a connected instance it is
    awaited.
    """

    def __init__(self, method: str, path: str, stub: Callable[..., R], options: Options) -> None:
        self.method = method
        self.path = path
        self.stub = stub
        self.options = options
        self.name = stub.__name__
        self.owner: type[Upstream] | None = None
        self.problems: list[Problem] = []
        self.__doc__ = stub.__doc__
        self.__name__ = stub.__name__

    def __set_name__(self, owner: "type[Upstream]", name: str) -> None:
        self.name = name
        self.owner = owner

    def bound_to(self, owner: "type[Upstream]") -> "Operation[P, R]":
        """Return this operation as a subclass's own."""
        copy = Operation[P, R](self.method, self.path, self.stub, self.options)
        copy.__set_name__(owner, self.name)
        return copy

    @property
    def identity(self) -> object:
        """What makes two of these the same in two traces of one endpoint."""
        return (self.owner, self.name)

    @property
    def is_read(self) -> bool:
        """Whether calls of it change nothing."""
        return self.method in READS

    @property
    def full_name(self) -> str:
        """`Catalog.product`, as the declaration reads."""
        return f"{self.owner.__name__}.{self.name}" if self.owner else self.name

    def compile(self) -> None:
        """Read the stub: parameters, result, template. What is wrong with it is added to `problems`."""
        self.problems = []
        signature = inspect.signature(self.stub)
        own = [*signature.parameters.values()][1:]
        self.signature = signature.replace(parameters=own, return_annotation=signature.empty)
        self._hints = self._read_hints()
        self.returns = self._hints.get("return", UNSET)
        if self.returns is UNSET and not self.problems:
            self.refuse("the operation does not say what it returns", "annotate the result: `-> Product`")
        self.parameters, mistakes = read_stub(self)
        for what, mend in mistakes:
            self.refuse(what, mend)
        if not self.problems:
            upstream = self.owner.name if self.owner else ""
            self.template = Template(self.path, self.parameters, (upstream, self.name))

    @cached_property
    def _names(self) -> tuple[str, ...] | None:
        """The names of the parameters where every one of them may be given by its place and by its name."""
        parameters = self.signature.parameters.values()
        is_usual = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        return tuple(parameter.name for parameter in parameters) if is_usual else None

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.returns)

    def decode(self, content: bytes) -> R:
        """Return an answer as the contract has it, all fields; raises pydantic's `ValidationError`."""
        if self.returns is None or self.returns is type(None):
            return cast("R", None)
        return cast("R", self._adapter.validate_json(content))

    def _read_hints(self) -> dict[str, Any]:
        try:
            return hints_of(self.stub, include_extras=True)
        except NameError as error:
            self.refuse(f"an annotation cannot be read: {error}", "import the name where the stub is defined")
            return {}

    def problem(self, what: str, mend: str) -> Problem:
        """Return a mistake in the declaration, at the line of the stub."""
        code = self.stub.__code__
        return Problem(what, mend, self.full_name, code.co_filename, code.co_firstlineno)

    def refuse(self, what: str, mend: str) -> None:
        """Note a mistake in the declaration."""
        self.problems.append(self.problem(what, mend))

    def hint(self, name: str) -> Any:
        """Return the annotation of a parameter, `UNSET` where it has none."""
        return self._hints.get(name, UNSET)

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: "type[Upstream]") -> Callable[P, R]: ...
        @overload
        def __get__(self, instance: "Upstream", owner: "type[Upstream]") -> Callable[P, Awaitable[R]]: ...
        @overload
        def __get__(self, instance: object, owner: type) -> "Operation[P, R]": ...
        def __get__(self, instance: object, owner: type) -> Any: ...

    else:

        def __get__(self, instance: "Upstream | None", owner: "type[Upstream]") -> Any:
            return self if instance is None else instance.bind(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        written: R = self._write(args, kwargs)
        return written

    @property
    def _owner_name(self) -> str:
        return self.owner.__name__ if self.owner else "Upstream"

    @unwatched
    def _write(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        trace = current_trace()
        if trace is None:
            what = f"`{self.full_name}` is called on the class, and no endpoint is being traced"
            mend = f"await it on a connected upstream: `async with {self._owner_name}() as upstream`"
            file, line = user_frame()
            raise DeclarationError(Problem(what, mend, self.full_name, file, line))
        return self._call(trace, args, kwargs)

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return one value for each parameter, in order; raises `TypeError` as a function would."""
        names = self._names
        if names is not None and len(args) == len(names) and not kwargs:
            return args
        if names is not None and len(args) + len(kwargs) == len(names) and {*kwargs} == {*names[len(args) :]}:
            return (*args, *(kwargs[name] for name in names[len(args) :]))
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments[parameter.name] for parameter in self.parameters)

    def _call(self, trace: Trace, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Symbol:
        if self.problems:
            raise DeclarationError(self.problems)
        try:
            values = self.arguments(args, kwargs)
        except TypeError as error:
            raise trace.fail(f"`{self.full_name}`: {error}", f"call it as `{self.full_name}{self.signature}`") from None
        given = told_apart(values) if self.is_read else None
        if given is not None:
            return Symbol(trace.step((self, trace.last_write, *given), lambda: self._read(trace, values)))
        if self.is_read:
            return Symbol(self._read(trace, values))
        nodes, after = self._nodes(values), trace.last_write
        if trace.is_read:
            what = f"`{self.full_name}` is a write ({self.method}), and the endpoint answers GET, which changes nothing"
            raise trace.fail(what, "answer another method: `@endpoint.post(...)`")
        call = trace.add(graph.Call, self.returns, is_new=True, operation=self, arguments=nodes, after=after)
        trace.note_write(call)
        return Symbol(call)

    def _read(self, trace: Trace, values: tuple[Any, ...]) -> graph.Call:
        nodes, after = self._nodes(values), trace.last_write
        return trace.add(graph.Call, self.returns, operation=self, arguments=nodes, after=after)

    def _nodes(self, values: tuple[Any, ...]) -> tuple[graph.Node, ...]:
        return tuple(map(self._argument, self.parameters, values))

    def _argument(self, parameter: Parameter, value: object) -> graph.Node:
        node = lift(value)
        if not fits(node.type, parameter.annotation):
            what = f"`{self.full_name}` takes `{spell(parameter.annotation)}` as `{parameter.name}`"
            raise trace_now().fail(f"{what}, and gets `{spell(node.type)}`", mend_of(node, parameter.annotation))
        return node


def operations_of(cls: "type[Upstream]") -> list[Operation[..., Any]]:
    """Return the operations of an upstream, inherited ones too."""
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return [member for member in found.values() if isinstance(member, Operation)]
