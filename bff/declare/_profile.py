"""A client profile: what one kind of client gets, and how it is treated."""

import re
from collections.abc import Callable, Collection, Sequence
from types import MethodType
from typing import Any, ClassVar, cast

from bff.declare._endpoint import Endpoint, collect, read_endpoint, route_of
from bff.declare._operation import Operation
from bff.declare._settings import near_miss
from bff.declare._source import class_place
from bff.errors import Problem

TRACING_HEADERS = ("traceparent", "tracestate", "baggage")
"""Headers of W3C Trace Context; they differ with every request, and say nothing about the answer."""


def kebab(name: str) -> str:
    """
    Return the name of a class as it is written in URLs and variables.

    >>> kebab("ProductCatalogV2")
    'product-catalog-v2'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


class Profile:
    """The settings of a client profile and their defaults; `ClientProfile` is what users subclass."""

    name: ClassVar[str] = ""
    prefix: ClassVar[str | None] = None
    deadline: ClassVar[float] = 10.0
    forward_headers: ClassVar[Sequence[str]] = (*TRACING_HEADERS, "accept-language")
    expose: ClassVar[bool] = False
    max_calls: ClassVar[int] = 100

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = kebab(cls.__name__)


NOT_SERVED = (
    "header",
    "host",
    "identify",
    "max_calls",
    "max_items",
    "max_request_body",
    "naming",
    "omit_none",
    "on_partial",
    "trusted_peer",
)
"""Settings of the contract that this version does not know: to ignore one would be to break a promise silently."""

SETTINGS = ("name", "prefix", "deadline", "forward_headers", "expose")


def endpoints_of(profile: type[Profile]) -> tuple[list[Endpoint], list[Problem]]:
    """Return the endpoints of a profile and everything that is wrong with its declaration."""
    members, problems = collect(profile)
    problems = [*_setting_problems(profile), *problems]
    found: list[Endpoint] = []
    for name, (function, route) in members.items():
        match read_endpoint(profile, name, function, route):
            case Endpoint() as endpoint:
                found.append(endpoint)
            case mistakes:
                problems += mistakes
    return found, problems


def _setting_problems(profile: type[Profile]) -> list[Problem]:
    problems: list[Problem] = []
    for cls in profile.__mro__:
        if cls.__module__.startswith("bff.") or cls is object:
            continue
        named = {name: None for name in vars(cls).get("__annotations__", {}) if near_miss(name, SETTINGS)}
        for name, value in {**named, **vars(cls)}.items():
            for what, mend in _attribute_problems(name, value):
                problems.append(Problem(what, mend, f"{cls.__name__}.{name}", *class_place(cls, name)))
    return problems


def _attribute_problems(name: str, value: object) -> list[tuple[str, str]]:
    if name.startswith("_"):
        return []
    if isinstance(value, Operation):
        return [(f"`{name}` is an operation, and stands in a client profile", "decorate it with @endpoint...")]
    if isinstance(getattr(type(value), "connected", None), MethodType):
        what = f"`{name}` is an instance of an upstream, which nobody connects"
        return [(what, "call it on the class in a traced endpoint; one that is `async def` takes it as a parameter")]
    if name == "router" and value is not None:
        return [(f"`{name}` is the name of something that every profile has", "give it another name")]
    if name in SETTINGS:
        if route_of(value):
            return [(f"the endpoint `{name}` has the name of a setting", "give it another name")]
        wrong = _CHECKS[name](value)
        return [(f"`{name}` is {value!r}", wrong)] if wrong else []
    if name in NOT_SERVED:
        return [(f"`{name}` is a setting that this version does not serve yet", "leave it out")]
    near = near_miss(name, SETTINGS)
    return [(f"`{name}` is no setting", f"did you mean `{near}`?")] if near else []


def _is_name(value: object) -> str:
    return "" if isinstance(value, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) else "write it in kebab case"


def _is_prefix(value: object) -> str:
    is_right = value is None or (isinstance(value, str) and re.fullmatch(r"(/[^/{}?#]+)*", value))
    return "" if is_right else "begin it with a slash and end it without one: `/phone`, or the empty string"


def _is_deadline(value: object) -> str:
    is_right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
    return "" if is_right else "set it to seconds, more than 0"


def _is_names(value: object) -> str:
    names = cast("Collection[object]", value) if isinstance(value, (list, tuple, set, frozenset)) else (None,)
    return "" if all(isinstance(name, str) for name in names) else "set it to a tuple of header names"


def _is_flag(value: object) -> str:
    return "" if isinstance(value, bool) else "set it to True or False"


_CHECKS: dict[str, Callable[[object], str]] = {
    "name": _is_name,
    "prefix": _is_prefix,
    "deadline": _is_deadline,
    "forward_headers": _is_names,
    "expose": _is_flag,
}
