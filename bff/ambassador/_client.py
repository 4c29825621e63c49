"""One upstream for any application: a small client around the onion and its wire."""

import json as jsonlib
import random as chance
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Literal, Self, TypedDict, Unpack, cast
from urllib.parse import quote, urlencode

from bff.ambassador._address import address
from bff.ambassador._addresses import new_addresses
from bff.ambassador._auth import Auth, authenticating
from bff.ambassador._core import Context, Request, Response, Send, Wire
from bff.ambassador._onion import Onion, build_onion
from bff.ambassador._parts import OnionStatistics
from bff.ambassador._policies import Policies, PolicyOptions
from bff.ambassador._refresher import Lookup
from bff.ambassador._stream import Upload, UploadFailed
from bff.ambassador._streamed import StreamedResponse
from bff.ambassador._wires import Transport, Verify, new_wire
from bff.errors import BFFError
from bff.events import Emitter, Observer
from bff.policy import Timeout

__all__ = ["Ambassador", "Options"]

# RFC 3986 section 3.3: what a path may hold besides letters and digits; `%` stays, so that escapes are not escaped.
_IN_PATH: Final = "/%:@!$&'()*+,;=~"
_IN_QUERY: Final = _IN_PATH + "?"
# What is left as it is.
_PLAIN: Final = re.compile(rf"/[\w.~{re.escape(_IN_PATH)}-]*", re.ASCII)


class Options(TypedDict, total=False):
    """
    What a request may have besides method and path.

    `params` becomes the query (a sequence is repeated, `None` left out), `json` or `content` the body, `timeout`
    replaces the ambassador's for this call (a number is the total, in seconds). A `content` that is an asynchronous
    iterable is sent part by part and once: such a request is not repeated after any of it has been sent.
    """

    params: Mapping[str, object] | None
    headers: Mapping[str, str] | None
    json: Any
    content: bytes | str | AsyncIterable[bytes] | None
    timeout: float | Timeout | None


class Ambassador:
    """
    Call one upstream resiliently.

    An answer of 4xx or 5xx is returned once the policies have done what they can; `UpstreamError` and
    `RejectedError` are raised where there is none. `policies` are the fields of `Policies`; one that is `None` is
    off. `auth` is an `httpx.Auth`, or a function that takes the request and returns headers to add, asynchronous or
    not. `transport` is any httpx transport to speak through instead of the default wire; `wire` is one of your own.
    `base_url` is an address, several, or a name that DNS resolves to several (`dns://catalog:8000`), by default as the
    system would; `resolver` is another way, such as a `Resolver` with nameservers of its own.
    """

    def __init__(  # noqa: PLR0913 - an upstream's settings, under the same names
        self,
        base_url: str | Sequence[str],
        *,
        headers: Mapping[str, str] | None = None,
        auth: "Auth | None" = None,
        verify: "Verify" = True,
        max_body: int = 10_000_000,
        transport: "Transport | None" = None,
        wire: Wire | None = None,
        resolver: Lookup | None = None,
        name: str | None = None,
        observers: Iterable[Observer] = (),
        **policies: Unpack[PolicyOptions],
    ) -> None:
        self._address = address(base_url)
        self.name = name or ",".join([origin.partition("://")[2] for origin in self._address.origins])
        self._headers = {"user-agent": "bff", **self._address.headers, **_lowered(headers)}
        self._policies = Policies(**policies)
        timeout = self._policies.timeout
        connect = timeout.connect if timeout else None
        self._max_body = max_body
        self._wire = wire or new_wire(transport, connect=connect, verify=verify, max_body=max_body)
        inner: Send = authenticating(auth)(self._wire.send) if auth is not None else self._wire.send
        emitter = Emitter(observers).telling(self._policies.deadline_header is not None)
        self._addresses = new_addresses(
            self._address,
            name=self.name,
            balancing=self._policies.balancing,
            outliers=self._policies.outliers,
            emitter=emitter,
            resolver=resolver,
            random=chance.random,
        )
        self._onion: Onion = build_onion(
            self._policies, send=inner, name=self.name, emitter=emitter, addresses=self._addresses
        )

    async def request(self, method: str, path: str, **options: Unpack[Options]) -> Response:
        """
        Send one request and return the answer, whatever its status.

        `path` may have a query and is percent-encoded where it needs to be; one with a `..` is refused
        (`UnsafePath`) before anything is sent.
        """
        return await self._send(self._request(method, path, options), Context(self.name), options)

    @asynccontextmanager
    async def stream(self, method: str, path: str, **options: Unpack[Options]) -> AsyncGenerator[StreamedResponse]:
        """
        Send one request and give the answer as soon as its head is there, whatever its status; see `request`.

        From then on nothing is repeated. The total timeout holds over the body as well, the one of a try ends with the
        head. The block's end closes the connection where the body has not been read whole.
        """
        context = Context(self.name, is_streamed=True)
        response = await self._send(self._request(method, path, options), context, options)
        answer = StreamedResponse(response, context, max_body=self._max_body)
        try:
            yield answer
        finally:
            await answer.aclose()

    async def get(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a GET; see `request`."""
        return await self.request("GET", path, **options)

    async def head(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a HEAD; see `request`."""
        return await self.request("HEAD", path, **options)

    async def post(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a POST; see `request`. It is tried again only with an `Idempotency-Key`, or if it was never sent."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a PUT; see `request`."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a PATCH; see `request`. It is tried again as a POST is."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a DELETE; see `request`."""
        return await self.request("DELETE", path, **options)

    def force_breaker(self, state: Literal["open", "closed"] | None) -> None:
        """Hold the circuit breaker open or closed, whatever happens; `None` lets it judge again."""
        self._onion.force_breaker(state)

    def statistics(self) -> OnionStatistics:
        """Return what the layers know now."""
        return self._onion.statistics()

    async def aclose(self) -> None:
        """Close every connection."""
        self._onion.close()
        if self._addresses is not None:
            await self._addresses.aclose()
        await self._wire.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Ambassador to {self._address}: {' > '.join(self._onion.layers)}>"

    async def _send(self, request: Request, context: Context, options: Options) -> Response:
        try:
            return await self._onion_for(options).send(request, context)
        except UploadFailed as failed:
            raise failed.error from None
        except BFFError as error:
            context.count_in(error)
            raise

    def _onion_for(self, options: Options) -> Onion:
        if "timeout" not in options:
            return self._onion
        timeout = options["timeout"]
        if isinstance(timeout, int | float):
            timeout = replace(self._policies.timeout or Timeout(), total=float(timeout))
        return self._onion.retimed(timeout)

    def _request(self, method: str, path: str, options: Options) -> Request:
        headers = self._headers | _lowered(options.get("headers"))
        content = options.get("content") or b""
        if "json" in options:
            content = jsonlib.dumps(options["json"], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            headers.setdefault("content-type", "application/json")
        return Request(
            method=method.upper(),
            origin=self._address.origin,
            target=self._address.prefix + _target(path, options.get("params")),
            headers=tuple(headers.items()),
            content=_sendable(content),
        )


def _sendable(content: bytes | str | AsyncIterable[bytes]) -> bytes | AsyncIterable[bytes]:
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else Upload(content)


def _target(path: str, params: Mapping[str, object] | None) -> str:
    if not params and _PLAIN.fullmatch(path):
        return path
    path, _, query = path.partition("?")
    pairs = [(name, item) for name, value in (params or {}).items() for item in _items(value)]
    queries = [quote(query, safe=_IN_QUERY), urlencode(pairs)]
    target = quote(path if path.startswith("/") else f"/{path}", safe=_IN_PATH)
    joined = "&".join(part for part in queries if part)
    return f"{target}?{joined}" if joined else target


def _items(value: object) -> Iterable[str]:
    if value is None:
        return ()
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [text for item in cast("Iterable[object]", value) for text in _items(item)]
    return (str(value),)


def _lowered(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}
