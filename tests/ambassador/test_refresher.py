"""Addresses behind a name on virtual time: when they are looked up, who waits, and what is kept."""

import asyncio
import contextvars
from collections.abc import Sequence

import pytest

from bff import DeadlineExceeded, LoadBalancing, Timeout, UpstreamUnreachable
from bff.ambassador import Ambassador, Context
from bff.ambassador._refresher import Found, NotResolved, Refresher
from bff.events import AddressesChanged, CallFailed, Event, ResolutionFailed
from tests.support.scripted import ScriptedWire
from tests.support.virtual import run


class Names:
    """A DNS that plays a script: what each lookup gives, the last one again and again, each after `delay` seconds."""

    def __init__(self, *answers: Found | Exception, delay: float = 0.0) -> None:
        self.answers: Sequence[Found | Exception] = answers
        self.delay = delay
        self.asked: list[float] = []

    async def __call__(self, name: str, /) -> Found:
        assert name == "catalog"
        self.asked.append(asyncio.get_running_loop().time())
        answer, self.answers = self.answers[0], self.answers[1:] or self.answers
        await asyncio.sleep(self.delay)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def gaps(self) -> list[float]:
        return [round(after - before, 6) for before, after in zip(self.asked, self.asked[1:], strict=False)]


class There:
    """An ambassador to a name, with what it told and whom it asked."""

    def __init__(self, names: Names, base_url: str = "dns://catalog:8000/api", timeout: Timeout | None = None) -> None:
        self.wire = ScriptedWire()
        self.events: list[Event] = []
        self.ambassador = Ambassador(
            base_url,
            wire=self.wire,
            resolver=names,
            retry=None,
            timeout=timeout,
            balancing=LoadBalancing("round_robin"),
            observers=[self.events.append],
        )

    async def origins(self, *, calls: int) -> set[str]:
        """Make calls, and return the origins that they went to."""
        for _ in range(calls):
            await self.ambassador.get("/")
        return {request.origin for request in self.wire.requests[-calls:]}

    def addresses(self) -> list[str]:
        return [address.address for address in self.ambassador.statistics().addresses]


def found(*addresses: str, ttl: float = 10.0) -> Found:
    return Found(addresses, ttl)


@pytest.mark.parametrize(
    ("base_url", "origin", "host", "target"),
    [
        ("dns://catalog:8000/api", "http://10.0.0.1:8000", "catalog:8000", "/api/"),
        ("dns://catalog", "http://10.0.0.1", "catalog", "/"),
        ("dns+https://catalog:8443", "https://10.0.0.1:8443", "catalog:8443", "/"),
    ],
)
def test_a_request_goes_to_an_address_and_names_the_name(base_url: str, origin: str, host: str, target: str) -> None:
    async def main() -> None:
        there = There(Names(found("10.0.0.1")), base_url)
        await there.ambassador.get("/")
        (request,) = there.wire.requests
        assert (origin, host, target) == (request.origin, request.host, request.target)
        assert base_url in repr(there.ambassador)
        await there.ambassador.aclose()

    run(main())


def test_addresses_of_both_families_are_used() -> None:
    async def main() -> None:
        there = There(Names(found("10.0.0.1", "fd00::1")))
        assert {"http://10.0.0.1:8000", "http://[fd00::1]:8000"} == await there.origins(calls=2)

    run(main())


def test_calls_before_the_first_answer_wait_for_it_together_and_later_ones_do_not_wait() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        names = Names(found("10.0.0.1", ttl=5.0), delay=2.0)
        there = There(names)
        start = loop.time()
        await asyncio.gather(*[there.ambassador.get("/") for _ in range(20)])
        assert (2.0, 1) == (loop.time() - start, len(names.asked))
        await asyncio.sleep(5.5)
        assert 2 == len(names.asked)  # the second one is under way
        start = loop.time()
        await there.ambassador.get("/")
        assert start == loop.time()

    run(main())


def test_an_answer_is_asked_for_again_when_its_time_is_over() -> None:
    async def main() -> None:
        answers = [found("10.0.0.1", ttl=ttl) for ttl in (7.0, 0.0, 86400.0)]
        names = Names(*answers)
        there = There(names)
        await there.ambassador.get("/")
        await asyncio.sleep(80)
        # At least a second and at most a minute, and up to a tenth more: not all processes at once.
        assert [
            pytest.approx(7.35, rel=0.05),
            pytest.approx(1.05, rel=0.05),
            pytest.approx(63, rel=0.05),
        ] == names.gaps()

    run(main())


def test_addresses_that_stay_keep_what_is_known_of_them() -> None:
    async def main() -> None:
        names = Names(found("10.0.0.1", "10.0.0.2"), found("10.0.0.3", "10.0.0.2"))
        there = There(names)
        await there.origins(calls=2)
        first, stays = there.ambassador._addresses.cluster.members  # type: ignore[union-attr]
        stays.calls = 77
        await asyncio.sleep(15)
        stayed, new = there.ambassador._addresses.cluster.members  # type: ignore[union-attr]
        assert stays is stayed
        assert 0 == new.calls
        assert {"http://10.0.0.2:8000", "http://10.0.0.3:8000"} == await there.origins(calls=2)
        new_set = ("http://10.0.0.2:8000", "http://10.0.0.3:8000")
        changes = [event for event in there.events if isinstance(event, AddressesChanged)]
        assert AddressesChanged("catalog:8000", new_set, (new_set[1],), (first.origin,)) == changes[-1]
        assert 2 == len(changes)

    run(main())


@pytest.mark.parametrize("failure", [NotResolved("catalog: no such name"), found(), LookupError("a bug")])
def test_what_fails_to_resolve_keeps_the_last_good_addresses(failure: Found | Exception) -> None:
    async def main() -> None:
        names = Names(found("10.0.0.1"), failure, failure, failure, failure, found("10.0.0.2", ttl=1000.0))
        there = There(names)
        await there.ambassador.get("/")
        await asyncio.sleep(12)
        assert {"http://10.0.0.1:8000"} == await there.origins(calls=3)
        failed = [event for event in there.events if isinstance(event, ResolutionFailed)]
        assert ("catalog:8000", "catalog", 1) == (failed[0].upstream, failed[0].name, failed[0].kept)
        await asyncio.sleep(30)
        assert {"http://10.0.0.2:8000"} == await there.origins(calls=3)
        assert [10, 1, 2, 4, 5] == [int(gap) for gap in names.gaps()[:5]]

    run(main())


def test_where_nothing_was_ever_found_a_call_fails_without_being_sent_and_without_waiting_again() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        names = Names(NotResolved("catalog: no such name"), found("10.0.0.1"), delay=0.5)
        there = There(names)
        start = loop.time()
        outcomes = await asyncio.gather(*[there.ambassador.get("/") for _ in range(3)], return_exceptions=True)
        assert [("catalog:8000: no address: catalog: no such name", False)] * 3 == [
            (str(error), error.sent) for error in outcomes if isinstance(error, UpstreamUnreachable)
        ]
        assert start + 0.5 == loop.time()
        with pytest.raises(UpstreamUnreachable):
            await there.ambassador.get("/")
        assert (start + 0.5, 1, 0) == (loop.time(), len(names.asked), len(there.wire.sent))
        await asyncio.sleep(2)
        assert 200 == (await there.ambassador.get("/")).status
        assert ["unreachable"] * 4 == [event.cause for event in there.events if isinstance(event, CallFailed)]

    run(main())


def test_the_first_answer_is_waited_for_within_the_time_of_the_call() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        there = There(Names(found("10.0.0.1"), delay=30.0), timeout=Timeout(total=2.0))
        start = loop.time()
        with pytest.raises(UpstreamUnreachable, match="not resolved in time") as late:
            await there.ambassador.get("/")
        assert (2.0, False) == (loop.time() - start, late.value.sent)
        onion = there.ambassador._onion
        with pytest.raises(DeadlineExceeded):
            await onion.send(there.ambassador._request("GET", "/", {}), Context("test", deadline=loop.time() + 1.0))
        task = asyncio.current_task()
        assert task is not None
        assert (3.0, 0) == (loop.time() - start, task.cancelling())

    run(main())


def test_a_waiter_that_leaves_takes_nothing_with_it() -> None:
    async def main() -> None:
        names = Names(found("10.0.0.1"), delay=3.0)
        there = There(names)
        first, second = (asyncio.ensure_future(there.ambassador.get("/")) for _ in range(2))
        await asyncio.sleep(1)
        first.cancel()
        assert 200 == (await second).status
        assert (True, 1) == (first.cancelled(), len(names.asked))

    run(main())


def test_closing_ends_the_task_and_the_waiting() -> None:
    async def main() -> None:
        there = There(Names(found("10.0.0.1"), delay=3.0))
        call = asyncio.ensure_future(there.ambassador.get("/"))
        await asyncio.sleep(1)
        assert 3 == len(asyncio.all_tasks())
        await there.ambassador.aclose()
        with pytest.raises(UpstreamUnreachable, match="closed meanwhile"):
            await call
        assert 1 == len(asyncio.all_tasks())
        await there.ambassador.aclose()
        await There(Names(found("10.0.0.1"))).ambassador.aclose()

    run(main())


def test_what_was_found_on_one_loop_is_used_and_kept_fresh_on_the_next() -> None:
    names = Names(found("10.0.0.1"), found("10.0.0.2"))
    there = There(names)
    assert {"http://10.0.0.1:8000"} == run(there.origins(calls=1))

    async def main() -> set[str]:
        assert {"http://10.0.0.1:8000"} == await there.origins(calls=1)
        await asyncio.sleep(0.1)
        later = await there.origins(calls=1)
        await there.ambassador.aclose()
        return later

    assert {"http://10.0.0.2:8000"} == run(main())
    assert 2 == len(names.asked)


def test_the_task_keeps_no_variables_of_the_request_that_began_it() -> None:
    variable = contextvars.ContextVar("variable", default="nobody's")
    seen: list[str] = []

    async def lookup(_: str) -> Found:
        seen.append(variable.get())
        return found("10.0.0.1")

    async def main() -> None:
        variable.set("a user's")
        refresher = Refresher("catalog", lookup, found=lambda _: None, failed=print, random=lambda: 0.0)
        await refresher.ready(Context("test"))
        assert ["nobody's"] == seen
        await refresher.aclose()

    run(main())
