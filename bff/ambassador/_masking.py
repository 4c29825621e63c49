"""Show where a request goes, and not what its query holds: it may be a credential, or a user's."""

import re
from typing import Final

__all__ = ["MASK", "masked"]

MASK: Final = "REDACTED"  # OpenTelemetry's word for it
_USER: Final = re.compile(r"(?<=//)[^/]*(?=@)")


def masked(target: str) -> str:
    """
    Return a path and query in which each value is masked, whatever has no name, and the user of a URL in the path.

    >>> masked("/search?q=flowers&page=2&token")
    '/search?q=REDACTED&page=REDACTED&REDACTED'
    >>> masked("/fetch/https://user:password@elsewhere/")
    '/fetch/https://REDACTED@elsewhere/'
    """
    path, mark, query = target.partition("?")
    if "@" in path:
        path = _USER.sub(MASK, path)
    if not mark:
        return path
    parts = [part.partition("=") for part in query.split("&")]
    return f"{path}?" + "&".join([f"{name}={MASK}" if equals else MASK for name, equals, _ in parts])
