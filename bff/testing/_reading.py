"""Read of a request what an operation was called with: the wire is what counts."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from bff.ambassador import Request
from bff.declare._operation import Operation
from bff.declare._template import Parameter, text_of
from bff.declare._types import element, origin_of, unwrap, without_none

__all__ = ["Arguments", "Reading"]


@dataclass(frozen=True, slots=True)
class Arguments:
    """
    What a request was made with, by the names of the parameters.

    `written` is as it went over the wire: a text, a list of texts, the JSON of a body; `values` are as the operation
    declares them.
    """

    written: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """Reads the requests of one operation, which `prefix` stands before in every path."""

    operation: Operation[..., Any]
    prefix: str = ""

    @cached_property
    def _path(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.operation.path)
        return re.compile(
            "".join(f"(?P<{part}>[^/]*)" if odd % 2 else re.escape(part) for odd, part in enumerate(parts))
        )

    @cached_property
    def _adapters(self) -> Mapping[str, TypeAdapter[Any]]:
        return {parameter.name: TypeAdapter(_single(parameter)) for parameter in self.operation.parameters}

    @cached_property
    def _many(self) -> frozenset[str]:
        return frozenset(parameter.name for parameter in self.operation.parameters if is_many(parameter))

    def read(self, request: Request) -> Arguments | None:
        """Return the arguments, `None` where it is no request of this operation: one for a token, say."""
        url = urlsplit(request.target)
        path = unquote(url.path)
        if not path.startswith(self.prefix) or request.method != self.operation.method:
            return None
        in_path = self._path.fullmatch(path[len(self.prefix) :])
        if in_path is None:
            return None
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(url.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        written: dict[str, Any] = {}
        for parameter in self.operation.parameters:
            written[parameter.name] = _written(parameter, in_path.groupdict(), query, request)
        return Arguments(written, {name: self._value(name, value) for name, value in written.items()})

    def is_match(self, expected: Mapping[str, object], arguments: Arguments) -> bool:
        """Say whether a request was made with the arguments that are expected."""
        parameters = {parameter.name: parameter for parameter in self.operation.parameters}
        return all(_as_written(parameters[name], value) == arguments.written[name] for name, value in expected.items())

    def _value(self, name: str, written: Any) -> Any:
        adapter = self._adapters[name]
        if written is None:
            return None
        # What cannot be read back, for one reason or another, is still of use as it was written.
        with suppress(ValidationError):
            if isinstance(written, str):
                return adapter.validate_strings(written)
            if name in self._many:
                return [adapter.validate_strings(text) for text in written]
            return adapter.validate_python(written)
        return written


def is_many(parameter: Parameter) -> bool:
    """Say whether a parameter is repeated in the query."""
    tp = without_none(parameter.annotation)
    return parameter.place == "query" and (element(tp) is not None or origin_of(tp) in (set, frozenset))


def _single(parameter: Parameter) -> Any:
    """Return the type of a parameter, of one of its values where it is repeated."""
    tp = without_none(parameter.annotation)
    return get_args(unwrap(tp))[0] if is_many(parameter) and get_args(unwrap(tp)) else unwrap(tp)


def _written(
    parameter: Parameter, in_path: Mapping[str, str], query: Mapping[str, Sequence[str]], request: Request
) -> Any:
    match parameter.place:
        case "path":
            return in_path[parameter.name]
        case "query":
            values = [*query.get(parameter.wire_name, ())]
            return values if is_many(parameter) else values[-1] if values else None
        case "header":
            return next((value for name, value in request.headers if name.lower() == parameter.wire_name), None)
        case _:
            content = request.content
            return json.loads(content) if isinstance(content, bytes) and content else None


def _as_written(parameter: Parameter, value: object) -> Any:
    if isinstance(value, BaseModel):
        return json.loads(value.model_dump_json(by_alias=True))
    if parameter.place == "body" or value is None:
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [text_of(item) for item in cast("Sequence[object]", value)]
    return text_of(value)
