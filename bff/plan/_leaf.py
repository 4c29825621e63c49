"""Compare values without parts: what an upstream says it sends with what a type takes."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from bff.declare._types import Type, typed_keys, unwrap
from bff.plan._document import UNKNOWN, Alternative, Document


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
        return told(sent)
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


def told(sent: Alternative) -> str:
    """Write a sort of values as a user would."""
    form = sent.schema.get("format")
    return f"`{sent.kind}` ({form})" if form else f"`{sent.kind}`"
