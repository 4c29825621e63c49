"""`call.get`, `call.post` and their like: turn a typed stub into an operation of an upstream."""

from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypedDict, TypeVar, Unpack

from bff.declare._markers import refuse_twice, require_path
from bff.declare._operation import Operation, Options
from bff.policy import Bulkhead, CircuitBreaker, Coalescing, FaultInjection, Hedging, RateLimit, Retry, Timeout

P = ParamSpec("P")
R = TypeVar("R")


class CallOptions(TypedDict, total=False):
    """
    What a `call.*` may say besides its path.

    `errors` maps statuses of the upstream to problem types of ours. `batch_of` names the operation that this one
    stands in for, `key` the field of an item that equals its parameter, `max_size` how many one request takes.
    A policy overrides the upstream's, `None` switches it off; the operation then has a breaker and slots of its own.
    """

    errors: Mapping[int, str]
    batch_of: str
    key: str
    max_size: int
    timeout: Timeout | None
    retry: Retry | None
    breaker: CircuitBreaker | None
    bulkhead: Bulkhead | None
    coalescing: Coalescing | None
    hedging: Hedging | None
    rate_limit: RateLimit | None
    fault: FaultInjection | None


def _operation(
    method: str, path: str, options: CallOptions
) -> Callable[[Callable[Concatenate[Any, P], R]], Operation[P, R]]:
    require_path(f"call.{method.lower()}", path)

    def declare(stub: Callable[Concatenate[Any, P], R]) -> Operation[P, R]:
        refuse_twice(f"call.{method.lower()}", stub, lambda other: isinstance(other, Operation))
        return Operation[P, R](method, path, stub, Options.of(options))

    return declare


class call:  # noqa: N801 - it reads as a verb: `@call.get("/products")`
    """Declare the operations of an upstream, one decorator for each method of HTTP."""

    @staticmethod
    def get(path: str, **options: Unpack[CallOptions]) -> Callable[[Callable[Concatenate[Any, P], R]], Operation[P, R]]:
        """Declare a read."""
        return _operation("GET", path, options)

    @staticmethod
    def head(
        path: str, **options: Unpack[CallOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Operation[P, R]]:
        """Declare a read without a body."""
        return _operation("HEAD", path, options)

    @staticmethod
    def post(
        path: str, **options: Unpack[CallOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Operation[P, R]]:
        """Declare a write that is not idempotent."""
        return _operation("POST", path, options)

    @staticmethod
    def put(path: str, **options: Unpack[CallOptions]) -> Callable[[Callable[Concatenate[Any, P], R]], Operation[P, R]]:
        """Declare a write that replaces."""
        return _operation("PUT", path, options)

    @staticmethod
    def patch(
        path: str, **options: Unpack[CallOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Operation[P, R]]:
        """Declare a write that changes a part."""
        return _operation("PATCH", path, options)

    @staticmethod
    def delete(
        path: str, **options: Unpack[CallOptions]
    ) -> Callable[[Callable[Concatenate[Any, P], R]], Operation[P, R]]:
        """Declare a write that removes."""
        return _operation("DELETE", path, options)
