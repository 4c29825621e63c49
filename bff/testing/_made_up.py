"""Make answers up from contracts, so that every call that nobody fakes succeeds."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from bff.declare._batch import batch_for, single_of
from bff.declare._operation import Operation
from bff.declare._types import as_class, element, spell
from bff.testing._content import wire_name
from bff.testing._reading import Arguments, is_many
from bff.testing._samples import NoSample, Sampler
from bff.testing._script import NothingFaked

__all__ = ["make_up"]


def make_up(operation: Operation[..., Any], arguments: Arguments) -> Any:
    """
    Return an answer as the contract promises it, about what was asked for; raises `NothingFaked` where none can be had.

    A field that is named as an argument is equal to it, and so are the keys of the items of a batch.
    """
    if operation.returns in (None, type(None)):
        return None
    answer = json.loads(_sample(operation))
    many = next((parameter.name for parameter in operation.parameters if is_many(parameter)), None)
    key = _key(operation)
    if operation.options.batch_of is not None and many is not None and answer:
        texts = arguments.written[many]
        last = len(answer) - 1
        return [_about(answer[min(number, last)], {key: text}) for number, text in enumerate(texts)]
    if isinstance(answer, list):
        return [_about(item, arguments.written) for item in cast("list[object]", answer)]
    return _about(answer, {**arguments.written, key: next(iter(arguments.written.values()), None)})


@lru_cache(maxsize=256)
def _sample(operation: Operation[..., Any]) -> str:
    contract = TypeAdapter[Any](operation.returns)
    try:
        schema = contract.json_schema(mode="validation", by_alias=True)
        sample = Sampler(schema).sample(schema, operation.name)
        contract.validate_json(json.dumps(sample))
    except (NoSample, PydanticInvalidForJsonSchema, ValidationError) as error:
        why = str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else str(error)
        raise NothingFaked(f"and no `{spell(operation.returns)}` could be made up: {why}") from error
    return json.dumps(sample)


def _key(operation: Operation[..., Any]) -> str:
    """Return what the field is called in JSON that tells the items of a batch apart, empty where there is no batch."""
    found = batch_for(operation)
    batch = found.operation if found else operation if operation.options.batch_of else None
    single = single_of(batch) if batch is not None else None
    if batch is None or single is None or not single.parameters:
        return ""
    key = batch.options.key or single.parameters[0].name
    item = as_class(element(batch.returns))
    if item is not None and issubclass(item, BaseModel) and key in item.model_fields:
        return wire_name(key, item.model_fields[key])
    return key


def _about(answer: Any, written: Mapping[str, object]) -> Any:
    """Put what was asked for into an answer, where it has a place for it and fits."""
    if not isinstance(answer, dict):
        return answer
    told = cast("dict[str, Any]", answer)
    same = {name: _like(told[name], text) for name, text in written.items() if name in told and isinstance(text, str)}
    return {**told, **same}


def _like(sample: object, text: str) -> Any:
    """Return a text as the kind of value that a sample is."""
    if isinstance(sample, (int, float)) and not isinstance(sample, bool):
        try:
            return json.loads(text)
        except ValueError:
            return sample
    return text if isinstance(sample, str) else sample
