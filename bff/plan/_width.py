"""Find what is declared wider than it is used: fields of shapes that nobody fills, of contracts that nobody reads."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel

from bff.declare._types import fields, members, origin_of
from bff.errors import Problem
from bff.plan._finding import Finding, warning
from bff.plan._subsets import why_whole
from bff.plan._use import Use, declarer, field_place, fields_read


def wide_shapes(use: Use, is_own: Callable[[type], bool]) -> Iterator[Finding]:
    """
    Yield fields of shapes that every endpoint leaves to their default.

    A field that says of which kind a shape is, a `Literal`, is meant to.
    """
    filled: dict[tuple[type, str], bool] = {}
    for shape, names in use.filled.items():
        for name, info in shape.model_fields.items():
            key = (declarer(shape, name), name)
            is_fixed = all(origin_of(part) is Literal for part in members(info.annotation))
            is_filled = name in names or is_fixed or shape in use.opaque
            filled[key] = filled.get(key, False) or is_filled
    for (shape, name), is_filled in filled.items():
        if not is_filled and is_own(shape):
            what = f"no endpoint ever gives `{name}` a value: clients always get its default"
            problem = Problem(what, "fill it, or remove it", f"{shape.__name__}.{name}", *field_place(shape, name))
            yield warning("shape-wider-than-use", problem)


def wide_contracts(use: Use, is_own: Callable[[type], bool]) -> Iterator[Finding]:
    """
    Yield contracts with fields that no endpoint reads, once for each class that declares such fields.

    Every field of a contract is a promise that an upstream has to keep, so it should name those that matter here. A
    model with code of its own may read any of its fields.
    """
    read: dict[tuple[type, str], bool] = {}
    for model, names in fields_read(use).items():
        is_seen = model not in use.opaque and not _has_code(model)
        for name in fields(model) if names else ():
            key = (declarer(model, name), name)
            read[key] = read.get(key, False) or name in names or not is_seen
    idle: dict[type, list[str]] = {}
    for (model, name), is_read in read.items():
        if not is_read and is_own(model):
            idle.setdefault(model, []).append(name)
    for model, unread in idle.items():
        what = f"no endpoint reads {_listed(unread)}: the contract is wider than its use"
        mend = "remove what is not read: it cannot break then, and need not be kept"
        problem = Problem(what, mend, model.__name__, *field_place(model, unread[0]))
        yield warning("contract-wider-than-use", problem)


def _has_code(model: Any) -> bool:
    return issubclass(model, BaseModel) and bool(why_whole(model, model.model_fields))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
