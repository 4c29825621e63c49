"""Get the OpenAPI documents that contracts are held against: from an upstream, an address, or a file."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from bff.ambassador import Ambassador
from bff.declare._upstream import Upstream
from bff.errors import BFFError
from bff.plan._document import Document
from bff.policy import Retry, Timeout

ALL = "all"
"""What stands for every upstream, asked at its own address."""

_TIMEOUT = Timeout(total=10.0, per_try=4.0, connect=3.0)
_USUAL = "/openapi.json"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class NoDocument(Exception):
    """There is no document to be had; the message says why."""


class Unclear(Exception):
    """It cannot be told which upstream is meant; the message says how to say it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the document of an upstream is: an address, of the document or of the service, or a file."""

    upstream: type[Upstream]
    location: str


def sources(wanted: list[str], upstreams: Mapping[type[Upstream], Upstream]) -> list[Source]:
    """
    Return what `--against` names: `all`, an address, or `name=` and an address or a file.

    Raises `Unclear` where that does not lead to an upstream of the app.
    """
    return [source for text in wanted for source in _sources(text, upstreams)]


def _sources(text: str, upstreams: Mapping[type[Upstream], Upstream]) -> Iterator[Source]:
    name, mark, location = text.partition("=")
    if text == ALL:
        yield from (Source(cls, str(upstream.connection.address)) for cls, upstream in upstreams.items())
    elif mark and "/" not in name:
        named = [cls for cls, upstream in upstreams.items() if name in (upstream.connection.name, cls.__name__)]
        if not named:
            known = ", ".join(upstream.connection.name for upstream in upstreams.values())
            raise Unclear(f"there is no upstream `{name}`; there are: {known or 'none'}")
        yield from (Source(cls, location) for cls in named)
    else:
        yield from (Source(cls, text) for cls in _found(text, upstreams))


def _found(text: str, upstreams: Mapping[type[Upstream], Upstream]) -> list[type[Upstream]]:
    """Return the upstreams that are at an address, or the only one there is."""
    addresses = {cls: str(upstream.connection.address) for cls, upstream in upstreams.items()}
    try:
        wanted = _host(text)
    except ValueError:
        raise Unclear(f"{text} is no address") from None
    found = [cls for cls, address in addresses.items() if "://" in text and _host(address) == wanted]
    if found or len(upstreams) == 1:
        return found or [*upstreams]
    names = [upstream.connection.name for upstream in upstreams.values()]
    listed = ", ".join(f"{name} at {address}" for name, address in zip(names, addresses.values(), strict=True))
    mend = f"say which is meant: `--against {names[0] if names else 'name'}={text}`"
    raise Unclear(f"no upstream is at {text}; {mend}. There are: {listed or 'none'}")


def _host(address: str) -> tuple[str, str, int | None]:
    parts = urlsplit(address)
    host = "localhost" if parts.hostname in _LOCAL else parts.hostname or ""
    return parts.scheme, host, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def documents(wanted: list[Source]) -> list[Document | NoDocument]:
    """Return the document of every source, or why there is none; all are asked at once."""

    async def ask() -> list[Document | NoDocument]:
        return await asyncio.gather(*(_document(source) for source in wanted))

    return asyncio.run(ask())


async def _document(source: Source) -> Document | NoDocument:
    try:
        if "://" in source.location:
            return await _fetched(source)
        text = Path(source.location).read_bytes()  # noqa: ASYNC240 - once, before there is anything to hold up
        return Document(_openapi(text, source.location))
    except NoDocument as reason:
        return reason
    except OSError as error:
        return NoDocument(f"{source.location} cannot be read: {error.strerror or type(error).__name__}")
    except BFFError as error:
        return NoDocument(f"{_shown(source.location)} cannot be asked: {error}")
    except ValueError:
        return NoDocument(f"{_shown(source.location)} is no address")


async def _fetched(source: Source) -> Document:
    """Ask for the document; an address with a path may be the document's or the service's."""
    parts = urlsplit(source.location)
    path = parts.path.rstrip("/")
    targets = [f"{path}?{parts.query}" if parts.query else path] if path else []
    targets += [path + _USUAL] if not path.endswith(".json") else []
    targets += [_USUAL] if path and not path.endswith(".json") else []
    origin = f"{parts.scheme}://{parts.netloc}"
    answers: list[str] = []
    async with Ambassador(
        origin, timeout=_TIMEOUT, retry=Retry(attempts=2), breaker=None, verify=source.upstream.verify
    ) as asked:
        for target in targets:
            response = await asked.get(target, headers={"accept": "application/json"})
            try:
                if response.status == 200:  # noqa: PLR2004 - OK
                    return Document(_openapi(response.content, origin + target))
                answers.append(f"{_shown(origin)}{target} answers {response.status}")
            except NoDocument as reason:
                answers.append(str(reason))
    raise NoDocument("; ".join(answers))


def _openapi(text: bytes, location: str) -> Mapping[str, Any]:
    location = _shown(location)
    try:
        content: object = json.loads(text)
    except ValueError:
        raise NoDocument(f"{location} is no JSON") from None
    if not isinstance(content, dict):
        raise NoDocument(f"{location} is no OpenAPI document")
    document = cast("dict[str, Any]", content)
    version = str(document.get("openapi") or document.get("swagger") or "")
    if not version.startswith("3.") or not isinstance(document.get("paths"), dict):
        raise NoDocument(f"{location} is no OpenAPI 3 document{f' but one of version {version}' if version else ''}")
    return document


def _shown(location: str) -> str:
    """Return an address without the credential that it may carry."""
    scheme, mark, rest = location.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else location
