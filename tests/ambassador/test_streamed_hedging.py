"""Hedges of streamed calls: the head decides, and no body is left open but the one that is handed on."""

import asyncio
from dataclasses import replace

import pytest

from bff import Hedging
from bff.ambassador import Context, Policies, Request, Response, Stream, build_onion
from tests.support.virtual import run

HEDGED = replace(Policies(timeout=None, retry=None, breaker=None, bulkhead=None), hedging=Hedging(0.1))
GET = Request("GET", "http://test", "/")


class Body:
    """A body that is one text, and knows whether it was read or left."""

    def __init__(self, text: bytes) -> None:
        self.parts = [text]
        self.is_left = False

    async def read(self) -> bytes:
        return self.parts.pop() if self.parts else b""

    async def aclose(self) -> None:
        self.is_left = True

    def abandon(self) -> None:
        self.is_left = True


class Heads:
    """A wire that gives one head after another, each after its seconds."""

    def __init__(self, *plans: tuple[float, int]) -> None:
        self.plans = list(plans)
        self.bodies: dict[int, Body] = {}

    async def send(self, _request: Request, _context: Context, /) -> Response:
        seconds, status = self.plans.pop(0)
        number = 2 - len(self.plans)
        await asyncio.sleep(seconds)
        body = self.bodies[number] = Body(f"try {number}".encode())
        return Response(status, {}, b"", stream=Stream(body))


@pytest.mark.parametrize(
    ("plans", "expected", "left"),
    [
        pytest.param([(0.05, 200), (9.0, 200)], (200, b"try 1"), {}, id="not late"),
        pytest.param([(9.0, 200), (0.1, 200)], (200, b"try 2"), {}, id="the hedge wins"),
        pytest.param([(0.3, 200), (0.1, 503)], (200, b"try 1"), {2: True}, id="a fast failure does not win"),
        pytest.param([(0.2, 503), (0.3, 200)], (200, b"try 2"), {1: True}, id="the first fails, the hedge does not"),
        pytest.param([(0.2, 503), (0.3, 502)], (503, b"try 1"), {2: True}, id="both fail"),
    ],
)
def test_one_body_is_handed_on_and_every_other_is_closed(
    plans: list[tuple[float, int]], expected: tuple[int, bytes], left: dict[int, bool]
) -> None:
    async def main() -> None:
        wire = Heads(*plans)
        onion = build_onion(HEDGED, send=wire.send, name="test")
        response = await onion.send(GET, Context("test", is_streamed=True))
        stream = response.stream
        assert stream is not None
        assert expected == (response.status, b"".join([part async for part in stream]))
        assert left == {number: body.is_left for number, body in wire.bodies.items() if body.is_left}
        assert {asyncio.current_task()} == asyncio.all_tasks()

    run(main())


@pytest.mark.parametrize("cancelled_at", [0.15, 0.25, 0.35])
def test_a_call_that_is_cancelled_leaves_every_body(cancelled_at: float) -> None:
    async def main() -> None:
        wire = Heads((0.2, 503), (0.3, 503))
        onion = build_onion(HEDGED, send=wire.send, name="test")
        call = asyncio.ensure_future(onion.send(GET, Context("test", is_streamed=True)))
        await asyncio.sleep(cancelled_at)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert all(body.is_left for body in wire.bodies.values())
        assert {asyncio.current_task()} == asyncio.all_tasks()

    run(main())
