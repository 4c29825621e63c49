"""Narrow a contract to what is needed of it, as a type that pydantic decodes."""

import types
from collections.abc import Iterable
from typing import Annotated, TypeAlias, Union, get_args

from bff.declare._generics import peeled, walk
from bff.declare._types import Type, as_class, element, listed, mapped, mapping_value, members, origin_of, spell
from bff.plan._demand import WHOLE, Demand
from bff.plan._subsets import discriminator_of, has_parts, leaves_alone, parts_of, subset_of, why_whole

Reasons: TypeAlias = dict[str, None]
"""Where a model is decoded in full, and why; in their order."""


def narrow(tp: Type, wanted: Demand, reasons: Reasons, discriminator: str = "") -> Type:
    """Return a type that has only what is needed of `tp`, and the field that tells the members of a union apart."""
    if origin_of(tp) is Iterable:
        # Pydantic would check its items when they are gone through, and let that be once.
        tp = listed(get_args(tp)[0])
    if wanted.is_whole or (as_class(tp) is not None and not has_parts(tp)):
        return tp
    inner = peeled(tp)
    if inner is not tp:
        return narrow(inner, wanted, reasons, discriminator)
    if origin_of(tp) is Annotated:
        return _narrow_annotated(tp, wanted, reasons)
    if origin_of(tp) in (Union, types.UnionType):
        return _narrow_union(tp, wanted, reasons, discriminator)
    if has_parts(tp):
        return _narrow_fields(tp, wanted, reasons)
    return _narrow_items(tp, wanted.of_items(), reasons)


def _narrow_annotated(tp: Type, wanted: Demand, reasons: Reasons) -> Type:
    inner, *notes = get_args(tp)
    if not all(map(leaves_alone, notes)):
        if any(map(has_parts, walk(inner))):
            reasons[f"{spell(inner)} is decoded in full: it has validators"] = None
        return tp
    return Annotated[(narrow(inner, wanted, reasons, discriminator_of(notes)), *notes)]


def _narrow_union(tp: Type, wanted: Demand, reasons: Reasons, discriminator: str) -> Type:
    """Return a union whose members are told apart as those of the full one are."""
    if sum(arg is not type(None) for arg in get_args(tp)) > 1:
        parts = [part for part in members(tp) if part is not type(None)]
        if not discriminator or not all(has_parts(part) and discriminator in parts_of(part) for part in parts):
            if any(map(has_parts, walk(tp))):
                reasons[f"{spell(tp)} is decoded in full: all of its fields tell which it is"] = None
            return tp
        wanted = Demand(fields={**wanted.fields, discriminator: WHOLE})
    narrowed = (arg if arg is type(None) else narrow(arg, wanted, reasons, discriminator) for arg in get_args(tp))
    return Union[tuple(narrowed)]  # noqa: UP007 - made of a tuple


def _narrow_items(tp: Type, wanted: Demand, reasons: Reasons) -> Type:
    args = get_args(tp)
    if not args:
        return tp
    if mapping_value(tp) is not None:
        return mapped(args[0], narrow(args[1], wanted, reasons))
    if element(tp) is None:
        return tp
    if origin_of(tp) is not tuple:
        return listed(narrow(args[0], wanted, reasons))
    return tuple.__class_getitem__(tuple(arg if arg is Ellipsis else narrow(arg, wanted, reasons) for arg in args))


def _narrow_fields(tp: Type, wanted: Demand, reasons: Reasons) -> Type:
    parts = {name: part for name, part in parts_of(tp).items() if name in wanted.fields}
    reason = why_whole(tp, parts)
    if reason:
        reasons[f"{spell(tp)} is decoded in full: {reason}"] = None
        return tp
    return subset_of(tp, {name: narrow(part, wanted.fields[name], reasons) for name, part in parts.items()})
