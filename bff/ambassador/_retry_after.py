"""Read how long an upstream asks to be left alone."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["retry_after"]


def retry_after(headers: Mapping[str, str], *, wall: Callable[[], float] = time.time) -> float | None:
    """
    Return the seconds that `Retry-After` asks for, or `None` where it is absent or unreadable.

    RFC 9110 section 10.2.3: seconds or a date. A date is measured from the answer's own `Date`, so that two
    clocks that disagree do no harm, and from `wall()` where it has none.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:10])
    then = _timestamp(value)
    if then is None:
        return None
    return max(then - (_timestamp(headers.get("date", "")) or wall()), 0.0)


def _timestamp(date: str) -> float | None:
    try:
        parsed = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
