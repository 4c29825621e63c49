"""The alarm that ends a try: what holds it, and what it does then."""

import asyncio

import pytest

from bff import Timeout, UpstreamTimeout
from bff.ambassador import Context, Policies, Request, Response, build_onion
from tests.support.virtual import run

GET = Request("GET", "http://test", "/")


class ConnectingWire:
    """A wire that first waits for a connection, and then for the answer."""

    def __init__(self, *, connect: float, answer: float) -> None:
        self.connect = connect
        self.answer = answer

    async def send(self, request: Request, context: Context, /) -> Response:
        assert context.watch is not None
        context.watch.hold()
        await asyncio.sleep(self.connect)
        context.watch.resume()
        await asyncio.sleep(self.answer)
        return Response(200, {}, b"")


def outcome(wire: ConnectingWire, timeout: Timeout) -> tuple[str, float]:
    async def main() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            await build_onion(Policies(timeout=timeout, retry=None), send=wire.send, name="test").send(
                GET, Context("test")
            )
            told = "answered"
        except UpstreamTimeout:
            told = "timeout"
        return told, round(loop.time() - start, 6)

    return run(main())


@pytest.mark.parametrize(
    ("connect", "answer", "expected"),
    [
        (0.0, 0.2, ("answered", 0.2)),
        (0.0, 0.4, ("timeout", 0.3)),
        (0.2, 0.2, ("answered", 0.4)),
        (0.2, 0.4, ("timeout", 0.5)),
        (0.5, 0.2, ("answered", 0.7)),
        (0.5, 0.4, ("timeout", 0.8)),
        (0.9, 0.2, ("timeout", 1.0)),
    ],
)
def test_the_clock_of_a_try_stands_while_it_waits_for_a_connection_and_that_of_the_call_does_not(
    connect: float, answer: float, expected: tuple[str, float]
) -> None:
    assert expected == outcome(ConnectingWire(connect=connect, answer=answer), Timeout(total=1.0, per_try=0.3))
