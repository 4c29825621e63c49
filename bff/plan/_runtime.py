"""The few functions that generated code calls."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bff._unset import UNSET
from bff.declare._models import is_root_model
from bff.errors import ContractViolation, RejectedError, UpstreamError

T = TypeVar("T")


def at(values: Any, key: int | str) -> Any:
    """Return one item of a sequence or a mapping, `None` where there is none."""
    try:
        return values[key]
    except LookupError:
        return None


def need(value: T | None, place: str, source: str) -> T:
    """Return a value; raises `ContractViolation` where it is missing and has to be there."""
    if value is None:
        upstream, _, operation = source.rpartition(".")
        message = f"nothing there for {place}, which cannot be null"
        raise ContractViolation(message, upstream=upstream or source, operation=operation if upstream else "")
    return value


def build(shape: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    """Validate a Shape; raises `ContractViolation` where the values break its own rules."""
    try:
        return shape.model_validate(values["root"] if is_root_model(shape) else values, by_name=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in (shape.__name__, *first["loc"]))
        raise ContractViolation(f"{place}: {first['msg']}", upstream="answer", operation=shape.__name__) from error


def sparse(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is `None`."""
    return {key: value for key, value in values.items() if value is not None}


NAMES: Mapping[str, object] = {
    "ContractViolation": ContractViolation,
    "FAILURES": (UpstreamError, RejectedError),
    "UNSET": UNSET,
    "at": at,
    "build": build,
    "need": need,
    "sparse": sparse,
}
