"""An endpoint that answers nothing with 204 once did not build."""

import httpx
import pytest

from bff import BFF, ClientProfile, Upstream, call, endpoint
from tests.support.virtual import run


class Store(Upstream):
    base_url = "http://store.test"

    @call.delete("/products/{number}")
    def remove(self, number: int) -> None: ...


class Page(ClientProfile):
    @endpoint.delete("/returned/{number}", status_code=204)
    def returned(self, number: int) -> None:
        return Store.remove(number)

    @endpoint.delete("/stated/{number}", status_code=204)
    def stated(self, number: int) -> None:
        Store.remove(number)

    @endpoint.delete("/awaited/{number}", status_code=204)
    async def awaited(self, number: int, store: Store) -> None:
        await store.remove(number)


async def answers(path: str) -> tuple[httpx.Response, list[str]]:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return httpx.Response(204)

    app = BFF(Page, upstreams={Store: {"transport": httpx.MockTransport(answer)}}, observers=())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://page.test") as client:
        return await client.delete(path), asked


@pytest.mark.parametrize("path", ["/returned/7", "/stated/7", "/awaited/7"])
def test_it_does_what_it_says_and_sends_nothing(path: str) -> None:
    response, asked = run(answers(path))
    told = {"content-type", "content-length"} & response.headers.keys()
    assert (204, b"", set(), ["DELETE /products/7"]) == (response.status_code, response.content, told, asked)
