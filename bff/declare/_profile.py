"""A client profile: what one kind of client gets, and how it is treated."""

import inspect
import re
from collections.abc import Mapping, Sequence
from types import MethodType
from typing import Any, ClassVar

from bff.declare._endpoint import Endpoint, collect, read_endpoint, route_of
from bff.declare._operation import Operation
from bff.declare._profile_settings import SETTINGS, misfit
from bff.declare._selector import Selector, selector
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
    host: ClassVar[str | Sequence[str] | None] = None
    header: ClassVar[tuple[str, str] | Mapping[str, str] | None] = None
    deadline: ClassVar[float] = 10.0
    identify: ClassVar[Any] = None
    forward_headers: ClassVar[Sequence[str]] = (*TRACING_HEADERS, "accept-language")
    trusted_peer: ClassVar[bool | Sequence[str]] = False
    naming: ClassVar[str] = "snake"
    omit_none: ClassVar[bool] = False
    max_items: ClassVar[int | None] = None
    max_calls: ClassVar[int] = 100
    max_request_body: ClassVar[int] = 1_000_000
    on_partial: ClassVar[str] = "degrade"
    expose: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = kebab(cls.__name__)


def selector_of(profile: type[Profile]) -> Selector:
    """Return what tells the requests of a profile from those of others, besides its prefix."""
    return selector(profile.host, profile.header)


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
        wrong = misfit(name, value)
        shown = f"the function `{value.__name__}`" if inspect.isfunction(value) else repr(value)
        return [(f"`{name}` is {shown}", wrong)] if wrong else []
    near = near_miss(name, SETTINGS)
    return [(f"`{name}` is no setting", f"did you mean `{near}`?")] if near else []
