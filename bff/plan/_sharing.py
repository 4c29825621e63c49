"""Share what decodes answers: pages that need the same of one operation decode it by the same means."""

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from bff.declare._operation import Operation
from bff.plan._codecs import Decoder, build_decoder
from bff.plan._demand import Demand

_made: "WeakKeyDictionary[Operation[..., Any], dict[Hashable, Decoder]]" = WeakKeyDictionary()


def decoder_of(operation: Operation[..., Any], wanted: Demand) -> Decoder:
    """Return the decoder of an operation's answer for a demand: the one that there is for an equal demand, if any."""
    known = _made.setdefault(operation, {})
    key = wanted.key
    if key not in known:
        known[key] = build_decoder(operation.returns, wanted)
    return known[key]
