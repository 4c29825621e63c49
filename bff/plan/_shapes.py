"""What has to be known of a Shape to write it: plain data where that is the same, pydantic where it is not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bff.declare import _graph as graph
from bff.declare._types import Type, fields, is_nullable, origin_of, unwrap
from bff.plan._style import PLAIN, Style


@dataclass(frozen=True, slots=True)
class ShapeFacts:
    """
    How a Shape is written.

    `keys` are the names of its fields in the answer, in their order. `reason` says why pydantic validates it for
    every request, and is empty where it is plain data; `defaults` are those of the fields that were left out.
    """

    shape: type[BaseModel]
    types: Mapping[str, Type]
    keys: Mapping[str, str]
    defaults: Mapping[str, object]
    reason: str

    @property
    def is_plain(self) -> bool:
        """Whether the Shape can be written as a dict without asking pydantic."""
        return not self.reason

    @property
    def may_be_sparse(self) -> bool:
        """Whether any field may be `None`."""
        return any(is_nullable(tp) for tp in self.types.values())


def shape_facts(node: graph.Build, style: Style = PLAIN) -> ShapeFacts:
    """Return what is known of a Shape and the values that it is built from, where it is written in a style."""
    shape: type[BaseModel] = node.shape
    infos = shape.model_fields
    keys = {name: style.key(name, info) for name, info in infos.items()}
    defaults = {
        name: info.default
        for name, info in infos.items()
        if name not in node.names and info.default is not PydanticUndefined
    }
    return ShapeFacts(shape, fields(shape), keys, defaults, _reason(node))


def _reason(node: graph.Build) -> str:
    shape: type[BaseModel] = node.shape
    decorators = shape.__pydantic_decorators__
    if decorators.field_validators or decorators.model_validators or decorators.validators:
        return "it has validators"
    if decorators.computed_fields:
        return "it has computed fields"
    if decorators.field_serializers or decorators.model_serializers or decorators.root_validators:
        return "it has serializers"
    if shape.__pydantic_custom_init__ or shape.__pydantic_post_init__:
        return "it does something of its own when it is built"
    for name, info in shape.model_fields.items():
        if info.metadata or _has_notes(info.annotation):
            return f"`{name}` has constraints"
        if info.exclude or info.default_factory is not None:
            return f"`{name}` is left out or made anew at run time"
    for name, value in zip(node.names, node.values, strict=True):
        if not models_in(value.type) <= models_in(shape.model_fields[name].annotation):
            return f"`{name}` is given a subclass of its type"
    return ""


def _has_notes(tp: Type) -> bool:
    return origin_of(tp) is Annotated or any(_has_notes(argument) for argument in get_args(tp))


def models_in(tp: Type) -> frozenset[Any]:
    """Return the models that a type is made of."""
    return frozenset(_model_classes(tp))


def _model_classes(tp: Type) -> Iterator[Any]:
    tp = unwrap(tp)
    if isinstance(tp, type) and issubclass(tp, BaseModel):
        yield tp
    for argument in get_args(tp):
        yield from _model_classes(argument)
