"""Decode of an upstream's answer just what is needed of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bff.declare._types import (
    Type,
    as_class,
    element,
    fields,
    is_model,
    listed,
    mapped,
    mapping_value,
    members,
    origin_of,
    union,
    unwrap,
)
from bff.plan._demand import Demand


@dataclass(frozen=True, slots=True)
class Decoder:
    """
    Turn a JSON body into a value with the fields that are needed.

    `fields` names them as paths (`images[].url`), `reasons` says where a model is decoded in full, and why.
    """

    decode: Callable[[bytes], Any]
    fields: tuple[str, ...]
    reasons: tuple[str, ...]


def build_decoder(tp: Type, wanted: Demand) -> Decoder:
    """Return the decoder of a contract for a demand; it raises pydantic's `ValidationError` (lax JSON mode)."""
    if unwrap(tp) is type(None):
        return Decoder(_nothing, (), ())
    reasons: dict[str, None] = {}
    adapter = TypeAdapter[Any](_narrow(tp, wanted, reasons))
    return Decoder(adapter.validator.validate_json, tuple(_paths(tp, wanted)), tuple(reasons))


def _nothing(_: bytes) -> None:
    return None


def _narrow(tp: Type, wanted: Demand, reasons: dict[str, None]) -> Type:
    """Return a type that has only what is needed of `tp`."""
    if wanted.is_whole:
        return tp
    if origin_of(tp) is Annotated:
        inner, *notes = get_args(tp)
        return Annotated[(_narrow(inner, wanted, reasons), *notes)]
    tp = unwrap(tp)
    parts = members(tp)
    if len(parts) > 1:
        if sum(part is not type(None) for part in parts) > 1:
            return tp
        return union(part if part is type(None) else _narrow(part, wanted, reasons) for part in parts)
    item = element(tp)
    if item is not None and origin_of(tp) is not tuple:
        return listed(_narrow(item, wanted.of_items(), reasons))
    value = mapping_value(tp)
    if value is not None and get_args(tp):
        return mapped(get_args(tp)[0], _narrow(value, wanted.of_items(), reasons))
    cls = as_class(tp)
    return _subset(cls, wanted, reasons) if cls is not None and issubclass(cls, BaseModel) else tp


def _subset(model: type[BaseModel], wanted: Demand, reasons: dict[str, None]) -> type[BaseModel]:
    reason = why_whole(model)
    if reason:
        reasons[f"{model.__name__} is decoded in full: {reason}"] = None
        return model
    infos = {name: info for name, info in model.model_fields.items() if name in wanted.fields}
    definitions: dict[str, Any] = {
        name: (_annotation(info, wanted.fields[name], reasons), _redeclared(info)) for name, info in infos.items()
    }
    dropped = ("title", "alias_generator", "json_schema_extra")
    config = {key: value for key, value in model.model_config.items() if key not in dropped}
    return create_model(model.__name__, __config__=cast("ConfigDict", config), **definitions)


def _annotation(info: FieldInfo, wanted: Demand, reasons: dict[str, None]) -> Type:
    narrowed = _narrow(info.annotation, wanted, reasons)
    return Annotated[(narrowed, *info.metadata)] if info.metadata else narrowed


def _redeclared(info: FieldInfo) -> Any:
    """Return what a field says besides its type: its default, and its names on the wire."""
    options: dict[str, Any] = {"validation_alias": info.validation_alias, "discriminator": info.discriminator}
    if info.default_factory is not None:
        return Field(default_factory=cast("Callable[[], Any]", info.default_factory), **options)
    return Field(default=... if info.default is PydanticUndefined else info.default, **options)


def why_whole(model: type[BaseModel]) -> str:
    """Say why a model cannot be decoded in part; the empty string where it can."""
    decorators = model.__pydantic_decorators__
    if decorators.field_validators or decorators.validators or decorators.model_validators:
        return "it has validators"
    if decorators.root_validators:
        return "it has validators"
    if issubclass(model, RootModel):
        return "it is a RootModel"
    if model.__pydantic_custom_init__ or model.__pydantic_post_init__:
        return "it does something of its own when it is built"
    if model.model_config.get("extra") == "forbid":
        return "it forbids fields that it does not know"
    own = (cls for cls in model.__mro__ if cls not in BaseModel.__mro__)
    return "it has a schema of its own" if any("__get_pydantic_core_schema__" in vars(cls) for cls in own) else ""


def _paths(tp: Type, wanted: Demand, prefix: str = "") -> Iterator[str]:
    """Yield what is decoded, as a user would write its path; `*` is all of a value."""
    tp = next((part for part in members(tp) if part is not type(None)), tp)
    item = element(tp) or mapping_value(tp)
    if item is not None:
        yield from _paths(item, wanted.of_items(), f"{prefix}[]")
    elif wanted.is_whole or not is_model(tp):
        yield prefix or "*"
    else:
        for name, field_type in fields(tp).items():
            if name in wanted.fields:
                yield from _paths(field_type, wanted.fields[name], f"{prefix}.{name}" if prefix else name)
