"""Write an answer as an upstream would: by the names that the contract reads."""

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from pydantic import AliasChoices, BaseModel, RootModel
from pydantic.fields import FieldInfo
from pydantic_core import to_json

__all__ = ["content_of", "wire_name"]


def content_of(value: object) -> bytes:
    """Return a value as JSON."""
    return to_json(_plain(value))


def wire_name(name: str, info: FieldInfo) -> str:
    """
    Return what a field of a contract is called in JSON.

    >>> from pydantic import Field
    >>> wire_name("sku", Field(validation_alias="SKU")), wire_name("sku", Field())
    ('SKU', 'sku')
    """
    alias = info.validation_alias or info.alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return next((choice for choice in choices if isinstance(choice, str)), name)


def _plain(value: object) -> Any:
    """Replace models by mappings with the names that are read; pydantic writes those that it would write."""
    if isinstance(value, RootModel):
        return _plain(vars(value)["root"])
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        named = {wire_name(name, info): _plain(getattr(value, name)) for name, info in fields.items()}
        return {**named, **{name: _plain(extra) for name, extra in (value.model_extra or {}).items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in cast("Mapping[Any, object]", value).items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in cast("list[object]", value)]
    return value
