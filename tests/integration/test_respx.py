"""What is mocked with respx stays mockable: an upstream speaks through an httpx transport when it is given one."""

import asyncio

import httpx
import pytest
import respx

from bff import UpstreamStatus
from bff.ambassador import AmbassadorTransport
from tests.support.shop import ANSWERS, Catalog


def test_an_upstream_on_an_httpx_transport_is_mocked_by_respx() -> None:
    async def main() -> None:
        async with Catalog(transport=httpx.AsyncHTTPTransport(), retry=None) as catalog:
            with respx.mock(base_url="http://catalog.test") as mocked:
                mocked.get("/products/7").respond(json=ANSWERS["catalog.test"])
                mocked.get("/products/8").respond(500)
                assert "Lamp" == (await catalog.product(7)).name
                with pytest.raises(UpstreamStatus):
                    await catalog.product(8)

    asyncio.run(main())


def test_a_client_with_our_transport_is_mocked_by_respx() -> None:
    async def main() -> None:
        transport = AmbassadorTransport(transport=httpx.AsyncHTTPTransport())
        async with httpx.AsyncClient(transport=transport) as client:
            with respx.mock:
                respx.get("http://catalog.test/products/7").respond(json={"id": 7})
                assert {"id": 7} == (await client.get("http://catalog.test/products/7")).json()

    asyncio.run(main())
