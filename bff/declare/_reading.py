"""What the types of parts are that are read of symbolic values: fields, items."""

from collections.abc import Sequence
from typing import ForwardRef

from bff.declare._fitting import DERIVED, instead_of_field, instead_of_index, suggest
from bff.declare._generics import class_of, remembered, walk
from bff.declare._models import computed_fields, required_keys
from bff.declare._trace import Trace
from bff.declare._types import (
    Type,
    element,
    fields,
    has_length,
    is_model,
    is_nullable,
    item_at,
    mapping_value,
    members,
    nullable_if,
    spell,
    typed_keys,
    union,
    without_none,
)


@remembered
def _read_of(_: Type) -> dict[str, Type]:
    """Return the types of those attributes of a type that were read already."""
    return {}


def type_of_attribute(trace: Trace, tp: Type, name: str) -> Type:
    """Return the type of a field; raises where there is none that could be read."""
    known = _read_of(tp)
    if name not in known:
        known[name] = _type_of_attribute(trace, tp, name)
    return known[name]


def _type_of_attribute(trace: Trace, tp: Type, name: str) -> Type:
    parts = members(without_none(tp))
    if not parts:
        raise trace.fail(f"`.{name}` of a value that is always None", "read it from what may be there")
    _check_common(trace, parts, name)
    return nullable_if(is_nullable(tp), union(_field(trace, part, name) for part in parts))


def _check_common(trace: Trace, parts: Sequence[Type], name: str) -> None:
    """Refuse a field that only some of a union's models have."""
    known = [[*fields(part)] if is_model(part) else list[str]() for part in parts]
    lacking = [part for part, own in zip(parts, known, strict=True) if name not in own]
    if lacking and any(name in own for own in known):
        common = [field for field in known[0] if all(field in own for own in known)]
        what = f"not every member of `{spell(union(parts))}` has a field `{name}`: `{spell(lacking[0])}` has none"
        told = f"read what all of them have ({', '.join(common)})" if common else "they have no field in common"
        raise trace.fail(what, f"{told}; to tell them apart, {DERIVED}")


def _field(trace: Trace, tp: Type, name: str) -> Type:
    if not is_model(tp):
        what = f"`{spell(tp)}` has no field `{name}`: only the fields of models can be read here"
        raise trace.fail(what, instead_of_field(tp, name))
    known = fields(tp)
    if name in known:
        unread = next((part.__forward_arg__ for part in walk(known[name]) if isinstance(part, ForwardRef)), "")
        if unread:
            what = f"the type of `{spell(tp)}.{name}` cannot be read: a name in `{unread}` is not defined"
            raise trace.fail(what, f"define or import it at module level, where `{spell(tp)}` is")
        return known[name]
    if name in computed_fields(tp):
        what = f"`{spell(tp)}.{name}` is a computed field, which no upstream sends: only fields can be read here"
        mend = f"read it in a @derived function that takes `{spell(tp)}`: that gets a real one, with all fields"
        raise trace.fail(what, mend)
    if hasattr(class_of(tp), name):
        raise trace.fail(f"`{spell(tp)}.{name}` is no field: only fields can be read here", DERIVED)
    raise trace.fail(f"`{spell(tp)}` has no field `{name}`", suggest(name, [*known]))


def type_of_item(trace: Trace, tp: Type, key: object) -> tuple[Type, bool]:
    """Return the type of an item, and whether it is always there."""
    keys = typed_keys(tp)
    if keys is not None and isinstance(key, str):
        if key not in keys:
            raise trace.fail(f"`{spell(tp)}` has no key `{key}`", suggest(key, [*keys], "keys"))
        return keys[key], key in required_keys(tp)
    held = item_at(tp, key) if isinstance(key, int) else None
    if held is not None:
        return held, True
    value = element(tp) if isinstance(key, int) else mapping_value(tp) if isinstance(key, str) else None
    if value is None or (isinstance(key, int) and has_length(tp)):
        raise trace.fail(f"`{spell(tp)}` cannot be indexed with `{key!r}`", instead_of_index(tp, key))
    return value, False
