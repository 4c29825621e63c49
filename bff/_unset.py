"""The third state of a setting: left out, as opposed to `None` (off) and a value."""

from enum import Enum
from typing import Final, Literal, TypeAlias

__all__ = ["UNSET", "Unset"]


class _State(Enum):
    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _State.UNSET
Unset: TypeAlias = Literal[_State.UNSET]
