"""Read the parameters of a plain route: what stands in path and query alone, as FastAPI would, and faster."""

import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, cast, get_args
from urllib.parse import parse_qsl

from fastapi import Depends, params
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema
from starlette.datastructures import QueryParams

from bff.declare._endpoint import placeholders
from bff.declare._models import UNCHANGEABLE
from bff.declare._profile import Profile
from bff.declare._types import Type, as_class, members, origin_of

Read: TypeAlias = Callable[[MutableMapping[str, Any]], Mapping[str, Any] | None]
"""Takes an ASGI scope and returns the parameters, `None` where one of them is wrong: FastAPI then says how."""

CALLER = "bff_caller"
"""The name of the parameter that says who is calling."""

_PLAIN = (str, int, float, bool, Enum)

_SHARED: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {}
"""Validators of parameters with nothing to them but names and types, by schema: many endpoints have the same."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What FastAPI makes of the parameters of a route, and what reads them where they are plain."""

    dependant: Dependant
    read: Read | None

    @classmethod
    def of(cls, dependant: Dependant) -> "Analysis":
        """Return the analysis of a route that FastAPI has looked at."""
        return cls(dependant, reader(dependant) if is_plain(dependant) else None)


class Analyses:
    """Keeps, for as long as an app is built, what was made of plain parameters: most pages have those of another."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Analysis] = {}

    def of(self, path: str, signature: inspect.Signature) -> Analysis | None:
        """Return what was made of such parameters before, if anything."""
        return self._known.get(_key(path, signature))

    def note(self, path: str, signature: inspect.Signature, analysis: Analysis) -> None:
        """Keep what was made of parameters, where the next that are the same may have it as it is."""
        key = _key(path, signature)
        if key is not None and analysis.read is not None:
            self._known[key] = analysis


def _key(path: str, signature: inspect.Signature) -> Hashable:
    """Return what is equal where FastAPI makes the same of parameters; `None` where more than a type says what."""
    named = placeholders(path)
    keys: list[Hashable] = []
    for name, parameter in signature.parameters.items():
        kinds, default = _kinds(parameter.annotation), cast("object", parameter.default)
        if kinds is None or not (default is parameter.empty or type(default) in UNCHANGEABLE):
            return None
        keys.append((name, name in named, kinds, type(default), repr(default)))
    return tuple(keys)


def _kinds(annotation: Type) -> tuple[type, ...] | None:
    """Return the classes that an annotation names; `None` where it says anything else."""
    kinds = get_args(annotation) if origin_of(annotation) in (Union, UnionType) else (annotation,)
    return kinds if all(isinstance(kind, type) for kind in kinds) else None


def identified(profile: type[Profile]) -> Mapping[str, Any]:
    """Return the parameter that says who is calling, with its annotation, where a profile asks for it."""
    identify = profile.identify
    if identify is None:
        return {}
    return {CALLER: Annotated[Any, identify if isinstance(identify, params.Depends) else Depends(identify)]}


def name_of(parameters: Sequence[inspect.Parameter], tp: type) -> str:
    """Return the name of the parameter that takes FastAPI's request or response, of ours where there is none."""
    found = (p.name for p in parameters if isinstance(p.annotation, type) and issubclass(p.annotation, tp))
    return next(found, f"bff_{tp.__name__.lower()}")


def signature_of(shown: Sequence[inspect.Parameter], added: Mapping[str, Any]) -> inspect.Signature:
    """Return the signature that FastAPI reads: an endpoint's own parameters, and ours unless it takes them itself."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = {name: inspect.Parameter(name, keyword, annotation=annotation) for name, annotation in added.items()}
    parameters |= {parameter.name: parameter.replace(kind=keyword) for parameter in shown}
    return inspect.Signature([*parameters.values()])


def is_personal(dependant: Dependant) -> bool:
    """Say whether who is asking takes part in an answer: by a cookie, a dependency, a credential."""
    headers = set(header_names(dependant))
    return bool(dependant.dependencies or dependant.cookie_params or headers & {"authorization", "cookie"})


def header_names(dependant: Dependant) -> Iterator[str]:
    """Yield the headers that the parameters of a route read, in lower case."""
    for field in dependant.header_params:
        yield (field.validation_alias or field.alias).lower()
    for inner in dependant.dependencies:
        yield from header_names(inner)


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


def _scalars(path: Sequence[ModelField], query: Sequence[ModelField]) -> Read:
    """Read values that are each said once, with one validator for the path and one for the query."""
    in_path = _validator({field.alias: field for field in path})
    in_query = _validator({field.validation_alias or field.alias: field for field in query}) if query else None

    def read(scope: MutableMapping[str, Any]) -> Mapping[str, Any] | None:
        try:
            values = in_path(scope["path_params"])
            if in_query is not None:
                said = scope["query_string"]
                # What is said twice counts as it was said last.
                values |= in_query(dict(parse_qsl(said.decode("latin-1"), keep_blank_values=True)) if said else {})
        except ValidationError:
            return None
        return values

    return read


def _validator(fields: Mapping[str, ModelField]) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    """Return what makes values of texts, all at once; raises `ValidationError`."""
    checked = {
        field.name: core_schema.typed_dict_field(
            field._type_adapter.core_schema,  # noqa: SLF001 - it is what FastAPI checks this very value with
            required=field.field_info.is_required(),
            validation_alias=alias,
        )
        for alias, field in fields.items()
    }
    schema = core_schema.typed_dict_schema(checked)
    if not all(map(_is_bare, checked.values())):
        return SchemaValidator(schema).validate_python
    text = repr(schema)
    if text not in _SHARED:
        _SHARED[text] = SchemaValidator(schema).validate_python
    return _SHARED[text]


def _is_bare(field: core_schema.TypedDictField) -> bool:
    """Say whether there is nothing to be said of a value but its type, so that a schema's text is all of it."""
    return {key for key, value in field["schema"].items() if value} == {"type"}


def _is_scalar(field: ModelField) -> bool:
    classes = [as_class(part) for part in members(field.field_info.annotation)]
    return all(cls is not None and (cls is type(None) or issubclass(cls, _PLAIN)) for cls in classes)
