"""What has to be known of a Shape to write it: plain data where that is the same, pydantic where it is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bff.declare import _graph as graph
from bff.declare._generics import CHECKED, remembered, walk
from bff.declare._models import HARMLESS, infos_of, is_root_model, is_rule
from bff.declare._types import Type, as_class, fields, is_model, is_nullable, origin_of, typed_keys
from bff.plan._style import PLAIN, Style

_PLAIN = HARMLESS | {"serialize_by_alias", "validate_by_alias"}
"""What a Shape's configuration may set that changes neither its values nor how they are written."""


_NO_MODELS = frozenset[Any]()


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
    """
    Return what is known of a Shape and the values that it is built from, where it is written in a style.

    What plans an endpoint asks for it again and again; of other endpoints nothing is kept for long.
    """
    return _facts(node, style)


@lru_cache(maxsize=64)
def _facts(node: graph.Build, style: Style) -> ShapeFacts:
    shape: type[BaseModel] = node.shape
    known = _known(shape, style)
    defaults = {name: default for name, default in known.defaults.items() if name not in node.names}
    return ShapeFacts(shape, known.types, known.keys, defaults, known.reason or _given(node, known))


@lru_cache(maxsize=4096)
def _known(shape: type[BaseModel], style: Style) -> ShapeFacts:
    """Return what is known of a Shape whatever it is built from."""
    infos = infos_of(shape)
    keys = {name: style.key(name, info) for name, info in infos.items()}
    defaults = {name: info.default for name, info in infos.items() if info.default is not PydanticUndefined}
    rules = (_rules_of(name, info) for name, info in infos.items())
    reason = _own_rules(shape) or next((rule for rule in rules if rule), "")
    return ShapeFacts(shape, fields(shape), keys, defaults, reason)


def _own_rules(shape: type[BaseModel]) -> str:
    """Say what a Shape does besides holding its fields."""
    decorators = shape.__pydantic_decorators__
    if decorators.field_validators or decorators.model_validators or decorators.validators:
        return "it has validators"
    if decorators.computed_fields:
        return "it has computed fields"
    if decorators.field_serializers or decorators.model_serializers or decorators.root_validators:
        return "it has serializers"
    if shape.__pydantic_custom_init__ or shape.__pydantic_post_init__:
        return "it does something of its own when it is built"
    if is_root_model(shape):
        return "it is a RootModel"
    ruling = sorted(shape.model_config.keys() - _PLAIN)
    return f"its model_config sets `{ruling[0]}`" if ruling else ""


def _rules_of(name: str, info: FieldInfo) -> str:
    """Say what a field asks of its value besides being of its type."""
    if any(map(is_rule, info.metadata)) or _has_rules(info.annotation):
        return f"`{name}` has constraints"
    if info.exclude or info.exclude_if or info.default_factory is not None:
        return f"`{name}` is left out or made anew at run time"
    return f"`{name}` has a default that is validated" if info.validate_default else ""


@remembered
def _has_rules(annotation: Type) -> bool:
    return any(map(_is_ruled_itself, walk(annotation)))


@remembered
def _is_ruled_itself(tp: Type) -> bool:
    return _is_ruled(tp)


def _is_ruled(tp: Type, _seen: frozenset[Type] = frozenset()) -> bool:
    """Say whether values of a type are asked more than to be of it; `_seen` are the TypedDicts it stands in."""
    if as_class(tp) in CHECKED or (origin_of(tp) is Annotated and any(map(is_rule, get_args(tp)[1:]))):
        return True
    keys = typed_keys(tp)
    if keys is None or tp in _seen:
        return False
    return any(_is_ruled(part, _seen | {tp}) for key in keys.values() for part in walk(key))


def _given(node: graph.Build, known: ShapeFacts) -> str:
    for name, value in zip(node.names, node.values, strict=True):
        wanted = known.types[name]
        if value.type is not wanted and not models_in(value.type) <= models_in(wanted):
            return f"`{name}` is given a subclass of its type"
    return ""


@remembered
def models_in(tp: Type) -> frozenset[Any]:
    """Return the models that a type is made of."""
    if isinstance(tp, type) and tp not in CHECKED:
        return frozenset({tp}) if is_model(tp) else _NO_MODELS
    return frozenset(part for part in walk(tp) if is_model(part))
