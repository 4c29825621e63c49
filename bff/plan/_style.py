"""How the answers of a client are written: the spelling of their keys, and whether what is `None` stands in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, SchemaSerializer

from bff.declare._profile import Profile
from bff.declare._types import Type, is_model, typed_keys, unwrap

__all__ = ["PLAIN", "Style", "style_of"]

_Node = dict[str, Any]

# What stands in a schema and is none itself: values, and what belongs to pydantic.
_OPAQUE = frozenset({"cls", "config", "default", "default_factory", "expected", "function", "metadata", "members"})


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """
    The spelling of an answer; there is one object of each.

    With `is_camel` a key is its field's name in camel case, unless the field says an alias itself; with `omit_none` a
    field that is `None` has no place in the answer.
    """

    is_camel: bool = False
    omit_none: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether answers are written as they are declared."""
        return not (self.is_camel or self.omit_none)

    def key(self, name: str, info: FieldInfo) -> str:
        """Return the key of a model's field."""
        return info.serialization_alias or info.alias or self.spelled(name)

    def spelled(self, name: str) -> str:
        """
        Return the key of a field that has no alias.

        >>> Style(is_camel=True).spelled("in_stock")
        'inStock'
        """
        return to_camel(name) if self.is_camel else name

    def dumper(self, tp: Type) -> Callable[[Any], Any]:
        """Return what makes plain data of values of a type."""
        serializer = self.serializer(tp)
        omit_none = self.omit_none

        def dump(value: Any) -> Any:
            return serializer.to_python(value, mode="json", by_alias=True, exclude_none=omit_none, warnings=False)

        return dump

    def writer(self, tp: Type) -> Callable[[Any], bytes]:
        """Return what writes values of a type as JSON."""
        serializer = self.serializer(tp)
        omit_none = self.omit_none

        def write(value: Any) -> bytes:
            return serializer.to_json(value, by_alias=True, exclude_none=omit_none)

        return write

    def serializer(self, tp: Type) -> SchemaSerializer:
        """Return pydantic's serializer for a type, its models written in this style."""
        # Models have serializers already, of the other style.
        return SchemaSerializer(self.schema(tp), _use_prebuilt=False)

    def schema(self, tp: Type) -> CoreSchema:
        """Return pydantic's schema of a type, its models written in this style."""
        return cast("CoreSchema", self._restyled(TypeAdapter[Any](tp).core_schema))

    def documented(self, tp: Type) -> Type:
        """Return a type whose JSON schema is that of the answer; it validates nothing."""
        if self.is_plain:
            return tp
        style = self

        def schema(_: type, __: object, ___: object) -> CoreSchema:
            return style.schema(tp)

        return type("Answer", (), {"__get_pydantic_core_schema__": classmethod(schema)})

    def _restyled(self, part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            entries = [self._restyled(entry) for entry in cast("Sequence[Any]", part)]
            return entries if isinstance(part, list) else tuple(entries)
        if not isinstance(part, dict):
            return part
        node = cast("_Node", part)
        if not isinstance(node.get("type"), str):
            # Schemas by name: those of fields, or of the kinds of a union.
            return {name: self._restyled(inner) for name, inner in node.items()}
        made = {key: value if key in _OPAQUE else self._restyled(value) for key, value in node.items()}
        match made.get("type"):
            case "model-fields" | "typed-dict":
                made["fields"] = {name: self._field(name, field) for name, field in made["fields"].items()}
            case "dataclass-field":
                made = self._field(made["name"], made)
            case "computed-field" if self.is_camel:
                made.setdefault("alias", to_camel(made["property_name"]))
            case _:
                pass
        for key in {"ref", "schema_ref"} & made.keys():
            # One class is written in several styles, each with a definition of its own.
            made[key] = f"{self._name}.{made[key]}"
        return made

    @property
    def _name(self) -> str:
        return "_".join([*(["camel"] if self.is_camel else []), *(["sparse"] if self.omit_none else [])])

    def _field(self, name: str, field: _Node) -> _Node:
        field = dict(field)
        if self.is_camel:
            field.setdefault("serialization_alias", to_camel(name))
        if self.omit_none and _may_be_none(field["schema"]):
            if field["type"] == "typed-dict-field":
                field["required"] = False
            else:
                # A default makes it optional in JSON schema, and a factory, here of None, is not shown there.
                inner = _present(field["schema"])
                field["schema"] = {"type": "default", "schema": inner, "default_factory": type(None)}
        return field


_STYLES: Final = {(is_camel, omits): Style(is_camel, omits) for is_camel in (False, True) for omits in (False, True)}

PLAIN: Final = _STYLES[False, False]


def style_of(profile: type[Profile]) -> Style:
    """Return how the answers of a profile are written."""
    return _STYLES[profile.naming == "camel", bool(profile.omit_none)]


def has_fields(tp: Type) -> bool:
    """Say whether any part of a type has fields with names: a model, a dataclass, a `TypedDict`."""
    tp = unwrap(tp)
    if is_model(tp) or typed_keys(tp) is not None:
        return True
    return any(map(has_fields, get_args(tp)))


def _may_be_none(schema: Mapping[str, Any]) -> bool:
    match schema["type"]:
        case "nullable" | "none" | "any":
            return True
        case "union":
            choices = cast("Sequence[Any]", schema["choices"])
            return any(
                _may_be_none(cast("Any", choice)[0] if isinstance(choice, tuple) else choice) for choice in choices
            )
        case "literal":
            return None in schema["expected"]
        case _:
            inner = schema.get("schema")
            is_wrapper = schema["type"] == "default" or schema["type"].startswith("function-")
            return is_wrapper and inner is not None and _may_be_none(inner)


def _present(schema: _Node) -> _Node:
    """Return the schema of what is there where it is not `None`."""
    if schema["type"] == "default":
        schema = schema["schema"]
    return schema["schema"] if schema["type"] == "nullable" else schema
