"""The headers of a request, decoded when somebody asks for them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar, overload

from typing_extensions import override

__all__ = ["Received"]

T = TypeVar("T")


class Received(Mapping[str, str]):
    """
    The values of headers by their lower-case names; what is said twice is said once, in order (RFC 9110 section 5.2).

    >>> Received([(b"accept", b"a/b"), (b"accept", b"c/d")])["accept"]
    'a/b, c/d'
    """

    __slots__ = ("_values",)

    def __init__(self, raw: Collection[tuple[bytes, bytes]]) -> None:
        self._values = dict(raw)
        if len(self._values) < len(raw):
            self._values = _joined(raw)

    @override
    def __getitem__(self, name: str) -> str:
        """Return a value; raises `KeyError` where there is none."""
        return self._values[name.encode()].decode("latin-1")

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str | T, /) -> str | T: ...
    @override
    def get(self, name: str, default: object = None, /) -> object:
        """Return a value, or `default` where there is none."""
        value = self._values.get(name.encode())
        return default if value is None else value.decode("latin-1")

    @override
    def __contains__(self, name: object) -> bool:
        """Say whether there is a header of this name."""
        return isinstance(name, str) and name.encode() in self._values

    @override
    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return (name.decode("latin-1") for name in self._values)

    @override
    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._values)


def _joined(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for name, value in raw:
        values[name] = values[name] + b", " + value if name in values else value
    return values
