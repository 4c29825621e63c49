"""Judge by an answer's status whether the upstream is well."""

from typing import Final

__all__ = ["SERVER_ERRORS", "verdict"]

SERVER_ERRORS: Final = 500  # and above
# RFC 9110 sections 15.6.2 and 15.6.6: what the server cannot do at all says nothing about its health.
_SERVER_IS_FINE: Final = frozenset({501, 505})
# Sections 15.5.9 and RFC 6585 section 4: the server asks for patience. Neither sick nor proof of health.
_NO_VERDICT: Final = frozenset({408, 429})


def verdict(status: int) -> bool | None:
    """Say of an answer whether it speaks for the upstream's health, against it (`False`), or neither."""
    if status in _NO_VERDICT:
        return None
    return status < SERVER_ERRORS or status in _SERVER_IS_FINE
