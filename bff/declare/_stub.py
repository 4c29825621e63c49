"""Read the stub of an operation: where each parameter travels, and what is wrong."""

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from fastapi import params
from pydantic import BaseModel

from bff._unset import UNSET
from bff.declare._fields import MENDS, is_fit, misfit
from bff.declare._markers import marker_mistakes, markers_of
from bff.declare._settings import near_miss
from bff.declare._source import has_statements
from bff.declare._template import Parameter
from bff.declare._types import (
    Type,
    as_class,
    element,
    is_model,
    is_nullable,
    mapping_value,
    members,
    origin_of,
    spell,
    typed_keys,
    unwrap,
    without_none,
)

if TYPE_CHECKING:
    from bff.declare._operation import Operation, Options

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TOKEN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_SIZE = 100
_OPTIONS = (
    "errors",
    "batch_of",
    "key",
    "max_size",
    "timeout",
    "retry",
    "breaker",
    "bulkhead",
    "coalescing",
    "hedging",
    "rate_limit",
    "fault",
)

_Mistake = tuple[str, str]


def read_stub(operation: "Operation[..., Any]") -> tuple[tuple[Parameter, ...], list[_Mistake]]:
    """Return the parameters that can be read, and every mistake with its mend."""
    found: list[Parameter] = []
    mistakes = [*_form_mistakes(operation), *_path_mistakes(operation), *_option_mistakes(operation.options)]
    for name, parameter in operation.signature.parameters.items():
        annotation = operation.hint(name)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            mistakes.append((f"`{name}` takes any number of arguments", "name every parameter, with its type"))
        elif parameter.annotation is parameter.empty:
            mistakes.append((f"`{name}` has no type", f"annotate it: `{name}: int`"))
        elif annotation is not UNSET:
            found.append(_parameter(operation.path, name, annotation))
            mistakes += _parameter_mistakes(found[-1], parameter.default)
            mistakes += marker_mistakes(name, annotation, is_in_path=found[-1].place == "path")
            mistakes += _sent_mistakes(found[-1])
    return tuple(found), [*mistakes, *_body_mistakes(operation.method, found)]


def _parameter(path: str, name: str, annotation: Any) -> Parameter:
    markers = get_args(annotation)[1:] if origin_of(annotation) is Annotated else ()
    marker = next((each for each in markers if isinstance(each, params.Param)), None)
    cls = as_class(unwrap(annotation))
    if name in _PLACEHOLDER.findall(path):
        return Parameter(name, "path", name, annotation)
    if isinstance(marker, params.Header):
        dashed = name.replace("_", "-") if marker.convert_underscores else name
        return Parameter(name, "header", (marker.alias or dashed).lower(), annotation)
    if cls is not None and issubclass(cls, BaseModel):
        return Parameter(name, "body", name, annotation)
    return Parameter(name, "query", (marker.alias if marker else None) or name, annotation)


def _parameter_mistakes(parameter: Parameter, default: object) -> Iterator[_Mistake]:
    name, place, tp = parameter.name, parameter.place, parameter.annotation
    if isinstance(default, params.Param):
        marker = type(default).__name__
        yield f"`{name}` has a marker as its default", f"write `{name}: Annotated[{spell(tp)}, {marker}()] = ...`"
    if place == "path" and is_nullable(tp):
        yield f"`{name}` stands in the path and may be None", "drop the `None` from its type"
    item = _item(tp) if place == "query" else None
    if place != "body" and not _is_writable(item or tp):
        where = {"path": "in the path", "query": "in the query", "header": "in a header"}[place]
        mend = "send one value: a text, a number, a date, an enum; many fields are a body, as a pydantic model"
        yield f"`{name}` stands {where}, where no `{spell(tp)}` can", mend


def _sent_mistakes(parameter: Parameter) -> Iterator[_Mistake]:
    """Yield the markers that mean something of a request that arrives, and nothing of one that is sent."""
    for marker in markers_of(parameter.annotation):
        is_plain_body = type(marker) is params.Body and parameter.place == "body" and not marker.embed
        if isinstance(marker, (params.Cookie, params.Body, params.Depends)) and not is_plain_body:
            marked = f"`{parameter.name}` is marked `{type(marker).__name__}()`"
            yield (
                f"{marked}, which means nothing of a request that is sent",
                "a body is a pydantic model without a marker; send a cookie as a header, `Header()`",
            )


def _item(tp: Type) -> Type | None:
    """Return the type of the values of a parameter that is repeated, `None` for one that is not."""
    tp = without_none(tp)
    return get_args(tp)[0] if origin_of(tp) in (set, frozenset) else element(tp)


def _is_writable(tp: Type) -> bool:
    return all(_is_scalar(part) for part in members(without_none(tp)))


def _is_scalar(tp: Type) -> bool:
    cls = as_class(tp)
    is_many = _item(tp) is not None or mapping_value(tp) is not None or typed_keys(tp) is not None
    is_textless = cls is not None and issubclass(cls, (bytes, timedelta, set, frozenset))
    return not (is_many or is_textless or is_model(tp) or tp in (Any, object))


def _body_mistakes(method: str, parameters: list[Parameter]) -> Iterator[_Mistake]:
    bodies = [parameter.name for parameter in parameters if parameter.place == "body"]
    if bodies and method not in _WITH_BODY:
        yield f"`{bodies[0]}` is a model, and {method} has no body", "name its fields as parameters"
    if len(bodies) > 1:
        yield f"`{bodies[0]}` and `{bodies[1]}` are both the body", "make one model of them"


def _form_mistakes(operation: "Operation[..., Any]") -> Iterator[_Mistake]:
    if inspect.iscoroutinefunction(operation.stub):
        yield "the stub is `async def`", "write `def`: on an instance it is awaited all the same"
    if has_statements(operation.stub):
        what = "the stub has a body, which never runs: the upstream answers"
        yield what, "write `...` for it; what is made of the answer belongs in the endpoint"
    if next(iter(inspect.signature(operation.stub).parameters), "") != "self":
        yield "the stub does not take `self`", "write `self` as its first parameter, as in any method"


def _path_mistakes(operation: "Operation[..., Any]") -> Iterator[_Mistake]:
    path = operation.path
    for name in sorted({*_PLACEHOLDER.findall(path)} - operation.signature.parameters.keys()):
        yield f"the path names `{{{name}}}`, which is no parameter", f"add a parameter `{name}`"
    if not path.startswith("/"):
        yield f"the path `{path}` does not begin with a slash", f"write `/{path}`"
    if "?" in path or "#" in path:
        yield f"the path `{path}` holds a query", "make each query value a parameter"
    if set("{}") & {*_PLACEHOLDER.sub("", path)}:
        yield f"the path `{path}` has a placeholder that is no name", "write it `{name}`"


def _option_mistakes(options: "Options") -> Iterator[_Mistake]:
    for name in options.unknown:
        near = near_miss(name, _OPTIONS)
        mend = f"did you mean `{near}`?" if near else f"known are {', '.join(_OPTIONS)}"
        yield f"`{name}` is no option of a call", mend
    for name, policy in options.policies.items():
        if not is_fit(name, policy):
            yield misfit(name, policy), MENDS[name]
    yield from _error_mistakes(options.errors)
    yield from _batch_mistakes(options.batch_of, options.max_size, has_key=options.key is not None)


def _batch_mistakes(batch_of: object, size: object, *, has_key: bool) -> Iterator[_Mistake]:
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        yield f"max_size is {size!r}", "say how many one request takes, at least 1"
    if batch_of is not None and not isinstance(batch_of, str):
        yield "batch_of is no text", 'name the operation: `batch_of="product"`'
    elif batch_of is None and (has_key or size != _MAX_SIZE):
        name = "key" if has_key else "max_size"
        yield f"`{name}` is set, and `batch_of` is not", f"name the operation it stands in for, or leave `{name}` out"


def _error_mistakes(errors: object) -> Iterator[_Mistake]:
    if not isinstance(errors, Mapping):
        yield f"errors= is {errors!r}", 'map statuses to problem types: `errors={409: "already-exists"}`'
        return
    for status, name in cast("Mapping[object, object]", errors).items():
        if not isinstance(status, int) or not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            yield f"errors= maps {status!r}, which is no client's error", "map statuses from 400 to 499"
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            yield f"errors= maps {status!r} to {name!r}", 'name a problem type in kebab case: "already-exists"'
