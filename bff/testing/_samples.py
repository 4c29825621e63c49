"""Make values up that fit a JSON Schema: always the same ones, and telling where they came from."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

__all__ = ["NoSample", "Sampler"]

Schema = Mapping[str, Any]

_FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-0{}",
    "date-time": "2026-01-0{}T12:00:00Z",
    "time": "12:0{}:00Z",
    "duration": "PT{}S",
    "uuid": "00000000-0000-4000-8000-00000000000{}",
    "email": "name-{}@example.com",
    "uri": "https://example.com/{}",
    "ipv4": "192.0.2.{}",
    "ipv6": "2001:db8::{}",
    "hostname": "host-{}.example.com",
}
_ITEMS = 2
_DEEPEST = 12


class NoSample(Exception):
    """No value could be made up; the message says for what, and why."""


class _Endless(NoSample):
    """A schema contains itself: somewhere inside there has to be a way out."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """
    Makes values up for the schemas of one document.

    Of several alternatives it takes the first that is not null; lists have two items, whose numbers and texts differ.
    """

    document: Schema
    _inside: tuple[str, ...] = field(default=())

    def sample(self, schema: Schema, name: str = "value", number: int = 1) -> Any:
        """
        Return data for JSON that fits; `name` and `number` are what texts are made of.

        >>> Sampler({}).sample({"type": "object", "properties": {"sku": {"type": "string"}, "left": {"minimum": 3}}})
        {'sku': 'sku-1', 'left': 'left-1'}
        """
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        if "const" in schema:
            return schema["const"]
        if "$ref" in schema:
            return self._referred(schema["$ref"], name, number)
        if "allOf" in schema:
            merged = {key: value for part in schema["allOf"] for key, value in part.items()}
            return self.sample({**merged, **{k: v for k, v in schema.items() if k != "allOf"}}, name, number)
        alternatives = schema.get("anyOf") or schema.get("oneOf")
        if alternatives:
            return self._first(alternatives, name, number)
        return self._typed(schema, name, number)

    def _referred(self, reference: str, name: str, number: int) -> Any:
        if reference in self._inside or len(self._inside) > _DEEPEST:
            raise _Endless(f"`{name}` contains itself")
        found: Any = self.document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return replace(self, _inside=(*self._inside, reference)).sample(found, name, number)

    def _first(self, alternatives: list[Schema], name: str, number: int) -> Any:
        failed: NoSample = NoSample(f"`{name}` is nothing")
        for alternative in sorted(alternatives, key=lambda schema: schema.get("type") == "null"):
            try:
                return self.sample(alternative, name, number)
            except NoSample as error:
                failed = error
        raise failed

    def _typed(self, schema: Schema, name: str, number: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in cast("list[str]", kind) if one != "null"), "null")
        match kind:
            case "object":
                return self._object(schema, name, number)
            case "array":
                return self._array(schema, name)
            case "boolean":
                return True
            case "null":
                return None
            case "integer" | "number":
                return _number(schema, number)
            case _:
                return _text(schema, name, number)

    def _object(self, schema: Schema, name: str, number: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, inner in schema.get("properties", {}).items():
            try:
                made[key] = self.sample(inner, key, number)
            except _Endless:
                if key in schema.get("required", ()):
                    raise
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and not made:
            made[name] = self.sample(cast("Schema", others), name, number)
        return made

    def _array(self, schema: Schema, name: str) -> list[Any]:
        fixed = [self.sample(inner, name, number) for number, inner in enumerate(schema.get("prefixItems", ()), 1)]
        if fixed:
            return fixed
        least: int = schema.get("minItems", 0)
        count = max(least, min(_ITEMS, schema.get("maxItems", _ITEMS)))
        try:
            return [self.sample(schema.get("items", {}), name, number) for number in range(1, count + 1)]
        except _Endless:
            if least:
                raise
            return []


def _number(schema: Schema, number: int) -> float:
    """Return the multiple that `number` asks for, the nearest within the bounds, or else what lies between these."""
    step = schema.get("multipleOf", 1)
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = max((bound for bound in (least, above) if bound is not None), default=-math.inf)
    high = min((bound for bound in (most, below) if bound is not None), default=math.inf)
    value: float = number * step
    if value < low or value == above:
        value = math.ceil(low / step) * step + (step if math.ceil(low / step) * step == above else 0)
    if value > high or value == below:
        value = math.floor(high / step) * step - (step if math.floor(high / step) * step == below else 0)
    return value if low <= value <= high and value != above else (low + high) / 2


def _text(schema: Schema, name: str, number: int) -> str:
    known = _FORMATS.get(schema.get("format", ""))
    text = known.format(number % 10) if known else f"{name}-{number}"
    least: int = schema.get("minLength", 0)
    text = text.ljust(least, "x")[: schema.get("maxLength")]
    pattern = schema.get("pattern")
    if pattern is None:
        return text
    candidates = [text, *(form for size in range(1, 33) for form in ("1" * size, "a" * size, "A" * size))]
    found = next((one for one in candidates if len(one) >= least and re.search(pattern, one)), None)
    if found is None:
        raise NoSample(f"`{name}` has to match {pattern!r}")
    return found
