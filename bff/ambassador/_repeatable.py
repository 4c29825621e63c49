"""Know what may be sent more than once: again after a failure, or once more beside the first."""

from typing import Final

from bff.ambassador._core import Request

__all__ = ["IDEMPOTENT", "is_repeatable"]

# RFC 9110 section 9.2.2.
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


def is_repeatable(request: Request) -> bool:
    """Say whether `request` can be sent twice, and does no more then than sent once."""
    if request.method in IDEMPOTENT or any(name.lower() == "idempotency-key" for name, _ in request.headers):
        return request.is_replayable
    return False
