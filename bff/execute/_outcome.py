"""What comes of a plan: an answer, or why there is none."""

from typing import Any, NamedTuple

from bff.declare._operation import Operation
from bff.errors import RejectedError, UpstreamError


class Outcome(NamedTuple):
    """What came of a plan: the answer as data ready to be encoded, and `(path, cause)` for every default in it."""

    value: Any
    missing: tuple[tuple[str, str], ...]


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
