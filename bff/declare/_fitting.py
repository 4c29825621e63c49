"""Say how to mend a value that does not fit where it goes."""

import difflib
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal, get_args
from uuid import UUID

from bff.declare import _graph as graph
from bff.declare._graph import Node
from bff.declare._types import (
    Type,
    as_class,
    element,
    fields,
    fits,
    has_length,
    is_model,
    is_nullable,
    mapping_value,
    members,
    origin_of,
    protocol_members,
    spell,
    typed_keys,
    union,
    unwrap,
    without_none,
)

DERIVED = "lift a plain function with @derived: it runs per request on real values"

_SCALARS = (str, bytes, int, float, Decimal, date, time, timedelta, UUID, Enum)


def mend_of(node: Node, wanted: Type) -> str:
    """Return what to do about a value that does not fit a type."""
    given, target = without_none(node.type), without_none(wanted)
    if fits(given, wanted):
        if isinstance(node, graph.Optional) and not is_nullable(node.value.type):
            return f"give it a default: optional(value, default=...), or declare it `{spell(wanted)} | None`"
        return f"declare it `{spell(wanted)} | None`, or give or_else(value, default)"
    if is_model(given) and hasattr(target, "of"):
        return f"shape it: `{spell(target)}.of(...)`"
    item, shape = element(given), element(target)
    if is_model(item) and hasattr(shape, "of"):
        return f"shape every item: `each(items, {spell(shape)}.of)`"
    return (
        _unmet(item or given, shape or target)
        or _unfit_member(given, wanted)
        or _unparsed(given, target)
        or "make the types agree, or convert it in a @derived function"
    )


def _unfit_member(given: Type, wanted: Type) -> str:
    """Name what of a union does not fit, where the rest does."""
    unfit = [part for part in members(given) if not fits(part, wanted)]
    if len(unfit) == len(members(given)) or all(origin_of(part) is Literal for part in unfit):
        return ""
    named = spell(union(unfit))
    return f"every member of a union must fit, and `{named}` does not: tell them apart in a @derived function"


def _unparsed(given: Type, target: Type) -> str:
    """Say how a scalar becomes another: nothing is parsed or converted on the way."""
    if not (_is_scalar(given) and _is_scalar(target)):
        return ""
    return (
        f"nothing is converted on the way: do it in a @derived function, `(value: {spell(given)}) -> {spell(target)}`"
    )


def _is_scalar(tp: Type) -> bool:
    cls = as_class(unwrap(tp))
    return cls is not None and issubclass(cls, _SCALARS)


def _unmet(given: Type, asked: Type) -> str:
    """Name what a `Protocol` asks for and a model does not have; nothing for any other pair."""
    protocol = protocol_members(asked)
    if protocol is None or not is_model(given):
        return ""
    known = fields(given)
    name, tp = next((name, tp) for name, tp in protocol.items() if name not in known or not fits(known[name], tp))
    return f"`{spell(asked)}` asks for `{name}: {spell(tp)}`; give it something that has it"


def suggest(name: str, known: list[str], sort: str = "fields") -> str:
    """Return the mend for a name that is none of those that are known."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"its {sort} are {', '.join(known)}"


def instead_of_field(tp: Type, name: str) -> str:
    """Say what to do in place of reading a field of what has none."""
    if is_model(element(tp)):
        return "read it of one item, `[0]`, or of every item: each(items, fn)"
    if mapping_value(tp) is not None or typed_keys(tp) is not None:
        return f'read it by its key: `["{name}"]`'
    return DERIVED


def instead_of_index(tp: Type, key: object) -> str:
    """Say what to do in place of an index that a value does not take."""
    if is_model(tp) and isinstance(key, str):
        return f"read the field: `.{key}`"
    if is_model(tp) and "root" in fields(tp):
        return f"read its root: `.root[{key!r}]`"
    if has_length(tp):
        return f"its last item is `[{len(get_args(tp)) - 1}]`"
    return f"use a plain index, or {DERIVED}"
