"""Know what may be sent more than once: again after a failure, or once more beside the first."""

from typing import Final

from bff.ambassador._core import Request

__all__ = ["is_repeatable"]

# RFC 9110 section 9.2.2.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


def is_repeatable(request: Request) -> bool:
    """Say whether sending `request` twice does no more than sending it once."""
    return request.method in _IDEMPOTENT or any(name.lower() == "idempotency-key" for name, _ in request.headers)
