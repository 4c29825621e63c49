"""Show where a request goes, and not what its query holds: it may be a credential, or a user's."""

from typing import Final

__all__ = ["MASK", "masked"]

MASK: Final = "REDACTED"  # OpenTelemetry's word for it


def masked(target: str) -> str:
    """
    Return a path and query in which each value is masked, and whatever has no name.

    >>> masked("/search?q=flowers&page=2&token")
    '/search?q=REDACTED&page=REDACTED&REDACTED'
    """
    path, mark, query = target.partition("?")
    if not mark:
        return target
    parts = [part.partition("=") for part in query.split("&")]
    return f"{path}?" + "&".join([f"{name}={MASK}" if equals else MASK for name, equals, _ in parts])
