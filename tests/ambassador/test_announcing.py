"""What an upstream is told of a try: which one it is, and how long it is waited for."""

import asyncio
from collections.abc import Sequence

import pytest
from tenacity import wait_fixed

from bff import Retry, Timeout
from bff.ambassador import Ambassador, Context, Policies, Request, build_onion
from tests.support.scripted import ScriptedWire
from tests.support.virtual import run

TIME, COUNT = "x-envoy-expected-rq-timeout-ms", "x-envoy-attempt-count"


def told(requests: Sequence[Request], name: str) -> list[str | None]:
    return [dict(request.headers).get(name) for request in requests]


def sent(policies: Policies, *, within: float | None = None, statuses: tuple[int, ...] = (200,)) -> list[Request]:
    """Return the requests of one call, each of whose tries takes 0.1 seconds."""
    wire = ScriptedWire(statuses, delay=0.1)

    async def main() -> None:
        deadline = None if within is None else asyncio.get_running_loop().time() + within
        onion = build_onion(policies, send=wire.send, name="test")
        await onion.send(Request("GET", "http://test", "/"), Context("test", deadline=deadline))

    run(main())
    return wire.requests


@pytest.mark.parametrize(
    ("timeout", "within", "expected"),
    [
        (Timeout(total=2.0, per_try=0.5), None, "495"),
        (Timeout(total=2.0), None, "995"),
        (Timeout(total=2.0, per_try=None), None, "1995"),
        (Timeout(total=2.0, per_try=0.5), 0.25, "245"),
        (None, 0.25, "245"),
        (None, None, None),
        (Timeout(total=2.0, per_try=0.104), None, "99"),
    ],
)
def test_the_time_is_what_is_left_for_this_try_less_the_way_back(
    timeout: Timeout | None, within: float | None, expected: str | None
) -> None:
    assert [expected] == told(sent(Policies(timeout=timeout), within=within), TIME)


def test_a_time_that_is_nearly_over_is_told_as_one_millisecond_and_never_as_none_or_less() -> None:
    async def main() -> list[str | None]:
        wire = ScriptedWire()
        onion = build_onion(Policies(), send=wire.send, name="test")
        now = asyncio.get_running_loop().time()
        await onion.send(Request("GET", "http://test", "/"), Context("test", deadline=now + 0.002))
        return told(wire.requests, TIME)

    assert ["1"] == run(main())


def test_every_try_is_told_its_number_and_its_own_time() -> None:
    policies = Policies(timeout=Timeout(total=1.0, per_try=0.8), retry=Retry(attempts=3, wait=wait_fixed(0.2)))
    requests = sent(policies, statuses=(503, 503, 200))
    assert ["1", "2", "3"] == told(requests, COUNT)
    assert ["795", "695", "395"] == told(requests, TIME)


def test_the_header_has_the_name_that_the_upstream_gives_it() -> None:
    assert ["995"] == told(sent(Policies(timeout=Timeout(2.0), deadline_header="X-Time-Left")), "x-time-left")


def test_a_third_party_is_told_nothing() -> None:
    request, *_ = sent(Policies(deadline_header=None))
    assert () == tuple(request.headers)


def test_a_request_that_is_tried_again_does_not_grow() -> None:
    async def main() -> list[Request]:
        wire = ScriptedWire((503, 503, 200))
        async with Ambassador("http://test", wire=wire, retry=Retry(wait=wait_fixed(0.1))) as ambassador:
            await ambassador.get("/", headers={"a": "b"})
        return wire.requests

    assert [["user-agent", "a", COUNT, TIME]] * 3 == [[name for name, _ in request.headers] for request in run(main())]
