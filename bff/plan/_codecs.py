"""Decode of an upstream's answer just what is needed of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from pydantic import TypeAdapter

from bff.declare._models import is_model, typed_keys
from bff.declare._types import Type, element, fields, mapping_value, members, unwrap
from bff.plan._demand import Demand
from bff.plan._narrow import Reasons, narrow
from bff.plan._structs import Structs, Unlike
from bff.plan._tame import is_tame


@dataclass(frozen=True, slots=True)
class Decoder:
    """
    Turn a JSON body into a value with the fields that are needed.

    `fields` names them as paths (`images[].url`), `reasons` says where a model is decoded in full, and why. `engine`
    is what reads the body, nothing where nobody does; `left` are the parts that are pydantic's, by path, and why.
    """

    decode: Callable[[bytes], Any]
    fields: tuple[str, ...]
    reasons: tuple[str, ...]
    engine: str = "pydantic"
    left: tuple[tuple[str, str], ...] = ()


def build_decoder(tp: Type, wanted: Demand) -> Decoder:
    """Return the decoder of a contract for a demand; it raises pydantic's `ValidationError` (lax JSON mode)."""
    if unwrap(tp) is type(None):
        return Decoder(_nothing, (), (), "")
    reasons: Reasons = {}
    paths = tuple(dict.fromkeys(_paths(tp, wanted)))

    def by_pydantic(part: Type, of_part: Demand) -> Callable[[bytes], Any]:
        return TypeAdapter[Any](narrow(part, of_part, reasons)).validator.validate_json

    structs = Structs(by_pydantic)
    try:
        fast = _decoder(structs.of(tp, wanted))
    except Unlike as error:
        return Decoder(by_pydantic(tp, wanted), paths, tuple(reasons), left=(("*", str(error)),))
    both = _Both(fast, tp, wanted)
    return Decoder(both.decode, paths, tuple(reasons), "msgspec", tuple(structs.left.items()))


def _decoder(tp: Type) -> Callable[[bytes], Any]:
    try:
        return msgspec.json.Decoder(tp).decode
    except (TypeError, ValueError, NotImplementedError) as error:
        raise Unlike(str(error)) from error


class _Both:
    """Decodes by msgspec what it accepts, and by pydantic, which has the last word, what it refuses."""

    MOST_MISSES = 8
    PAUSE = 64

    def __init__(self, fast: Callable[[bytes], Any], tp: Type, wanted: Demand) -> None:
        self._fast = fast
        self._contract = tp, wanted
        self._misses = 0

    @cached_property
    def _slow(self) -> Callable[[bytes], Any]:
        return TypeAdapter[Any](narrow(*self._contract, {})).validator.validate_json

    def decode(self, content: bytes) -> Any:
        """Return the value of a body."""
        misses = self._misses
        if (misses < self.MOST_MISSES or not misses % self.PAUSE) and is_tame(content):
            try:
                value = self._fast(content)
            except Exception:  # noqa: BLE001, S110 - whatever it was, pydantic looks at it and says
                pass
            else:
                self._misses = 0
                return value
        value = self._slow(content)
        # An upstream that keeps the contract in pydantic's way alone is not asked about in vain for ever.
        self._misses = misses + 1
        return value


def _nothing(_: bytes) -> None:
    return None


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
