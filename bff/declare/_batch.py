"""What a batch operation has to be like, so that it can stand in for many calls of another."""

from collections.abc import Iterator
from typing import Any

from bff.declare._operation import Operation
from bff.declare._types import element, fields, is_model, spell


def batch_mistakes(batch: Operation[..., Any], single: Operation[..., Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, and how to mend it, with an operation that stands in for calls of another."""
    lists = [parameter for parameter in batch.parameters if element(parameter.annotation) is not None]
    if len(lists) != 1:
        what = f"it stands in for many calls of `{single.name}`, and takes {len(lists) or 'no'} lists"
        yield what, "give it one list parameter: the values that the single calls would take"
    item = element(batch.returns)
    if item is None:
        what = f"it stands in for many calls of `{single.name}`, and answers no list"
        yield what, f"annotate `-> list[{spell(batch.returns)}]`"
        return
    key = batch.options.key or next((parameter.name for parameter in single.parameters), "")
    if is_model(item) and key not in fields(item):
        what = f"the key `{key}` is no field of `{spell(item)}`"
        yield what, f"name the field that equals what `{single.name}` takes: key=..."
