"""The law of codecs: what msgspec decodes and encodes is what pydantic would, and what pydantic refuses is refused."""

from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from typing import Any, cast

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from bff.plan._codecs import build_decoder
from bff.plan._demand import Demand
from bff.plan._encoding import by_msgspec, by_pydantic
from bff.plan._narrow import narrow
from bff.plan._native import is_written_alike
from tests.support.contracts import Kind, bodies, kinds


def outcome(decode: Callable[[bytes], Any], content: bytes) -> tuple[Any, Any]:
    """What a decoder gives, or says."""
    try:
        return decode(content), None
    except ValidationError as error:
        return None, repr(error.errors(include_url=False, include_context=False))


def told(value: Any, demand: Demand) -> Any:
    """Return all that can be told of what is needed of a value: its class too, where anybody sees it."""
    if isinstance(value, (BaseModel, Struct)) or is_dataclass(value):
        if demand.is_whole and not demand.is_written:
            return type(value), repr(value), repr(getattr(value, "model_fields_set", None))
        names = names_of(value) if demand.is_whole else demand.fields
        return {name: told(getattr(value, name), demand.of_field(name)) for name in names}
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        if not demand.is_whole and demand.fields:
            return {name: told(items.get(name), part) for name, part in demand.fields.items()}
        return [(key, told(item, demand.of_items())) for key, item in items.items()]
    if isinstance(value, (list, tuple)):
        return type(cast("object", value)), [told(item, demand.of_items()) for item in cast("Sequence[Any]", value)]
    return type(value), repr(value)


def names_of(value: Any) -> Sequence[str]:
    """Return the fields of an object in their order, whatever class holds it."""
    held: Any = value
    return held.__struct_fields__ if isinstance(value, Struct) else [*held.__dict__]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(kinds, st.data())
def test_a_body_is_accepted_refused_and_read_as_pydantic_does(kind: Kind, data: st.DataObject) -> None:
    demand, content = data.draw(kind.demands), data.draw(bodies(kind))
    decoder = build_decoder(kind.tp, demand)
    expected, mistakes = outcome(TypeAdapter[Any](narrow(kind.tp, demand, {})).validate_json, content)
    found, said = outcome(decoder.decode, content)
    event(f"{decoder.engine}, {'refused' if mistakes else 'accepted'}")
    assert mistakes == said
    assert told(expected, demand) == told(found, demand)
    if demand.is_written and mistakes is None:
        assert written(by_pydantic, expected) == written(by_pydantic, found)
        if is_written_alike(kind.tp):
            assert written(by_pydantic, expected) == written(by_msgspec, found)


def written(encode: Callable[[Any], bytes], value: Any) -> Any:
    try:
        return encode(value)
    except PydanticSerializationError as error:
        return str(error)
