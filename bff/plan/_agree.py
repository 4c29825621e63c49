"""Hold a contract against the schema of what an upstream says it sends; what is not known is never held against it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    PlainValidator,
    RootModel,
    TypeAdapter,
    WrapValidator,
)
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from bff.declare._types import (
    Type,
    element,
    fields,
    is_model,
    is_nullable,
    mapping_value,
    members,
    origin_of,
    spell,
    typed_keys,
    unwrap,
)
from bff.plan._codecs import why_whole
from bff.plan._demand import WHOLE, Demand
from bff.plan._document import UNKNOWN, Alternative, Document, Schema

_DEEP = 40


@dataclass(frozen=True, slots=True)
class Drift:
    """
    One place where a contract and a schema do not agree.

    `path` is the place in the answer (`images[].url`), `is_read` says whether an endpoint reads it, `field` is the
    field of a contract that is to blame, if any.
    """

    code: str
    path: str
    what: str
    is_read: bool
    field: tuple[type, str] | None


@dataclass(slots=True)
class Comparison:
    """Compares contracts with schemas of one document, and keeps what it finds in `drifts`."""

    document: Document
    drifts: list[Drift] = field(default_factory=list[Drift])
    _seen: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])

    def compare(self, tp: Type, schema: Any, wanted: Demand | None, here: "Place") -> None:
        """Compare a type of a contract with a schema; `wanted` is what endpoints read of it, `None` where nothing."""
        parts = [part for part in members(tp) if part is not type(None)]
        if _is_opaque(tp) or any(part in (Any, object) for part in parts) or here.depth > _DEEP:
            return
        for sent in self.document.alternatives(schema):
            if sent.kind == "null" and not _takes_none(tp, parts):
                self._note("may-be-null", f"may be null there, and the contract says `{spell(tp)}`", wanted, here)
            elif sent.kind not in ("null", UNKNOWN):
                self._alternative(parts, sent, wanted, here)

    def _alternative(self, parts: Sequence[Type], sent: Alternative, wanted: Demand | None, here: "Place") -> None:
        if len(parts) == 1:
            self._member(parts[0], sent, wanted, here)
            return
        # One member of a union that takes it is enough.
        for part in parts:
            trial = Comparison(self.document, _seen={*self._seen})
            trial._member(part, sent, None if wanted is None else WHOLE, here)
            if not any(drift.code in BREAKING for drift in trial.drifts):
                return
        if parts:
            told = f"{_told(sent)} there, which none of `{' | '.join(map(spell, parts))}` takes"
            self._note("type-changed", f"is {told}", wanted, here)

    def _member(self, part: Type, sent: Alternative, wanted: Demand | None, here: "Place") -> None:
        if is_model(part) and _has_own_ways(part):
            return
        if is_model(part) and issubclass(part, RootModel):
            schema = {**sent.schema, "type": sent.kind}
            self.compare(part.model_fields["root"].annotation, schema, None if wanted is None else WHOLE, here)
            return
        item, value = _item(part), mapping_value(part)
        kind = "array" if item is not None else "object" if value is not None or is_model(part) else ""
        if kind and sent.kind != kind:
            self._note("type-changed", f"is {_told(sent)} there, and the contract says `{spell(part)}`", wanted, here)
        elif item is not None:
            is_uniform = origin_of(part) is not tuple or Ellipsis in get_args(part)
            if is_uniform and "items" in sent.schema:
                self.compare(item, sent.schema["items"], _of_items(wanted), here.step("[]"))
        elif value is not None:
            if isinstance(sent.schema.get("additionalProperties"), Mapping):
                self.compare(value, sent.schema["additionalProperties"], _of_items(wanted), here.step("[]"))
        elif is_model(part):
            self._model(part, sent.schema, wanted, here)
        else:
            why = mismatch(sent, leaf(part))
            if why:
                self._note("type-changed", f"is {why} there, and the contract says `{spell(part)}`", wanted, here)

    def _model(self, model: Any, sent: Schema, wanted: Demand | None, here: "Place") -> None:
        if wanted is not None and issubclass(model, BaseModel) and why_whole(model):
            wanted = WHOLE
        properties = sent.get("properties")
        if not isinstance(properties, Mapping) or sent.get("patternProperties"):
            return
        known = cast("Schema", properties)
        mark = (
            model,
            frozenset((name, id(schema)) for name, schema in known.items()),
            "none" if wanted is None else "whole" if wanted.is_whole else id(wanted),
        )
        if mark in self._seen:
            return
        self._seen.add(mark)
        for name, tp in fields(model).items():
            part = wanted if wanted is None or wanted.is_whole else wanted.fields.get(name)
            ours = _field(model, name, tp)
            if ours is not None:
                self._field(ours, sent, part, here.into(model, name))
        self._extras(model, sent, wanted, here)

    def _field(self, ours: "_Field", sent: Schema, wanted: Demand | None, here: "Place") -> None:
        properties: Schema = sent["properties"]
        name = next((name for name in ours.names if name in properties), None)
        if name is None:
            if not sent.get("additionalProperties"):
                code = "field-missing" if ours.is_required else "field-gone"
                self._note(code, "is not there any more", wanted, here)
            return
        resolved = self.document.resolved(properties[name])
        if resolved.get("writeOnly"):
            return
        if ours.is_required and name not in sent.get("required", ()):
            self._note("may-be-left-out", "may be left out there, and the contract requires it", wanted, here)
        self.compare(ours.type, properties[name], wanted, here)

    def _extras(self, model: Any, sent: Schema, wanted: Demand | None, here: "Place") -> None:
        if not issubclass(model, BaseModel) or model.model_config.get("extra") != "forbid":
            return
        known = {name for field in model.model_fields for name in _names(model, field)}
        for name in sent["properties"].keys() - known:
            self._note("field-forbidden", f"has a field `{name}` there, and the contract forbids more", wanted, here)

    def _note(self, code: str, what: str, wanted: Demand | None, here: "Place") -> None:
        self.drifts.append(Drift(code, here.path, what, wanted is not None, here.field))


BREAKING = frozenset({"field-missing", "may-be-null", "may-be-left-out", "type-changed", "field-forbidden"})
"""What makes an answer unreadable where somebody reads it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an answer, and the field of a contract that stands for it."""

    path: str = ""
    field: tuple[type, str] | None = None
    depth: int = 0

    def step(self, mark: str) -> "Place":
        """Go to the items of a list."""
        return Place(self.path + mark, self.field, self.depth + 1)

    def into(self, model: type, name: str) -> "Place":
        """Go to a field of a model."""
        return Place(f"{self.path}.{name}" if self.path else name, (model, name), self.depth + 1)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a contract; it may be called by any of `names` on the wire."""

    names: tuple[str, ...]
    type: Type
    is_required: bool


def _field(model: Any, name: str, tp: Type) -> _Field | None:
    """Return a field, or `None` where code of the model's own decides what it takes."""
    if not issubclass(model, BaseModel):
        parameters: Mapping[str, Any] = model.__dataclass_fields__
        is_required = _has_no_default(parameters[name])
        return _Field((name,), tp, is_required)
    info: FieldInfo = model.model_fields[name]
    names = tuple(_names(model, name))
    decorators = model.__pydantic_decorators__
    prepared = [each.info for each in decorators.field_validators.values() if each.info.mode != "after"]
    is_prepared = any(name in each.fields or "*" in each.fields for each in prepared) or decorators.validators
    if is_prepared or not names or any(map(_is_converter, info.metadata)):
        return None
    return _Field(names, tp, info.is_required())


def _has_no_default(parameter: Any) -> bool:
    return parameter.default is MISSING and parameter.default_factory is MISSING


def _names(model: type[BaseModel], name: str) -> Iterator[str]:
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


def _is_opaque(tp: Type) -> bool:
    """Say whether code that we cannot look into decides which values a type takes."""
    if isinstance(tp, TypeAliasType):
        return _is_opaque(tp.__value__)
    if origin_of(tp) is Annotated:
        inner, *notes = get_args(tp)
        return any(map(_is_converter, notes)) or _is_opaque(inner)
    return origin_of(tp) in (Union, UnionType) and any(map(_is_opaque, get_args(tp)))


def _is_converter(note: object) -> bool:
    is_own = hasattr(note, "__get_pydantic_core_schema__") and not isinstance(note, AfterValidator)
    return is_own or isinstance(note, (BeforeValidator, PlainValidator, WrapValidator))


def _has_own_ways(model: Any) -> bool:
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


def _takes_none(tp: Type, parts: Sequence[Type]) -> bool:
    """Say whether a type takes `None`, also where a literal or an enum has it among its values, or may have."""
    if is_nullable(tp):
        return True
    simple = (part for part in parts if not is_model(part) and _item(part) is None and mapping_value(part) is None)
    return any(taken.kind in ("null", UNKNOWN) for part in simple for taken in leaf(part))


def _item(tp: Type) -> Type | None:
    """Return the type of the items of a list, with the notes on it."""
    args = get_args(tp)
    return args[0] if len(args) == 1 and element(tp) is not None else element(tp)


def leaf(tp: Type) -> list[Alternative]:
    """Return the sorts of values that a type takes which has no fields and no items; nothing known is one of them."""
    if typed_keys(tp) is not None:
        return [Alternative("object", {})]
    try:
        schema = TypeAdapter[Any](unwrap(tp)).json_schema()
    except PydanticUserError:
        return [Alternative(UNKNOWN, {})]
    return Document(schema).alternatives(schema)


def mismatch(sent: Alternative, taken: Sequence[Alternative]) -> str:
    """
    Say what is sent that none of `taken` takes; the empty string where that is not certain.

    >>> mismatch(Alternative("number", {}), [Alternative("integer", {})])
    '`number`'
    """
    if any(alternative.kind == UNKNOWN for alternative in taken):
        return ""
    alike = [alternative for alternative in taken if _is_alike(sent, alternative)]
    if not alike:
        return _told(sent)
    known = [value for alternative in alike for value in alternative.values or ()]
    if sent.values is None or any(alternative.values is None for alternative in alike):
        return ""
    strange = [value for value in sent.values if value not in known]
    return f"also {', '.join(map(repr, strange))}" if strange else ""


_DATES = frozenset({"date", "date-time", "time", "duration", "uuid"})
_NUMBERS = frozenset({"int32", "int64", "uint32", "uint64", "decimal", "double", "float", "number", "integer"})


def _is_alike(sent: Alternative, taken: Alternative) -> bool:
    """Say whether values of one sort may be taken as the other: as pydantic does it in its lax mode, in doubt yes."""
    theirs, ours = sent.schema.get("format"), taken.schema.get("format")
    match sent.kind, taken.kind:
        case "string", "string":
            is_date = (theirs, ours) == ("date", "date-time")
            return not (theirs in _DATES and ours in _DATES) or theirs == ours or is_date
        case "integer", "number":
            return True
        case "integer" | "number", "string":
            return ours in _DATES and ours != "uuid"
        case "string", "integer" | "number":
            return theirs in _NUMBERS
        case one, other:
            return one == other


def _told(sent: Alternative) -> str:
    form = sent.schema.get("format")
    return f"`{sent.kind}` ({form})" if form else f"`{sent.kind}`"


def _of_items(wanted: Demand | None) -> Demand | None:
    return None if wanted is None else wanted.of_items()
