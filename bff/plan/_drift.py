"""Find where an upstream's OpenAPI document and what this app declares of it have drifted apart."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from bff.declare._operation import Operation
from bff.declare._template import Parameter
from bff.declare._types import element, is_model, is_nullable, members, spell
from bff.errors import Problem
from bff.plan._agree import BREAKING, Comparison, Drift, Place
from bff.plan._demand import Demand
from bff.plan._document import Alternative, Document, Schema, json_schemas
from bff.plan._finding import Finding, Severity
from bff.plan._leaf import leaf, mismatch
from bff.plan._use import field_place

_NOT_DESCRIBED = frozenset({"accept", "content-type", "authorization"})
"""Headers that OpenAPI keeps out of the parameters."""


@dataclass(frozen=True, slots=True)
class Caller:
    """
    How an app calls an upstream: `prefix` is the path of its address.

    `headers` go with every call, in lower case; an `is_signed` call may bring more than is known here.
    """

    prefix: str
    headers: Collection[str]
    is_signed: bool


def drift(
    operation: Operation[..., Any], wanted: Demand | None, document: Document, caller: Caller
) -> Iterator[Finding]:
    """
    Yield where an operation and a document do not agree; `wanted` is what endpoints read, `None` where nobody calls it.

    What breaks a call that is made is an error, the rest a warning.
    """
    item = document.path_item((operation.path, caller.prefix + operation.path))
    method = operation.method.lower()
    found = [] if item is None else [*_known(operation, document, item, caller)]
    if item is None or (method not in item and not (method == "head" and "get" in item)):
        there = [] if item is None else [name.upper() for name in item if name in _METHODS]
        what = f"the path answers {', '.join(there)} and no {operation.method}" if there else "there is no such path"
        mend = f"see what became of `{operation.method} {operation.path}`"
        found = [_Mismatch("operation-gone", f"{what} any more", mend, is_breaking=True)]
    for each in found:
        severity = Severity.ERROR if each.is_breaking and wanted is not None else Severity.WARNING
        yield Finding(each.code, severity, operation.problem(each.what, each.mend))
    if item is not None and method in item and operation.method != "HEAD":
        yield from _answer(operation, wanted, document, item)


_METHODS = frozenset({"get", "put", "post", "delete", "head", "patch"})


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """Something between an operation as a whole and its description."""

    code: str
    what: str
    mend: str
    is_breaking: bool


def _known(operation: Operation[..., Any], document: Document, item: Schema, caller: Caller) -> Iterator[_Mismatch]:
    yield from _parameters(operation, document, item, caller)
    yield from _body(operation, document, item)


def _parameters(
    operation: Operation[..., Any], document: Document, item: Schema, caller: Caller
) -> Iterator[_Mismatch]:
    described = document.parameters(item, operation.method.lower())
    theirs = {_mark(str(each.get("in")), str(each.get("name"))): each for each in described}
    ours = {_mark(each.place, each.wire_name): each for each in operation.parameters}
    for (place, name), each in theirs.items():
        is_sent = place == "header" and (name in caller.headers or name in _NOT_DESCRIBED)
        if place in ("query", "header") and each.get("required") is True and (place, name) not in ours and not is_sent:
            what = f"it requires the {place} parameter `{name}`, which is not sent"
            is_breaking = not caller.is_signed
            yield _Mismatch("parameter-required", what, f"add a parameter `{name}`", is_breaking=is_breaking)
    is_open = any(_is_open(document, each) for each in theirs.values())
    for (place, name), parameter in ours.items():
        if place not in ("query", "header"):
            continue
        if (place, name) in theirs:
            yield from _parameter(parameter, theirs[place, name], document)
        elif described and not is_open:
            what = f"it does not know the {place} parameter `{name}`"
            yield _Mismatch("parameter-unknown", what, "see whether it has another name now", is_breaking=False)


def _mark(place: str, name: str) -> tuple[str, str]:
    """Return what parameters are told apart by; the case of a header's name says nothing."""
    return place, name.lower() if place == "header" else name


def _is_open(document: Document, parameter: Schema) -> bool:
    """Say whether a parameter may stand for any number of them."""
    return any(taken.kind == "object" for taken in document.alternatives(parameter.get("schema", True)))


def _parameter(ours: Parameter, theirs: Schema, document: Document) -> Iterator[_Mismatch]:
    if theirs.get("required") is True and is_nullable(ours.annotation):
        what = f"it requires the parameter `{ours.wire_name}`, and `None` leaves it out"
        yield _Mismatch("parameter-required", what, "drop the `None` from its type", is_breaking=False)
    described = document.alternatives(theirs.get("schema", True))
    taken = [each for part in described for each in _items_of(document, part)]
    # On the wire everything is text, so that a plain text takes numbers too.
    is_text = any(each.kind == "string" and "format" not in each.schema for each in taken)
    tp = element(ours.annotation) or ours.annotation
    for part in (part for part in members(tp) if part is not type(None)):
        sent = [each for each in leaf(part) if each.kind == "string" or not is_text]
        if sent and all(mismatch(each, taken) for each in sent):
            what = f"it takes `{ours.wire_name}` as {_spelt(taken)}, and gets `{spell(part)}`"
            yield _Mismatch("parameter-changed", what, "change the type of the parameter", is_breaking=True)


def _items_of(document: Document, taken: Alternative) -> list[Alternative]:
    """Return what a repeated parameter takes one at a time."""
    return document.alternatives(taken.schema.get("items", True)) if taken.kind == "array" else [taken]


def _spelt(taken: Collection[Alternative]) -> str:
    listed = [f"{each.kind} {each.values}" if each.values else each.kind for each in taken]
    return " or ".join(dict.fromkeys(f"`{each}`" for each in listed))


def _body(operation: Operation[..., Any], document: Document, item: Schema) -> Iterator[_Mismatch]:
    described = document.body(item, operation.method.lower())
    ours = next((each for each in operation.parameters if each.place == "body"), None)
    if ours is None:
        if described.get("required") is True:
            yield _Mismatch("body-required", "it requires a body, and gets none", "add a model", is_breaking=True)
        return
    for schema in json_schemas(described):
        for path in _unsent(ours.annotation, schema, document, ""):
            what = f"it requires the field `{path}` in the body, which `{spell(ours.annotation)}` does not have"
            yield _Mismatch("body-field-required", what, "add the field to the model", is_breaking=True)


def _unsent(tp: Any, schema: Any, document: Document, prefix: str, depth: int = 0) -> Iterator[str]:
    """Yield the required fields of a body that a model of ours does not send."""
    taken = [each for each in document.alternatives(schema) if each.kind != "null"]
    models = [part for part in members(tp) if is_model(part)]
    if len(taken) != 1 or taken[0].kind != "object" or len(models) != 1 or depth > _DEEP:
        return
    model = models[0]
    if not issubclass(model, BaseModel) or model.model_config.get("extra") == "allow" or _writes_itself(model):
        return
    sent = {_sent_name(model, name): info.annotation for name, info in model.model_fields.items() if not info.exclude}
    sent |= dict.fromkeys(model.__pydantic_decorators__.computed_fields, Any)
    properties: Mapping[str, Any] = taken[0].schema.get("properties") or {}
    for name in dict.fromkeys(taken[0].schema.get("required", ())):
        if name not in sent and not document.resolved(properties.get(name)).get("readOnly"):
            yield f"{prefix}{name}"
    for name in sent.keys() & properties.keys():
        yield from _unsent(sent[name], properties[name], document, f"{prefix}{name}.", depth + 1)


_DEEP = 5  # a body that holds itself has no end


def _sent_name(model: type[BaseModel], name: str) -> str:
    info = model.model_fields[name]
    return info.serialization_alias or info.alias or name


def _writes_itself(model: type[BaseModel]) -> bool:
    return bool(model.__pydantic_decorators__.model_serializers)


def _answer(
    operation: Operation[..., Any], wanted: Demand | None, document: Document, item: Schema
) -> Iterator[Finding]:
    if operation.returns in (None, type(None)):
        return
    schemas = document.answers(item, operation.method.lower())
    if schemas is None and not is_nullable(operation.returns):
        severity = Severity.WARNING if wanted is None else Severity.ERROR
        what = f"it answers nothing, and the contract says `{spell(operation.returns)}`"
        yield Finding("answer-gone", severity, operation.problem(what, "let the operation return `None`"))
        return
    comparison = Comparison(document)
    for schema in schemas or ():
        comparison.compare(operation.returns, schema, wanted, Place())
    for found in dict.fromkeys(comparison.drifts):
        is_error = found.code in BREAKING and found.is_read
        yield Finding(found.code, Severity.ERROR if is_error else Severity.WARNING, _problem(operation, found))


_MENDS = {
    "field-missing": "see what took its place, or give the field a default",
    "field-gone": "remove the field, or see what took its place",
    "may-be-null": "let the contract say `| None`, and the pages what they show then",
    "may-be-left-out": "give the field a default",
    "type-changed": "change the contract to what is sent",
    "field-forbidden": "name the field, or do not forbid what is not known",
}


def _problem(operation: Operation[..., Any], found: Drift) -> Problem:
    what = f"`{found.path}` {found.what}" if found.path else f"the answer {found.what}"
    unread = "" if found.is_read else " (no endpoint reads it)"
    problem = operation.problem(f"{what}{unread}", _MENDS[found.code])
    file, line = field_place(*found.field) if found.field else ("", 0)
    return replace(problem, file=file, line=line) if file else problem
