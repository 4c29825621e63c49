"""`endpoint.get` and its like: say what a method of a client profile answers."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast, get_args, get_type_hints

from bff._frames import user_frame
from bff._unset import UNSET
from bff.declare._answers import answer_mistakes
from bff.declare._functions import words_in
from bff.declare._markers import marker_mistakes, refuse_twice, require_path
from bff.declare._settings import near_miss
from bff.declare._source import class_place
from bff.declare._types import element, is_model, mapping_value, spell, unwrap
from bff.errors import DeclarationError, Problem

if TYPE_CHECKING:
    from bff.declare._profile import Profile

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__bff_endpoint__"
_EMPTY = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT)
_PLACEHOLDER = re.compile(r"\{(\w+)(?::\w+)?\}")


class EndpointOptions(TypedDict, total=False):
    """What an `endpoint.*` may say besides its path; the words mean what they mean in FastAPI."""

    status_code: int
    tags: Sequence[str]
    summary: str


@dataclass(frozen=True, slots=True)
class Route:
    """The mark that a decorator leaves on a method."""

    method: str
    path: str
    options: EndpointOptions


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One endpoint of one profile; `parameters` and `returns` have their annotations resolved."""

    profile: "type[Profile]"
    name: str
    function: Callable[..., Any]
    route: Route
    parameters: tuple[inspect.Parameter, ...]
    returns: Any

    @property
    def where(self) -> str:
        """`Mobile.product`, as the declaration reads."""
        return f"{self.profile.__name__}.{self.name}"

    @property
    def is_traced(self) -> bool:
        """Whether it is traced once, as opposed to run per request."""
        return not inspect.iscoroutinefunction(self.function)

    @property
    def place(self) -> tuple[str, int]:
        """The file and line of the function."""
        return place_of(self.function)

    @property
    def title(self) -> str:
        """`GET /products/{product_id}`."""
        return f"{self.route.method} {self.route.path}"


def place_of(function: Callable[..., Any]) -> tuple[str, int]:
    """Return the file and the line where a function begins."""
    code = inspect.unwrap(function).__code__
    return code.co_filename, code.co_firstlineno


def placeholders(path: str) -> Sequence[str]:
    """Return the names that stand in a path."""
    return cast("Sequence[str]", _PLACEHOLDER.findall(path))


def route_of(member: object) -> Route | None:
    """Return what `endpoint.*` noted on a member of a profile, if anything."""
    bearers = (member, getattr(member, "__func__", None), getattr(member, "fget", None))
    marks = (vars(bearer).get(_MARK) for bearer in bearers if hasattr(bearer, "__dict__"))
    return cast("Route | None", next((mark for mark in marks if mark is not None), None))


def read_endpoint(
    profile: "type[Profile]", name: str, function: Callable[..., Any], route: Route
) -> Endpoint | list[Problem]:
    """Resolve the annotations of an endpoint; returns the problems where that cannot be done."""
    file, line = place_of(function)
    where = f"{profile.__name__}.{name}"
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        return [Problem(f"an annotation cannot be read: {error}", "define the name at module level", where, file, line)]
    signature = [*inspect.signature(function).parameters.values()]
    parameters = tuple(parameter.replace(annotation=hints.get(parameter.name, UNSET)) for parameter in signature[1:])
    found = Endpoint(profile, name, function, route, parameters, hints.get("return", UNSET))
    return _problems(found, has_self=bool(signature) and signature[0].name == "self") or found


def _problems(endpoint: Endpoint, *, has_self: bool) -> list[Problem]:
    file, line = endpoint.place
    mistakes: list[tuple[str, str]] = []
    if not has_self:
        mistakes.append(("the endpoint does not take `self`", "write `self` as its first parameter, as in any method"))
    mistakes += answer_mistakes(endpoint.returns, is_traced=endpoint.is_traced)
    for parameter in endpoint.parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            mend = "name every parameter; a decorator keeps those of what it wraps with functools.wraps"
            mistakes.append((f"`{parameter.name}` takes any number of arguments", mend))
        elif parameter.annotation is UNSET:
            mend = f"annotate it: `{parameter.name}: int`"
            mistakes.append((f"`{parameter.name}` has no type", mend))
        else:
            is_in_path = parameter.name in placeholders(endpoint.route.path)
            mistakes += marker_mistakes(parameter.name, parameter.annotation, is_in_path=is_in_path)
    mistakes += [*_path_mistakes(endpoint), *_option_mistakes(endpoint.route.options, endpoint.returns)]
    if inspect.isgeneratorfunction(endpoint.function) or inspect.isasyncgenfunction(endpoint.function):
        mistakes.append(("the endpoint is a generator", "return the answer instead of yielding it"))
    return [Problem(what, mend, endpoint.where, file, line) for what, mend in mistakes] + [*_words(endpoint)]


def _words(endpoint: Endpoint) -> Iterator[Problem]:
    """Yield the words of traced endpoints in one that is not: they would fail at every request."""
    function = inspect.unwrap(endpoint.function)
    if endpoint.is_traced or not isinstance(function, FunctionType):
        return
    for word, line in words_in(function):
        cls, _, operation = word.rpartition(".")
        what = f"`{word}` is for traced endpoints, and this one is `async def`"
        mend = "use plain Python, as `try` around an awaited call, or make the endpoint a plain `def`"
        if cls:
            mend = f"take the upstream as a parameter, `upstream: {cls}`, and `await upstream.{operation}(...)`"
        yield Problem(what, mend, endpoint.where, function.__code__.co_filename, line)


def _path_mistakes(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    path, parameters = endpoint.route.path, {parameter.name: parameter for parameter in endpoint.parameters}
    if not path.startswith("/"):
        yield f"the path `{path}` does not begin with a slash", f"write `/{path}`"
    if set("{}") & {*_PLACEHOLDER.sub("", path)}:
        yield f"the path `{path}` has a placeholder that is no name", "write it `{name}`"
    names = placeholders(path)
    if len({*names}) < len(names):
        yield f"the path `{path}` names a placeholder twice", "give each a name of its own"
    # A dependency may take what the endpoint does not.
    is_whole = not any(_has_dependency(parameter) for parameter in parameters.values())
    for name in names:
        if name not in parameters and is_whole:
            yield f"the path names `{{{name}}}`, which is no parameter", f"add a parameter `{name}`"
        tp = unwrap(parameters[name].annotation) if name in parameters else str
        if is_model(tp) or element(tp) is not None or mapping_value(tp) is not None:
            what = f"`{name}` stands in the path, where no `{spell(tp)}` can"
            yield what, "take one value: a text, a number, an enum"


def _has_dependency(parameter: inspect.Parameter) -> bool:
    return any(hasattr(marker, "dependency") for marker in (parameter.default, *get_args(parameter.annotation)[1:]))


def _option_mistakes(options: EndpointOptions, returns: object) -> Iterator[tuple[str, str]]:
    known = EndpointOptions.__annotations__
    for name in options.keys() - known.keys():
        near = near_miss(name, known)
        mend = f"did you mean `{near}`?" if near else f"known are {', '.join(known)}"
        yield f"`{name}` is no option of an endpoint", mend
    status: object = options.get("status_code", HTTPStatus.OK)
    is_status = isinstance(status, int) and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    if not is_status or isinstance(status, bool):
        yield f"status_code is {status!r}", "set the status of an answer that succeeds, 200 to 299"
    elif status in _EMPTY and returns is not type(None):
        yield f"status_code is {status}, which has no body", "answer nothing: `-> None`, or set another status"
    tags: object = options.get("tags", ())
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        yield f"tags is {tags!r}", f"give a list of them: `tags=[{tags!r}]`"
    summary: object = options.get("summary", "")
    if not isinstance(summary, str):
        yield f"summary is {summary!r}", "say it in a text"


def collect(profile: "type[Profile]") -> tuple[Mapping[str, tuple[Callable[..., Any], Route]], list[Problem]]:
    """
    Return the endpoints of a profile by method name, inherited ones first, and what is wrong with them as a set.

    A subclass overrides by name or by path; `name = None` drops an inherited one.
    """
    found: dict[str, tuple[Callable[..., Any], Route]] = {}
    problems: list[Problem] = []
    for cls in reversed(profile.__mro__):
        marked = {name: (member, route) for name, member in vars(cls).items() if (route := route_of(member))}
        own = {name: (member, route) for name, (member, route) in marked.items() if inspect.isfunction(member)}
        problems += [_no_method(cls, name, member) for name, (member, _) in marked.items() if name not in own]
        problems += _clashes(cls, own)
        for name, member in vars(cls).items():
            if name in found and name not in marked:
                problems += [] if member is None else [_undecorated(cls, name, member)]
                del found[name]
        taken = {_address(route) for _, route in own.values()}
        found = {name: pair for name, pair in found.items() if _address(pair[1]) not in taken}
        found.update(own)
    return found, problems


def _address(route: Route) -> tuple[str, str]:
    """Return what requests are told apart by: the names of placeholders are not."""
    return route.method, re.sub(r"\{[^}]*\}", "{}", route.path)


def _clashes(cls: type, own: Mapping[str, tuple[Callable[..., Any], Route]]) -> list[Problem]:
    seen: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    for name, (function, route) in own.items():
        first = seen.setdefault(_address(route), name)
        if first != name:
            what = f"`{name}` and `{first}` both answer {route.method} {route.path}"
            problems.append(Problem(what, "give one another path", f"{cls.__name__}.{name}", *place_of(function)))
    return problems


def _no_method(cls: type, name: str, member: object) -> Problem:
    what = f"the endpoint `{name}` is a {type(member).__name__.lower()}, and no method"
    mend = "decorate a plain method"
    return Problem(what, mend, f"{cls.__name__}.{name}", *class_place(cls, name))


def _undecorated(cls: type, name: str, member: object) -> Problem:
    what = f"`{name}` replaces an inherited endpoint and is none itself"
    place = place_of(member) if inspect.isfunction(member) else ("", 0)
    return Problem(
        what, "decorate it with @endpoint..., or set it to None to drop it", f"{cls.__name__}.{name}", *place
    )


def _declare(method: str, path: str, options: EndpointOptions) -> Callable[[F], F]:
    require_path(f"endpoint.{method.lower()}", path)

    def mark(function: F) -> F:
        refuse_twice(f"endpoint.{method.lower()}", function, lambda other: route_of(other) is not None)
        before = route_of(function)
        if before is not None:
            what = f"`{function.__name__}` answers {before.method} {before.path} already"
            mend = "write a method for each path; what they share is a method without a decorator"
            raise DeclarationError(Problem(what, mend, f"endpoint.{method.lower()}", *user_frame()))
        setattr(function, _MARK, Route(method, path, options))
        return function

    return mark


class endpoint:  # noqa: N801 - it reads as a verb: `@endpoint.get("/products")`
    """Declare the endpoints of a client profile, one decorator for each method of HTTP."""

    @staticmethod
    def get(path: str, **options: Unpack[EndpointOptions]) -> Callable[[F], F]:
        """Answer `GET`."""
        return _declare("GET", path, options)

    @staticmethod
    def post(path: str, **options: Unpack[EndpointOptions]) -> Callable[[F], F]:
        """Answer `POST`."""
        return _declare("POST", path, options)

    @staticmethod
    def put(path: str, **options: Unpack[EndpointOptions]) -> Callable[[F], F]:
        """Answer `PUT`."""
        return _declare("PUT", path, options)

    @staticmethod
    def patch(path: str, **options: Unpack[EndpointOptions]) -> Callable[[F], F]:
        """Answer `PATCH`."""
        return _declare("PATCH", path, options)

    @staticmethod
    def delete(path: str, **options: Unpack[EndpointOptions]) -> Callable[[F], F]:
        """Answer `DELETE`."""
        return _declare("DELETE", path, options)
