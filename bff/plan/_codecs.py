"""Decode of an upstream's answer just what is needed of it."""

import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, Union, get_args

from pydantic import TypeAdapter

from bff.declare._generics import peeled, walk
from bff.declare._models import is_model, typed_keys
from bff.declare._types import (
    Type,
    as_class,
    element,
    fields,
    listed,
    mapped,
    mapping_value,
    members,
    origin_of,
    spell,
    unwrap,
)
from bff.plan._demand import WHOLE, Demand
from bff.plan._subsets import discriminator_of, has_parts, leaves_alone, parts_of, subset_of, why_whole

_Reasons: TypeAlias = dict[str, None]


@dataclass(frozen=True, slots=True)
class Decoder:
    """
    Turn a JSON body into a value with the fields that are needed.

    `fields` names them as paths (`images[].url`), `reasons` says where a model is decoded in full, and why.
    """

    decode: Callable[[bytes], Any]
    fields: tuple[str, ...]
    reasons: tuple[str, ...]


def build_decoder(tp: Type, wanted: Demand) -> Decoder:
    """Return the decoder of a contract for a demand; it raises pydantic's `ValidationError` (lax JSON mode)."""
    if unwrap(tp) is type(None):
        return Decoder(_nothing, (), ())
    reasons: _Reasons = {}
    adapter = TypeAdapter[Any](_narrow(tp, wanted, reasons))
    return Decoder(adapter.validator.validate_json, tuple(dict.fromkeys(_paths(tp, wanted))), tuple(reasons))


def _nothing(_: bytes) -> None:
    return None


def _narrow(tp: Type, wanted: Demand, reasons: _Reasons, discriminator: str = "") -> Type:
    """Return a type that has only what is needed of `tp`, and the field that tells the members of a union apart."""
    if origin_of(tp) is Iterable:
        # Pydantic would check its items when they are gone through, and let that be once.
        tp = listed(get_args(tp)[0])
    if wanted.is_whole or (as_class(tp) is not None and not has_parts(tp)):
        return tp
    inner = peeled(tp)
    if inner is not tp:
        return _narrow(inner, wanted, reasons, discriminator)
    if origin_of(tp) is Annotated:
        return _narrow_annotated(tp, wanted, reasons)
    if origin_of(tp) in (Union, types.UnionType):
        return _narrow_union(tp, wanted, reasons, discriminator)
    if has_parts(tp):
        return _narrow_fields(tp, wanted, reasons)
    return _narrow_items(tp, wanted.of_items(), reasons)


def _narrow_annotated(tp: Type, wanted: Demand, reasons: _Reasons) -> Type:
    inner, *notes = get_args(tp)
    if not all(map(leaves_alone, notes)):
        if any(map(has_parts, walk(inner))):
            reasons[f"{spell(inner)} is decoded in full: it has validators"] = None
        return tp
    return Annotated[(_narrow(inner, wanted, reasons, discriminator_of(notes)), *notes)]


def _narrow_union(tp: Type, wanted: Demand, reasons: _Reasons, discriminator: str) -> Type:
    """Return a union whose members are told apart as those of the full one are."""
    if sum(arg is not type(None) for arg in get_args(tp)) > 1:
        parts = [part for part in members(tp) if part is not type(None)]
        if not discriminator or not all(has_parts(part) and discriminator in parts_of(part) for part in parts):
            if any(map(has_parts, walk(tp))):
                reasons[f"{spell(tp)} is decoded in full: all of its fields tell which it is"] = None
            return tp
        wanted = Demand(fields={**wanted.fields, discriminator: WHOLE})
    narrowed = (arg if arg is type(None) else _narrow(arg, wanted, reasons, discriminator) for arg in get_args(tp))
    return Union[tuple(narrowed)]  # noqa: UP007 - made of a tuple


def _narrow_items(tp: Type, wanted: Demand, reasons: _Reasons) -> Type:
    args = get_args(tp)
    if not args:
        return tp
    if mapping_value(tp) is not None:
        return mapped(args[0], _narrow(args[1], wanted, reasons))
    if element(tp) is None:
        return tp
    if origin_of(tp) is not tuple:
        return listed(_narrow(args[0], wanted, reasons))
    return tuple.__class_getitem__(tuple(arg if arg is Ellipsis else _narrow(arg, wanted, reasons) for arg in args))


def _narrow_fields(tp: Type, wanted: Demand, reasons: _Reasons) -> Type:
    parts = {name: part for name, part in parts_of(tp).items() if name in wanted.fields}
    reason = why_whole(tp, parts)
    if reason:
        reasons[f"{spell(tp)} is decoded in full: {reason}"] = None
        return tp
    return subset_of(tp, {name: _narrow(part, wanted.fields[name], reasons) for name, part in parts.items()})


def _paths(tp: Type, wanted: Demand, prefix: str = "") -> Iterator[str]:
    """Yield what is decoded, as a user would write its path; `*` is all of a value."""
    for part in [part for part in members(tp) if part is not type(None)] or [tp]:
        item = element(part) or mapping_value(part)
        known = fields(part) if is_model(part) else typed_keys(part)
        if item is not None:
            yield from _paths(item, wanted.of_items(), f"{prefix}[]")
        elif wanted.is_whole or known is None:
            yield prefix or "*"
        else:
            for name, inner in known.items():
                if name in wanted.fields:
                    yield from _paths(inner, wanted.fields[name], f"{prefix}.{name}" if prefix else name)
