"""Whoever watches for a client that leaves took parts of a body that the endpoint itself was reading."""

import asyncio
from typing import Any

from fastapi import Request

from bff import BFF, ClientProfile, endpoint
from tests.support.virtual import run


class Raw(ClientProfile):
    @endpoint.post("/lengths")
    async def lengths(self, request: Request) -> list[int]:
        lengths: list[int] = []
        async for part in request.stream():
            lengths.append(len(part))
            await asyncio.sleep(1)
        return lengths


def test_a_body_that_is_read_slowly_is_read_whole() -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"x" * size, "more_body": size < 5} for size in (1, 2, 3, 4, 5)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        await asyncio.sleep(0.1)
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/lengths",
            "raw_path": b"/lengths",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"test"), (b"transfer-encoding", b"chunked")],
        }
        await BFF(Raw, observers=())(scope, receive, send)

    run(main())
    assert b"[1,2,3,4,5,0]" == sent[-1]["body"]
