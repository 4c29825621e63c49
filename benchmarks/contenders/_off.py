"""Every policy of an upstream, off."""

from typing import Final

OFF: Final = {
    "timeout": None,
    "retry": None,
    "breaker": None,
    "bulkhead": None,
    "coalescing": None,
    "deadline_header": None,
}
