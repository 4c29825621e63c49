"""What comes of a plan: an answer, or why there is none."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from bff.declare._exchange import Binding
from bff.declare._operation import Operation
from bff.declare._scope import RequestScope
from bff.errors import RejectedError, UpstreamError
from bff.execute._frame import Failure

RESERVE_SHARE = 0.1
RESERVE_LEAST = 0.02

Bindings: TypeAlias = Mapping[Operation[..., Any], Binding]


class Outcome(NamedTuple):
    """What came of an endpoint: the answer, ready to be encoded, and `(path, cause)` for every default in it."""

    value: Any
    missing: tuple[tuple[str, str], ...] = ()


class RequestFailed(Exception):
    """
    Something that the answer cannot do without failed.

    `operation` is the one at fault, `None` where the answer breaks a promise of its own or time ran out; `is_own`
    says that its inputs were this endpoint's own parameters alone, `is_credentialed` that it carried the client's
    credential.
    """

    def __init__(
        self,
        error: UpstreamError | RejectedError,
        operation: Operation[..., Any] | None = None,
        *,
        is_own: bool = False,
        is_credentialed: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.operation = operation
        self.is_own = is_own
        self.is_credentialed = is_credentialed

    @classmethod
    def of(cls, failure: Failure, bindings: Bindings, scope: RequestScope) -> "RequestFailed":
        """Return the end of a request for the failure of one of its steps."""
        call = failure.call
        if call is None:
            return cls(failure.error)
        is_credentialed = bindings[call.operation].carries_credential(scope)
        return cls(failure.error, call.operation, is_own=call.is_own, is_credentialed=is_credentialed)


def soft_deadline(scope: RequestScope) -> float:
    """Return when what the answer can do without has to be there, so that the answer leaves in time."""
    return scope.deadline - max(RESERVE_LEAST, RESERVE_SHARE * (scope.deadline - scope.started))
