"""Read from a contract what it takes on the wire, and where code that we cannot look into decides that."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    PlainValidator,
    RootModel,
    WrapValidator,
)
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from bff.declare._types import Type, origin_of


@dataclass(frozen=True, slots=True)
class ContractField:
    """A field of a contract; it may be called by any of `names` on the wire."""

    names: tuple[str, ...]
    type: Type
    is_required: bool


def field_of(model: Any, name: str, tp: Type) -> ContractField | None:
    """Return a field, or `None` where code of the model's own decides what it takes."""
    if not issubclass(model, BaseModel):
        parameters: Mapping[str, Any] = model.__dataclass_fields__
        is_required = _has_no_default(parameters[name])
        return ContractField((name,), tp, is_required)
    info: FieldInfo = model.model_fields[name]
    names = tuple(names_of(model, name))
    decorators = model.__pydantic_decorators__
    prepared = [each.info for each in decorators.field_validators.values() if each.info.mode != "after"]
    is_prepared = any(name in each.fields or "*" in each.fields for each in prepared) or decorators.validators
    if is_prepared or not names or any(map(_is_converter, info.metadata)):
        return None
    return ContractField(names, tp, info.is_required())


def _has_no_default(parameter: Any) -> bool:
    return parameter.default is MISSING and parameter.default_factory is MISSING


def names_of(model: type[BaseModel], name: str) -> Iterator[str]:
    """Yield what a field may be called on the wire; nothing where it is taken from inside another one."""
    alias, config = model.model_fields[name].validation_alias, model.model_config
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    if any(isinstance(choice, AliasPath) for choice in choices):
        return
    aliases = [choice for choice in choices if isinstance(choice, str)]
    if aliases and config.get("validate_by_alias", True):
        yield from aliases
    if not aliases or config.get("populate_by_name") or config.get("validate_by_name"):
        yield name


def is_opaque(tp: Type) -> bool:
    """Say whether code that we cannot look into decides which values a type takes."""
    if isinstance(tp, TypeAliasType):
        return is_opaque(tp.__value__)
    if origin_of(tp) is Annotated:
        inner, *notes = get_args(tp)
        return any(map(_is_converter, notes)) or is_opaque(inner)
    return origin_of(tp) in (Union, UnionType) and any(map(is_opaque, get_args(tp)))


def _is_converter(note: object) -> bool:
    is_own = hasattr(note, "__get_pydantic_core_schema__") and not isinstance(note, AfterValidator)
    return is_own or isinstance(note, (BeforeValidator, PlainValidator, WrapValidator))


def has_own_ways(model: Any) -> bool:
    """Say whether code of a model's own decides what it takes."""
    if not issubclass(model, BaseModel):
        return False
    decorators = model.__pydantic_decorators__
    own = (cls for cls in model.__mro__ if cls not in RootModel.__mro__)
    return (
        any(each.info.mode != "after" for each in decorators.model_validators.values())
        or bool(decorators.root_validators)
        or model.__pydantic_custom_init__
        or any("__get_pydantic_core_schema__" in vars(cls) for cls in own)
    )
