"""What has fields that we know of, and what they are: pydantic's models, dataclasses, TypedDicts, Protocols."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NotRequired, Required, get_args, get_type_hints

import annotated_types
from pydantic import BaseModel, Discriminator, RootModel
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly, get_protocol_members, is_protocol, is_typeddict

from bff.declare._generics import (
    Type,
    arguments_of,
    as_class,
    class_of,
    hints_of,
    origin_of,
    remembered,
    substituted,
    unwrap,
    walk,
)

HARMLESS: Final = frozenset(
    {
        "alias_generator",
        "arbitrary_types_allowed",
        "cache_strings",
        "defer_build",
        "extra",
        "field_title_generator",
        "from_attributes",
        "frozen",
        "hide_input_in_errors",
        "ignored_types",
        "json_schema_extra",
        "json_schema_mode_override",
        "json_schema_serialization_defaults_required",
        "loc_by_alias",
        "model_title_generator",
        "populate_by_name",
        "protected_namespaces",
        "regex_engine",
        "title",
        "use_attribute_docstrings",
        "validate_assignment",
        "validate_by_name",
    }
)
"""What a model's configuration may set that has no say in its values, or is looked at where they are used."""

UNCHANGEABLE: Final = (str, int, float, bool, type(None))
"""The types of defaults that nobody can change, and whose text is all there is to them."""


@remembered
def is_model(tp: Type) -> bool:
    """Say whether a type has fields that we know of."""
    cls = as_class(tp) or class_of(tp)
    return cls is not None and (issubclass(cls, BaseModel) or dataclasses.is_dataclass(cls))


def is_rule(note: object) -> bool:
    """Say whether a note on a type asks something of its values, or changes them; a discriminator does not."""
    if isinstance(note, FieldInfo):
        return any(map(is_rule, note.metadata))
    is_constraint = isinstance(note, (annotated_types.BaseMetadata, annotated_types.GroupedMetadata))
    is_named = isinstance(note, Discriminator) and isinstance(note.discriminator, str)
    return is_constraint or (hasattr(note, "__get_pydantic_core_schema__") and not is_named)


def is_root_model(model: type[BaseModel]) -> bool:
    """Say whether a model is its one value, and no object with a field on the wire."""
    return issubclass(model, RootModel)


def infos_of(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return what pydantic knows of the fields of a model; one that was waiting for another's name is completed."""
    if not model.__pydantic_complete__:
        model.model_rebuild(raise_errors=False)
    return model.__pydantic_fields__


def annotation_of(model: type[BaseModel], info: FieldInfo) -> Type:
    """Return the type of a field; where a generic model is made of itself pydantic leaves a reference there."""
    origin = model.__pydantic_generic_metadata__["origin"]
    if origin is None:
        return info.annotation
    name = f"{origin.__module__}.{origin.__qualname__}:"
    references = [part for part in walk(info.annotation) if str(getattr(part, "type_ref", "")).startswith(name)]
    return substituted(info.annotation, dict.fromkeys(references, model))


def fields(tp: Type) -> Mapping[str, Type]:
    """Return the fields of a model and their types, in their order; those of a generic one are filled in."""
    cls = class_of(tp)
    if cls is not None and issubclass(cls, BaseModel):
        infos = infos_of(cls)
        if cls.__pydantic_generic_metadata__["origin"] is None and cls.__pydantic_complete__:
            return _annotations_in(infos)
        return {name: annotation_of(cls, info) for name, info in infos.items()}
    hints = hints_of(tp)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)} if cls is not None else {}


@remembered
def _annotations_in(infos: Mapping[str, FieldInfo]) -> Mapping[str, Type]:
    return {name: info.annotation for name, info in infos.items()}


def required_fields(model: type[BaseModel]) -> Sequence[str]:
    """Return the names of the fields of a model that have no default."""
    return _required_in(infos_of(model))


@remembered
def _required_in(infos: Mapping[str, FieldInfo]) -> Sequence[str]:
    return [name for name, info in infos.items() if info.is_required()]


def computed_fields(tp: Type) -> frozenset[str]:
    """Return the names of what pydantic computes of a model's fields."""
    cls = class_of(tp)
    decorators = getattr(cls, "__pydantic_decorators__", None)
    return frozenset(decorators.computed_fields if decorators else ())


def protocol_members(tp: Type) -> Mapping[str, Type] | None:
    """Return what a `Protocol` asks for, read-only, by name; `None` for anything that is no protocol."""
    cls = class_of(tp)
    if cls is None or not is_protocol(cls):
        return None
    hints, known = get_type_hints(cls), arguments_of(tp)
    asked: dict[str, Type] = {}
    for name in sorted(get_protocol_members(cls)):
        declared = inspect.getattr_static(cls, name, None)
        getter = declared.fget if isinstance(declared, property) else None
        member = get_type_hints(getter).get("return", object) if getter else hints.get(name, Callable)
        asked[name] = substituted(member, known)
    return asked


def typed_keys(tp: Type) -> Mapping[str, Type] | None:
    """Return the keys of a `TypedDict` and their types, or `None` where it is none."""
    tp = unwrap(tp)
    if not is_typeddict(class_of(tp)):
        return None
    return {name: unqualified(hint) for name, hint in hints_of(tp).items()}


def unqualified(tp: Type) -> Type:
    """Return the type of a key, without what says whether it has to be there."""
    while origin_of(tp) in (Required, NotRequired, ReadOnly):
        tp = get_args(tp)[0]
    return tp


def required_keys(tp: Type) -> frozenset[str]:
    """Return the keys that a `TypedDict` always has."""
    return frozenset(getattr(class_of(unwrap(tp)), "__required_keys__", ()))
