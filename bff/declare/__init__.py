"""Declare: the words with which users say what upstreams promise and what clients get."""

from bff.declare._call import call
from bff.declare._derived import derived
from bff.declare._endpoint import endpoint
from bff.declare._expressions import (
    each,
    fallback,
    header,
    is_none,
    not_,
    now,
    optional,
    or_else,
    present,
    when,
)
from bff.declare._shape import Shape
from bff.declare._symbol import caller
from bff.declare._upstream import Upstream

__all__ = [
    "Shape",
    "Upstream",
    "call",
    "caller",
    "derived",
    "each",
    "endpoint",
    "fallback",
    "header",
    "is_none",
    "not_",
    "now",
    "optional",
    "or_else",
    "present",
    "when",
]
