"""The settings of a client profile: what each may be, and what to do about a value that it cannot have."""

import inspect
import ipaddress
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, cast

from bff.declare._caller import callable_of
from bff.declare._selector import hosts_in, pairs_in

__all__ = ["SETTINGS", "misfit"]


def misfit(name: str, value: object) -> str:
    """Return the mend for a value that a setting cannot have, the empty string where it can."""
    return _CHECKS[name](value)


def _is_name(value: object) -> str:
    return "" if isinstance(value, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) else "write it in kebab case"


def _is_prefix(value: object) -> str:
    is_right = value is None or (isinstance(value, str) and re.fullmatch(r"(/[^/{}?#]+)*", value))
    return "" if is_right else "begin it with a slash and end it without one: `/phone`, or the empty string"


def _is_host(value: object) -> str:
    mend = 'set it to a host without scheme, port and path, "m.example.com", or to a tuple of hosts'
    return "" if hosts_in(value) is not None else mend


def _is_header(value: object) -> str:
    if pairs_in(value) is not None:
        return ""
    ways = 'set it to a name and a value, ("x-client", "mobile"), or a range of versions, ("x-app-version", ">=2,<3")'
    return f"{ways}; several are a dict"


def _is_deadline(value: object) -> str:
    is_right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
    return "" if is_right else "set it to seconds, more than 0"


def _is_dependency(value: object) -> str:
    if value is None:
        return ""
    function = callable_of(value)
    if isinstance(function, (staticmethod, classmethod)):
        function = cast("Any", function).__func__
    if not callable(function):
        return "set it to a FastAPI dependency: a function that returns who is calling"
    if inspect.isfunction(function) and next(iter(inspect.signature(function).parameters), "") == "self":
        return "define it outside of the class, or as a @staticmethod: a dependency takes no `self`"
    return ""


def _is_names(value: object) -> str:
    names = cast("Collection[object]", value) if isinstance(value, (list, tuple, set, frozenset)) else (None,)
    return "" if all(isinstance(name, str) for name in names) else "set it to a tuple of header names"


def _is_peer(value: object) -> str:
    if isinstance(value, bool):
        return ""
    networks = cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (None,)
    mend = 'set it to True, False, or a tuple of addresses and networks: ("10.0.0.0/8",)'
    return "" if networks and all(map(_is_network, networks)) else mend


def _is_network(value: object) -> bool:
    try:
        ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _is_naming(value: object) -> str:
    return "" if value in ("snake", "camel") else 'set it to "snake" or "camel"'


def _is_manner(value: object) -> str:
    return "" if value in ("degrade", "fail") else 'set it to "degrade" or "fail"'


def _is_count(value: object) -> str:
    return "" if type(value) is int and value >= 1 else "set it to a whole number, 1 or more"


def _is_count_or_none(value: object) -> str:
    return "" if value is None or not _is_count(value) else "set it to a whole number, 1 or more, or to None for no end"


def _is_bytes(value: object) -> str:
    return "" if type(value) is int and value >= 0 else "set it to a number of bytes"


def _is_flag(value: object) -> str:
    return "" if isinstance(value, bool) else "set it to True or False"


_CHECKS: Final[dict[str, Callable[[object], str]]] = {
    "name": _is_name,
    "prefix": _is_prefix,
    "host": _is_host,
    "header": _is_header,
    "deadline": _is_deadline,
    "identify": _is_dependency,
    "forward_headers": _is_names,
    "trusted_peer": _is_peer,
    "naming": _is_naming,
    "omit_none": _is_flag,
    "max_items": _is_count_or_none,
    "max_calls": _is_count,
    "max_request_body": _is_bytes,
    "on_partial": _is_manner,
    "expose": _is_flag,
}

SETTINGS: Final = tuple(_CHECKS)
