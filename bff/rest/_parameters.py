"""Read the parameters of a plain route: what stands in path and query alone, as FastAPI would, and faster."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from bff.declare._types import as_class, members

Read: TypeAlias = Callable[[MutableMapping[str, Any]], Mapping[str, Any] | None]
"""Takes an ASGI scope and returns the parameters, `None` where one of them is wrong: FastAPI then says how."""

_PLAIN = (str, int, float, bool, Enum)


def is_plain(dependant: Dependant) -> bool:
    """Say whether there is nothing to read but path and query; names that begin with `bff_` are our own."""
    fields = (dependant.header_params, dependant.cookie_params, dependant.body_params, dependant.dependencies)
    names = (
        dependant.request_param_name,
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.http_connection_param_name,
    )
    return not any(fields) and all(name is None or name.startswith("bff_") for name in names)


def reader(dependant: Dependant) -> Read:
    """Return what reads the parameters of a plain route."""
    path, query = dependant.path_params, dependant.query_params
    if all(_is_scalar(field) for field in (*path, *query)):
        return _scalars(path, query)

    def read(scope: MutableMapping[str, Any]) -> Mapping[str, Any] | None:
        values, errors = request_params_to_args(path, scope["path_params"])
        found, wrong = request_params_to_args(query, QueryParams(scope["query_string"]))
        return None if errors or wrong else {**values, **found}

    return read


class _Field(NamedTuple):
    """A parameter: what it is called here and there, what checks it, and what it is where it is left out."""

    name: str
    alias: str
    validate: Callable[[Any], Any]
    default: Callable[[], Any] | None


def _field(field: ModelField) -> _Field:
    validator = field._type_adapter.validator  # noqa: SLF001 - `validate` goes through three functions to get there
    alias = field.validation_alias or field.alias
    return _Field(
        field.name, alias, validator.validate_python, None if field.field_info.is_required() else field.get_default
    )


def _scalars(path: Sequence[ModelField], query: Sequence[ModelField]) -> Read:
    """Read values that are each said once, one validator for each."""
    in_path = [_field(field)._replace(alias=field.alias) for field in path]
    in_query = [_field(field) for field in query]

    def read(scope: MutableMapping[str, Any]) -> Mapping[str, Any] | None:
        given: Mapping[str, str] = scope["path_params"]
        try:
            values = {name: validate(given[alias]) for name, alias, validate, _ in in_path}
            if in_query:
                said = scope["query_string"]
                # What is said twice counts as it was said last.
                given = dict(parse_qsl(said.decode("latin-1"), keep_blank_values=True)) if said else {}
                for name, alias, validate, default in in_query:
                    if alias in given:
                        values[name] = validate(given[alias])
                    elif default is None:
                        return None
                    else:
                        values[name] = default()
        except ValidationError:
            return None
        return values

    return read


def _is_scalar(field: ModelField) -> bool:
    classes = [as_class(part) for part in members(field.field_info.annotation)]
    return all(cls is not None and (cls is type(None) or issubclass(cls, _PLAIN)) for cls in classes)
