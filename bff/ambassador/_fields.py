"""The headers of a request of which most are known before it is: those parts are checked and written out once."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, overload

__all__ = ["FRAMING", "NOTHING", "TOKEN", "Fields", "Pair", "Part"]

Pair: TypeAlias = tuple[str, str]

# RFC 9110 section 7.6.1 and RFC 9112: how a message is framed and coded is the wire's business alone.
FRAMING: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Whatever can be encoded, and begins no other line.
_VALUE: Final = re.compile(r"[^\r\n\0\ud800-\udfff]*")


def _is_plain(pair: Pair) -> bool:
    """Say whether a header is a line of its own, and written as it is."""
    name, value = pair
    return (
        TOKEN.fullmatch(name) is not None
        and name.lower() not in FRAMING
        and name.lower() != "host"
        and _VALUE.fullmatch(value) is not None
    )


class Part:
    """
    Headers that are the same in many requests.

    `lines` are they as a wire writes them, `None` where it does not write them all, or as they are: it looks at each
    then.
    """

    __slots__ = ("lines", "pairs", "size")

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = tuple(pairs)
        self.size = len(self.pairs)
        is_plain = all(map(_is_plain, self.pairs))
        self.lines = "".join([f"{name}: {value}\r\n" for name, value in self.pairs]) if is_plain else None

    def __repr__(self) -> str:
        return f"<Part {', '.join(name for name, _ in self.pairs)}>"  # values may be secrets


NOTHING: Final = Part(())


class Fields(Sequence[Pair]):
    """
    The headers of one request: a `fixed` part, its `own`, and what its upstream is `told` of the try, in this order.

    Who does not know of parts has a sequence of pairs as any other.
    """

    __slots__ = ("fixed", "own", "told")

    def __init__(self, fixed: Part, own: Sequence[Pair], told: Part = NOTHING) -> None:
        self.fixed = fixed
        self.own = own
        self.told = told

    def __len__(self) -> int:
        return self.fixed.size + len(self.own) + self.told.size

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs())

    @overload
    def __getitem__(self, index: int, /) -> Pair: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice, /) -> Pair | Sequence[Pair]:
        return self._pairs()[index]

    def __eq__(self, other: object) -> bool:
        # Compiled, an abstract base's own registered classes count as instances, of which text is one.
        if type(other) is Fields or isinstance(other, list | tuple):
            return self._pairs() == [*other]
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        return f"<Fields {', '.join(name for name, _ in self)}>"  # as above

    def _pairs(self) -> list[Pair]:
        return [*self.fixed.pairs, *self.own, *self.told.pairs]
