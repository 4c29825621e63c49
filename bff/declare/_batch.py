"""What a batch operation has to be like, so that it can stand in for many calls of another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import Parameter as Argument
from typing import Any

from bff.declare._operation import Operation, operations_of
from bff.declare._types import element, fields, fits, is_model, spell

_Mistake = tuple[str, str]


@dataclass(frozen=True, slots=True)
class BatchOf:
    """
    An operation that stands in for many calls of another.

    `at` is the number of the parameter that takes their values, `rest` has the arguments besides; `key` is the field
    of an item that equals the value it answers.
    """

    operation: Operation[..., Any]
    at: int
    rest: tuple[Any, ...]
    key: str


def batch_for(single: Operation[..., Any]) -> BatchOf | None:
    """Return what stands in for many calls of an operation, if anything does."""
    operations = operations_of(single.owner) if single.owner else []
    batch = next((each for each in operations if each.options.batch_of == single.name), None)
    if batch is None:
        return None
    names = [parameter.name for parameter in batch.parameters]
    rest = tuple(batch.signature.parameters[name].default for name in names)
    at = next(n for n, parameter in enumerate(batch.parameters) if element(parameter.annotation) is not None)
    return BatchOf(batch, at, rest, _key(batch, single))


def single_of(batch: Operation[..., Any]) -> Operation[..., Any] | None:
    """Return the operation that a batch stands in for, `None` for one that is no batch."""
    operations = operations_of(batch.owner) if batch.owner else []
    return next((each for each in operations if each.name == batch.options.batch_of), None)


def _key(batch: Operation[..., Any], single: Operation[..., Any]) -> str:
    return batch.options.key or next((parameter.name for parameter in single.parameters), "")


def batch_mistakes(
    batch: Operation[..., Any], single: Operation[..., Any], others: Sequence[Operation[..., Any]]
) -> Iterator[_Mistake]:
    """Yield what is wrong, and how to mend it, with an operation that stands in for calls of another."""
    if not (batch.is_read and single.is_read):
        what = f"it stands in for many calls of `{single.name}`, and one of the two is a write"
        yield what, "batch reads; writes are made one after another"
    twin = next((each for each in others if each.options.batch_of == single.name), batch)
    if twin is not batch:
        yield f"`{twin.name}` stands in for many calls of `{single.name}`, too", "keep one of the two"
    yield from _parameter_mistakes(batch, single)
    item = element(batch.returns)
    if item is None:
        what = f"it stands in for many calls of `{single.name}`, and answers no list"
        yield what, f"annotate `-> list[{spell(batch.returns)}]`"
    else:
        yield from _item_mistakes(item, batch, single)


def _parameter_mistakes(batch: Operation[..., Any], single: Operation[..., Any]) -> Iterator[_Mistake]:
    lists = [parameter for parameter in batch.parameters if element(parameter.annotation) is not None]
    if len(lists) != 1:
        what = f"it stands in for many calls of `{single.name}`, and takes {len(lists) or 'no'} lists"
        yield what, "give it one list parameter: the values that the single calls would take"
    if len(single.parameters) != 1:
        what = (
            f"it stands in for many calls of `{single.name}`, which takes {len(single.parameters) or 'no'} parameters"
        )
        yield what, "batch an operation with one parameter"
    elif len(lists) == 1 and not fits(single.parameters[0].annotation, element(lists[0].annotation)):
        taken = f"`{single.name}` takes `{spell(single.parameters[0].annotation)}`"
        what = f"`{lists[0].name}` is `{spell(lists[0].annotation)}`, and {taken}"
        yield what, "make it a list of what the single call takes"
    for parameter in batch.parameters:
        is_needed = batch.signature.parameters[parameter.name].default is Argument.empty
        if is_needed and parameter not in lists:
            what = f"it stands in for many calls of `{single.name}`, and nobody gives it `{parameter.name}`"
            yield what, f"give `{parameter.name}` a default"


def _item_mistakes(item: Any, batch: Operation[..., Any], single: Operation[..., Any]) -> Iterator[_Mistake]:
    key = _key(batch, single)
    if not is_model(item):
        what = f"it answers a list of `{spell(item)}`, which has no field to tell the items by"
        yield what, "answer a list of models"
        return
    if key not in fields(item):
        what = f"the key `{key}` is no field of `{spell(item)}`"
        yield what, f"name the field that equals what `{single.name}` takes: key=..."
    elif single.parameters and not _is_comparable(fields(item)[key], single.parameters[0].annotation):
        wanted = spell(single.parameters[0].annotation)
        what = f"the key `{key}` is `{spell(fields(item)[key])}`, and `{single.name}` takes `{wanted}`"
        yield what, "name a field of the same type: they never are equal otherwise"
    if not fits(item, single.returns):
        what = f"it answers a list of `{spell(item)}`, and `{single.name}` answers `{spell(single.returns)}`"
        yield what, f"annotate `-> list[{spell(single.returns)}]`"


def _is_comparable(one: Any, other: Any) -> bool:
    return fits(one, other) or fits(other, one)
