"""The layers for any code that uses httpx2, the living fork of httpx (extra `httpx2`)."""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Unpack, cast

from bff.ambassador._library import Library
from bff.ambassador._policies import PolicyOptions
from bff.ambassador._transport import IncomingBody, LayeredTransport, extensions_of, raw_headers
from bff.ambassador._wires import Verify
from bff.events import Observer

try:
    import httpx2
except ImportError as error:
    raise ImportError("bff.ambassador.httpx2 needs httpx2: pip install 'bff-framework[httpx2]'") from error

if TYPE_CHECKING:
    import httpx

__all__ = ["AmbassadorTransport"]


class _Body(httpx2.AsyncByteStream):
    def __init__(self, body: IncomingBody) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.parts()

    async def aclose(self) -> None:
        await self._body.aclose()


class AmbassadorTransport(LayeredTransport, httpx2.AsyncBaseTransport):
    """Make any `httpx2.AsyncClient` resilient: what `bff.ambassador.AmbassadorTransport` is for httpx."""

    _library = cast("Library", httpx2)

    def __init__(
        self,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        verify: "Verify" = True,
        observers: Iterable[Observer] = (),
        **policies: Unpack[PolicyOptions],
    ) -> None:
        inner = cast("httpx.AsyncBaseTransport | None", transport)
        super().__init__(inner, verify=verify, observers=observers, **policies)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request through the layers; raises `httpx2.TransportError`s."""
        response, body = await self._head(cast("httpx.Request", request))
        return httpx2.Response(
            response.status, headers=raw_headers(response), stream=_Body(body), extensions=extensions_of(response)
        )
