"""Take a base URL apart: where to connect to, what comes before every path, and a credential that it carries."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote, urlsplit

from bff._frames import user_frame
from bff.errors import DeclarationError, Problem

__all__ = ["Address", "address"]

_SCHEMES: Final = {"http": "http", "https": "https", "dns": "http", "dns+https": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where an upstream is.

    `origin` is `scheme://host[:port]`, `prefix` what stands before every path (empty, or with a leading and no
    trailing slash). A user and password of the URL are in `headers` as an `Authorization` (RFC 7617), nowhere
    else: not in `repr`, not in errors. `others` are the origins of further addresses; `is_name` says that the host of
    `origin` is a name for DNS, and that tries go to what it resolves to.
    """

    origin: str
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    others: tuple[str, ...] = ()
    is_name: bool = False

    @property
    def origins(self) -> tuple[str, ...]:
        """All of its origins, in the order in which they were given."""
        return (self.origin, *self.others)

    def __str__(self) -> str:
        if self.is_name:
            scheme, _, authority = self.origin.partition("://")
            return f"{'dns+https' if scheme == 'https' else 'dns'}://{authority}{self.prefix}"
        return ", ".join([origin + self.prefix for origin in self.origins])


def address(base_url: str | Sequence[str]) -> Address:
    """
    Return the parts of `base_url`: absolute, http or https, without query or fragment, or a sequence of those.

    `dns://host:port` and `dns+https://host:port` stand for what DNS has for the host, spoken to by http and https.
    Several have one path and one credential. Raises `DeclarationError` where it is anything else.
    """
    if isinstance(base_url, str):
        return _one(base_url)
    several = [_one(url) for url in base_url]
    if len(several) == 1:
        return several[0]
    if not several:
        raise _wrong("base_url has no address", "give one, or several")
    first, *others = several
    if any(each.is_name for each in several):
        raise _wrong("base_url has a name for DNS among several addresses", "give the name alone, or addresses only")
    if any((each.prefix, each.headers) != (first.prefix, first.headers) for each in others):
        what = "the addresses of base_url differ in their path or credential"
        raise _wrong(what, "give all of them the same: a request must not depend on which of them gets it")
    twice = next((each.origin for i, each in enumerate(several) if each.origin in _origins(several[:i])), None)
    if twice is not None:
        raise _wrong(f"base_url has {twice} twice", "give it once; LoadBalancing(weights=...) gives it a larger share")
    return replace(first, others=tuple(each.origin for each in others))


def _origins(several: Sequence[Address]) -> list[str]:
    return [each.origin for each in several]


def _one(base_url: str) -> Address:
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not host or parts.query or parts.fragment:
        # Only what no credential can stand in is repeated.
        what = f"base_url is no http or https address: {base_url.rpartition('@')[2]!r}"
        raise _wrong(what, 'give scheme and host, and nothing after the path: "https://catalog.example:8443/api"')
    netloc = f"[{host}]" if ":" in host else host
    origin = f"{scheme}://{netloc}" + (f":{port}" if port else "")
    headers: dict[str, str] = {}
    if parts.username is not None:
        credential = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["authorization"] = f"Basic {b64encode(credential.encode()).decode()}"
    return Address(origin, parts.path.rstrip("/"), headers, is_name=parts.scheme != scheme)


def _wrong(what: str, mend: str) -> DeclarationError:
    file, line = user_frame()
    return DeclarationError(Problem(what, mend, where="base_url", file=file, line=line))
