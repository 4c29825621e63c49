"""Hold a contract against the schema of what an upstream says it sends; what is not known is never held against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from pydantic import (
    BaseModel,
    RootModel,
)

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
)
from bff.plan._contract import ContractField, field_of, has_own_ways, is_opaque, names_of
from bff.plan._demand import WHOLE, Demand
from bff.plan._document import UNKNOWN, Alternative, Document, Schema
from bff.plan._leaf import leaf, mismatch, told
from bff.plan._subsets import why_whole

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
        if is_opaque(tp) or any(part in (Any, object) for part in parts) or here.depth > _DEEP:
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
            what = f"is {told(sent)} there, which none of `{' | '.join(map(spell, parts))}` takes"
            self._note("type-changed", what, wanted, here)

    def _member(self, part: Type, sent: Alternative, wanted: Demand | None, here: "Place") -> None:
        if is_model(part) and has_own_ways(part):
            return
        if is_model(part) and issubclass(part, RootModel):
            schema = {**sent.schema, "type": sent.kind}
            self.compare(part.model_fields["root"].annotation, schema, None if wanted is None else WHOLE, here)
            return
        item, value = _item(part), mapping_value(part)
        kind = "array" if item is not None else "object" if value is not None or is_model(part) else ""
        if kind and sent.kind != kind:
            self._note("type-changed", f"is {told(sent)} there, and the contract says `{spell(part)}`", wanted, here)
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
        if wanted is not None and issubclass(model, BaseModel) and why_whole(model, model.model_fields):
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
            ours = field_of(model, name, tp)
            if ours is not None:
                self._field(ours, sent, part, here.into(model, name))
        self._extras(model, sent, wanted, here)

    def _field(self, ours: ContractField, sent: Schema, wanted: Demand | None, here: "Place") -> None:
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
        known = {name for field in model.model_fields for name in names_of(model, field)}
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


def _of_items(wanted: Demand | None) -> Demand | None:
    return None if wanted is None else wanted.of_items()
