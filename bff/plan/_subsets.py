"""Make of a model, a dataclass or a `TypedDict` one that has only some of its fields."""

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NotRequired, Required, cast

import annotated_types
from pydantic import BaseModel, ConfigDict, Discriminator, FailFast, Field, RootModel, Strict, create_model
from pydantic._internal._model_construction import init_private_attributes
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import TypedDict, is_typeddict

from bff.declare._generics import class_of, hints_of
from bff.declare._models import infos_of, is_rule, required_keys, unqualified
from bff.declare._types import Type, fields, is_model

_UNSEEN = ("title", "alias_generator", "json_schema_extra", "defer_build", "use_attribute_docstrings")
"""What a model's configuration says of it as a whole, or has said of its fields already."""


def has_parts(tp: Type) -> bool:
    """Say whether a type is made of fields that can be decoded one by one."""
    return is_model(tp) or is_typeddict(class_of(tp))


def parts_of(tp: Type) -> Mapping[str, Type]:
    """Return the types of the fields with all that is said of their values: constraints, and discriminators."""
    if is_typeddict(class_of(tp)):
        return {name: unqualified(hint) for name, hint in hints_of(tp).items()}
    known = fields(tp)
    return {name: _annotated(known[name], info) for name, info in infos_of_parts(tp).items() if name in known}


def infos_of_parts(tp: Type) -> Mapping[str, FieldInfo]:
    cls = cast("type[Any]", class_of(tp))
    return infos_of(cls) if issubclass(cls, BaseModel) else _as_pydantic(cls).__pydantic_fields__


def _as_pydantic(cls: type[Any]) -> Any:
    """Return a dataclass that pydantic has read; one of the standard library's stays as it is."""
    return cls if is_pydantic_dataclass(cls) else pydantic_dataclass(cls)


def _annotated(tp: Type, info: FieldInfo) -> Type:
    notes = [*info.metadata]
    if info.discriminator is not None:
        notes.append(Field(discriminator=info.discriminator))
    return Annotated[(tp, *notes)] if notes else tp


def leaves_alone(note: object) -> bool:
    """Say whether a note on a type looks at no more than the value's being there, its length, or its kind."""
    match note:
        case FieldInfo():
            told_by_name = note.discriminator is None or isinstance(note.discriminator, str)
            return told_by_name and all(map(leaves_alone, note.metadata))
        case annotated_types.MinLen() | annotated_types.MaxLen() | annotated_types.Len() | Strict() | FailFast():
            return True
        case _:
            return not is_rule(note)


def discriminator_of(notes: Iterable[object]) -> str:
    """Return the field that tells the members of a union apart, the empty string where none is named."""
    named = (note.discriminator for note in notes if isinstance(note, (FieldInfo, Discriminator)))
    return next((name for name in named if isinstance(name, str)), "")


def why_whole(tp: Type, wanted: Iterable[str]) -> str:
    """Say why something cannot be decoded in part; the empty string where it can."""
    cls = cast("type[Any]", class_of(tp))
    if is_typeddict(cls):
        return _why_strict(getattr(cls, "__pydantic_config__", {}))
    source = cls if issubclass(cls, BaseModel) else _as_pydantic(cls)
    decorators = source.__pydantic_decorators__
    checks = (decorators.field_validators, decorators.model_validators, decorators.validators)
    if any(checks) or decorators.root_validators:
        return "it has validators"
    if _does_more(cls):
        return "it does something of its own when it is built"
    tied = next(filter(None, (_why_tied(name, infos_of_parts(tp)[name]) for name in wanted)), "")
    own = (base for base in cls.__mro__ if base not in RootModel.__mro__)
    if any("__get_pydantic_core_schema__" in vars(base) for base in own):
        return "it has a schema of its own"
    return tied or _why_strict(config_of(cls))


def _does_more(cls: type[Any]) -> bool:
    """Say whether code of the user's runs when one is built."""
    if issubclass(cls, BaseModel):
        hooks = (vars(base).get("model_post_init") for base in cls.__mro__ if base not in RootModel.__mro__)
        is_hooked = any(hook not in (None, init_private_attributes) for hook in hooks)
        return bool(cls.__pydantic_custom_init__) or is_hooked
    written = cast("Mapping[str, Any]", cls.__dict__["__dataclass_fields__"])
    has_arguments = len(written) != len(dataclasses.fields(cls))
    return hasattr(cls, "__post_init__") or has_arguments or not cls.__dict__["__dataclass_params__"].init


def _why_tied(name: str, info: FieldInfo) -> str:
    """Say why a field cannot be decoded without the others, or under another roof."""
    if info.default_factory_takes_validated_data:
        return f"the default of `{name}` is made of other fields"
    return f"`{name}` is not read from what is sent" if info.init is False or name.startswith("_") else ""


def config_of(tp: Type) -> Mapping[str, Any]:
    """Return the configuration of a model or a dataclass."""
    cls = cast("type[Any]", class_of(tp))
    return cls.model_config if issubclass(cls, BaseModel) else _as_pydantic(cls).__pydantic_config__


def _why_strict(config: Mapping[str, Any]) -> str:
    return "it forbids fields that it does not know" if config.get("extra") == "forbid" else ""


def subset_of(tp: Type, parts: Mapping[str, Type]) -> Type:
    """Return what has only some of the fields of a type, with the types that they are given here."""
    cls = cast("type[Any]", class_of(tp))
    if is_typeddict(cls):
        always = required_keys(cls)
        keys = {name: Required[part] if name in always else NotRequired[part] for name, part in parts.items()}
        made = cast("Any", TypedDict)(cls.__name__, keys)
        made.__pydantic_config__ = getattr(cls, "__pydantic_config__", ConfigDict())
        return made
    infos = infos_of_parts(tp)
    definitions: dict[str, Any] = {name: (part, _redeclared(infos[name])) for name, part in parts.items()}
    if issubclass(cls, RootModel):
        if not parts:
            # That it is there may be all that is asked, and `null` is something.
            return RootModel[object]
        return create_model(cls.__name__, __base__=RootModel, **definitions)
    config = {key: value for key, value in config_of(cls).items() if key not in _UNSEEN}
    with warnings.catch_warnings():
        # It has warned of names that are pydantic's when the user's own class was made.
        warnings.simplefilter("ignore", UserWarning)
        ignoring = cast("ConfigDict", {**config, "extra": "ignore"})
        return create_model(cls.__name__, __config__=ignoring, **definitions)


def _redeclared(info: FieldInfo) -> Any:
    """Return what a field says besides its type: its default, and its names on the wire."""
    options: dict[str, Any] = {"validation_alias": info.validation_alias, "validate_default": info.validate_default}
    if info.default_factory is not None:
        return Field(default_factory=cast("Callable[[], Any]", info.default_factory), **options)
    return Field(default=... if info.default is PydanticUndefined else info.default, **options)
