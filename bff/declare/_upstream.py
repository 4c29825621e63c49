"""`Upstream`: a service that is called, and the promises that it makes."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypedDict, Unpack

from bff.ambassador._announcing import DEADLINE_HEADER
from bff.ambassador._auth import Auth
from bff.ambassador._parts import OnionStatistics
from bff.ambassador._refresher import Lookup
from bff.ambassador._wires import Transport, Verify
from bff.declare._batch import batch_mistakes
from bff.declare._connection import Connection
from bff.declare._endpoint import route_of
from bff.declare._exchange import Binding, exchange
from bff.declare._fields import FIELDS, MENDS, is_fit, misfit
from bff.declare._operation import Operation, operations_of
from bff.declare._profile import kebab
from bff.declare._scope import FailedCall, current_scope
from bff.declare._settings import env_prefix, near_miss, resolve
from bff.declare._source import class_place, has_statements
from bff.declare._trace import current_trace
from bff.errors import DeclarationError, Problem, RejectedError, UpstreamError
from bff.events import Emitter, Observer
from bff.policy import (
    Bulkhead,
    CircuitBreaker,
    Coalescing,
    FaultInjection,
    Hedging,
    LoadBalancing,
    OutlierDetection,
    RateLimit,
    Retry,
    Timeout,
)

_RESERVED = ("aclose", "binding", "bind", "connected", "connection", "force_breaker", "statistics")


class UpstreamSettings(TypedDict, total=False):
    """What a constructor may set; a mapping over a policy changes just the fields that it names."""

    base_url: str | Sequence[str]
    headers: Mapping[str, str]
    accept_headers: Sequence[str]
    auth: "Auth | None"
    verify: "Verify"
    max_body: int
    timeout: Timeout | Mapping[str, Any] | None
    retry: Retry | Mapping[str, Any] | None
    breaker: CircuitBreaker | Mapping[str, Any] | None
    bulkhead: Bulkhead | Mapping[str, Any] | None
    coalescing: Coalescing | Mapping[str, Any] | None
    balancing: LoadBalancing | Mapping[str, Any] | None
    outliers: OutlierDetection | Mapping[str, Any] | None
    hedging: Hedging | Mapping[str, Any] | None
    rate_limit: RateLimit | Mapping[str, Any] | None
    fault: FaultInjection | Mapping[str, Any] | None
    deadline_header: str | None
    managed_by_mesh: bool
    transport: "Transport | None"
    resolver: Lookup | None


class Upstream:
    """
    A service that is called.

    A subclass declares operations with `call.*` and settings as attributes. On the class an operation builds a
    symbolic value in a traced endpoint; on an instance it is awaited:

        async with Catalog() as catalog:
            product = await catalog.product(7)

    Settings come from the class, the environment (`BFF_CATALOG__BASE_URL`) and the constructor, weakest first. An
    instance raises `DeclarationError` when it is made and something is wrong with any of them.
    """

    name: ClassVar[str] = "upstream"
    base_url: ClassVar[str | Sequence[str]] = ""
    headers: ClassVar[Mapping[str, str]] = {}
    accept_headers: ClassVar[Sequence[str]] = ()
    auth: ClassVar["Auth | None"] = None
    transport: ClassVar["Transport | None"] = None
    resolver: ClassVar[Lookup | None] = None
    verify: ClassVar["Verify"] = True
    max_body: ClassVar[int] = 10_000_000
    timeout: ClassVar[Timeout | None] = Timeout()
    retry: ClassVar[Retry | None] = Retry()
    breaker: ClassVar[CircuitBreaker | None] = CircuitBreaker()
    bulkhead: ClassVar[Bulkhead | None] = Bulkhead()
    coalescing: ClassVar[Coalescing | None] = Coalescing()
    balancing: ClassVar[LoadBalancing | None] = LoadBalancing()
    outliers: ClassVar[OutlierDetection | None] = OutlierDetection()
    hedging: ClassVar[Hedging | None] = None
    rate_limit: ClassVar[RateLimit | None] = None
    fault: ClassVar[FaultInjection | None] = None
    deadline_header: ClassVar[str | None] = DEADLINE_HEADER
    managed_by_mesh: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = kebab(cls.__name__)
        for operation in operations_of(cls):
            if operation.owner is not cls:
                operation = operation.bound_to(cls)  # noqa: PLW2901 - an inherited one becomes the subclass's own
                setattr(cls, operation.name, operation)
            operation.compile()

    def __init__(self, **settings: Unpack[UpstreamSettings]) -> None:
        self.connection = _connect(type(self), given=dict(settings))

    @classmethod
    def connected(
        cls, *, app: str | Sequence[str] | Mapping[str, object] | None, observers: Sequence[Observer] = ()
    ) -> Self:
        """Return an instance with what an app says about this upstream; `BFF` makes its own with it."""
        made = cls.__new__(cls)
        made.connection = _connect(cls, app=app, observers=observers)
        return made

    def binding(self, operation: Operation[..., Any]) -> Binding:
        """Return an operation ready to be sent by a plan."""
        return self.connection.binding(operation)

    def bind(self, operation: Operation[..., Any]) -> Callable[..., Awaitable[Any]]:
        """Return an operation ready to be awaited with its arguments; refused where nothing is awaited."""
        trace = current_trace()
        if trace is not None:
            what = f"`{operation.full_name}` is called on an instance, which has to be awaited"
            raise trace.fail(what, f"in a traced endpoint call it on the class: `{operation.full_name}(...)`")
        return _Bound(self.connection.binding(operation))

    def force_breaker(self, state: Literal["open", "closed"] | None) -> None:
        """Hold the circuit breakers open or closed, whatever happens; `None` lets them judge again."""
        self.connection.force_breaker(state)

    def statistics(self) -> Mapping[str, OnionStatistics]:
        """Return what breaker, bulkhead and budget know now; operations with policies of their own by name."""
        return self.connection.statistics()

    def __repr__(self) -> str:
        return repr(self.connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; what is still under way is cut off."""
        await self.connection.aclose()


class _Bound:
    """An operation on a connected upstream, to be awaited with its arguments."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call and return its decoded answer; raises `UpstreamError` and `RejectedError`."""
        operation, scope = self._binding.operation, current_scope()
        values = operation.arguments(args, kwargs)
        try:
            deadline = scope.deadline if scope else None
            return await exchange(self._binding, values, operation.decode, scope=scope, deadline=deadline)
        except (UpstreamError, RejectedError) as error:
            if scope is not None:
                scope.failed = FailedCall(
                    error, operation, values, is_credentialed=self._binding.carries_credential(scope)
                )
            raise


def problems_of(cls: type[Upstream]) -> list[Problem]:
    """Return everything that is wrong with the declaration of an upstream."""
    operations = operations_of(cls)
    return [
        *(problem for operation in operations for problem in operation.problems),
        *_operation_problems(operations),
        *(problem for base in cls.__mro__ for problem in _setting_problems(cls, base)),
    ]


def _operation_problems(operations: Sequence[Operation[..., Any]]) -> Iterator[Problem]:
    """Yield what is wrong with operations as members of one class."""
    names = {operation.name for operation in operations}
    for operation in operations:
        target = operation.options.batch_of
        if operation.name in FIELDS or operation.name in _RESERVED:
            sort = "a setting" if operation.name in FIELDS else "something that every upstream has"
            yield operation.problem(f"the operation `{operation.name}` has the name of {sort}", "give it another name")
        if target == operation.name:
            yield operation.problem("batch_of names the operation itself", "name the one that it stands in for")
        elif isinstance(target, str) and target not in names:
            what = f"batch_of names `{target}`, which is no operation here"
            yield operation.problem(what, f"name one of {', '.join(sorted(names - {operation.name}))}")
        elif target is not None and not operation.problems:
            single = next(other for other in operations if other.name == target)
            yield from (operation.problem(*mistake) for mistake in batch_mistakes(operation, single, operations))


def _setting_problems(cls: type[Upstream], base: type) -> Iterator[Problem]:
    """Yield what is wrong with the attributes that one class in the line of an upstream sets."""
    if base is Upstream or not issubclass(base, Upstream):
        return
    if "__init__" in vars(base):
        what = "`__init__` is not run where an app connects the upstream"
        mend = "set attributes of the class, or what BFF(upstreams=...) gives"
        yield Problem(what, mend, f"{cls.__name__}.__init__", *class_place(base, "__init__"))
    for name, value in vars(base).items():
        if name.startswith("_") or isinstance(value, Operation):
            continue
        for what, mend in _attribute_problems(name, value):
            yield Problem(what, mend, f"{cls.__name__}.{name}", *class_place(base, name))


def _attribute_problems(name: str, value: object) -> Iterator[tuple[str, str]]:
    if route_of(value):
        yield f"`{name}` is an endpoint, and stands in an upstream", "decorate it with @call..."
    elif inspect.isfunction(value) and not has_statements(value) and "return" in value.__annotations__:
        yield f"`{name}` is a stub without a decorator", f'say what it calls: `@call.get("/...")` above `{name}`'
    meant = _meant(name, value)
    if meant:
        yield f"`{name}` is no setting", f"did you mean `{meant}`?"
    elif name in FIELDS and not is_fit(name, value):
        yield misfit(name, value), MENDS[name]


_OTHER_WORDS = {"retries": "retry", "timeouts": "timeout", "url": "base_url", "circuit_breaker": "breaker"}


def _meant(name: str, value: object) -> str | None:
    """Return the setting that an attribute was probably meant to be: by its name, or by being a policy."""
    if name in FIELDS:
        return None
    kinds = {spec.policy: field for field, spec in FIELDS.items() if spec.policy is not None}
    return near_miss(name, FIELDS) or _OTHER_WORDS.get(name) or kinds.get(type(value))


def _connect(
    cls: type[Upstream],
    *,
    given: Mapping[str, object] | None = None,
    app: str | Sequence[str] | Mapping[str, object] | None = None,
    observers: Sequence[Observer] = (),
) -> Connection:
    """Settle the settings of an upstream; raises `DeclarationError` with all that is wrong with it."""
    problems = problems_of(cls)
    settings: dict[str, Any] = {}
    try:
        settings = resolve(cls.name, {name: getattr(cls, name) for name in FIELDS}, app=app, given=given)
    except DeclarationError as error:
        problems += error.problems
    base_url = settings.get("base_url")
    if not problems and not base_url:
        mend = f"set `base_url` on the class, or {env_prefix(cls.name)}BASE_URL"
        problems.append(Problem("it has no address", mend, cls.__name__, *class_place(cls, "base_url")))
    if not problems and not isinstance(base_url, str) and settings["managed_by_mesh"]:
        what = "it has several addresses, and its mesh is to choose between them"
        mend = "give the one name by which the mesh knows it, or leave `managed_by_mesh` out"
        problems.append(Problem(what, mend, f"{cls.__name__}.managed_by_mesh", *class_place(cls, "base_url")))
    if problems:
        raise DeclarationError(problems)
    try:
        return Connection(cls.name, settings, Emitter(observers))
    except DeclarationError as error:
        raise DeclarationError([_placed(problem, cls, settings) for problem in error.problems]) from None


def _placed(problem: Problem, cls: type[Upstream], settings: Mapping[str, Any]) -> Problem:
    """Return what is wrong with a setting, with the place where the class sets it, if that is what counts."""
    name = problem.where
    place = class_place(cls, name) if settings[name] == getattr(cls, name) else ("", 0)
    return Problem(problem.what, problem.mend, f"{cls.__name__}.{name}", *place)
