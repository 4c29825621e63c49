"""`Upstream`: a service that is called, and the promises that it makes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, TypedDict

import httpx
from pydantic import ValidationError
from typing_extensions import Self, Unpack

from bff.ambassador._onion import OnionStatistics
from bff.declare._connection import Connection
from bff.declare._exchange import Binding, exchange, violation
from bff.declare._operation import Operation
from bff.declare._profile import kebab
from bff.declare._scope import current_scope
from bff.declare._settings import FIELDS, near_miss, resolve
from bff.declare._source import class_place
from bff.errors import BFFError, DeclarationError, Problem
from bff.events import Emitter, Observer
from bff.policy import Bulkhead, CircuitBreaker, Retry, Timeout

_RESERVED = ("aclose", "binding", "bind", "connected", "connection", "statistics")


class UpstreamSettings(TypedDict, total=False):
    """What a constructor may set; a mapping over a policy changes just the fields that it names."""

    base_url: str
    headers: Mapping[str, str]
    accept_headers: Sequence[str]
    auth: Any
    verify: Any
    max_body: int
    timeout: Timeout | Mapping[str, Any] | None
    retry: Retry | Mapping[str, Any] | None
    breaker: CircuitBreaker | Mapping[str, Any] | None
    bulkhead: Bulkhead | Mapping[str, Any] | None
    transport: httpx.AsyncBaseTransport | None


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
    auth: ClassVar[Any] = None
    verify: ClassVar[Any] = True
    max_body: ClassVar[int] = 10_000_000
    timeout: ClassVar[Timeout | None] = Timeout()
    retry: ClassVar[Retry | None] = Retry()
    breaker: ClassVar[CircuitBreaker | None] = CircuitBreaker()
    bulkhead: ClassVar[Bulkhead | None] = Bulkhead()

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
        self._connect(dict(settings), app=None, observers=())

    @classmethod
    def connected(
        cls, *, app: str | Sequence[str] | Mapping[str, object] | None, observers: Sequence[Observer] = ()
    ) -> Self:
        """Return an instance with what an app says about this upstream; `BFF` makes its own with it."""
        made = cls.__new__(cls)
        made._connect({}, app=app, observers=observers)
        return made

    def _connect(
        self, given: Mapping[str, object], *, app: Any, observers: Sequence[Observer]
    ) -> None:
        cls = type(self)
        problems = problems_of(cls)
        settings: dict[str, Any] = {}
        try:
            settings = resolve(cls.name, _declared(cls), app=app, given=given)
        except DeclarationError as error:
            problems += error.problems
        if problems or not settings.get("base_url"):
            raise DeclarationError(problems or [_homeless(cls)])
        self.connection = Connection(cls.name, settings, Emitter(observers))

    def binding(self, operation: Operation[..., Any]) -> Binding:
        """Return an operation ready to be sent by a plan."""
        return self.connection.binding(operation)

    def bind(self, operation: Operation[..., Any]) -> Callable[..., Awaitable[Any]]:
        """Return an operation ready to be awaited with its arguments."""
        return _Bound(self.connection.binding(operation))

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
            response = await exchange(self._binding, values, scope=scope, deadline=scope.deadline if scope else None)
            return operation.decode(response.content)
        except ValidationError as error:
            raise violation(self._binding, error) from error
        except BFFError as error:
            if scope is not None:
                scope.failed = (error, operation, values)
            raise


def operations_of(cls: type[Upstream]) -> list[Operation[..., Any]]:
    """Return the operations of an upstream, inherited ones too."""
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return [member for member in found.values() if isinstance(member, Operation)]


def problems_of(cls: type[Upstream]) -> list[Problem]:
    """Return everything that is wrong with the declaration of an upstream."""
    problems = [problem for operation in operations_of(cls) for problem in operation.problems]
    names = {operation.name for operation in operations_of(cls)}
    for operation in operations_of(cls):
        if operation.name in FIELDS or operation.name in _RESERVED:
            operation.refuse(f"the operation `{operation.name}` has the name of a setting", "give it another name")
            problems.append(operation.problems.pop())
        target = operation.options.batch_of
        if target is not None and target not in names:
            operation.refuse(f"batch_of names `{target}`, which is no operation here", "name an operation of this class")
            problems.append(operation.problems.pop())
    for base in cls.__mro__:
        if base in (Upstream, object):
            continue
        for name, value in vars(base).items():
            near = None if name.startswith("_") or isinstance(value, Operation) else near_miss(name, FIELDS)
            if near:
                place = class_place(base, name)
                problems.append(Problem(f"`{name}` is no setting", f"did you mean `{near}`?", f"{cls.__name__}.{name}", *place))
    return problems


def _declared(cls: type[Upstream]) -> dict[str, object]:
    return {name: getattr(cls, name) for name in FIELDS if hasattr(cls, name)}


def _homeless(cls: type[Upstream]) -> Problem:
    mend = f"set `base_url` on the class, or BFF_{cls.name.upper().replace('-', '_')}__BASE_URL"
    return Problem("it has no address", mend, cls.__name__, *class_place(cls, "base_url"))
